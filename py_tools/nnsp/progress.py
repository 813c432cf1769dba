# SPDX-License-Identifier: BSD-3-Clause
"""Progress on stderr: a bar on a terminal, a line every ten per cent elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Self, TextIO

SECONDS = 1.0  # least time between two lines; work that ends sooner prints none


def progress(items: Iterable[Any] | None = None, **how: Any) -> Any:
    """Follow items, or a count by ``update``.

    Parameters
    ----------
    items : iterable, optional
    how : by name
        As tqdm takes them: total, desc, unit, initial, leave, disable ...

    Returns
    -------
    tqdm, or `Lines` where stderr is no terminal
    """
    if not sys.stderr.isatty():
        return Lines(items, **how)
    from tqdm import tqdm

    return tqdm(items, **how)


def write(text: str, file: TextIO | None = None) -> None:
    """Print a line (to stdout, if no file is given) that no bar writes over."""
    if not sys.stderr.isatty():
        print(text, file=file, flush=True)
        return
    from tqdm import tqdm

    tqdm.write(text, file=file)


class Lines:
    """As much of tqdm as we use, in lines.

    Parameters
    ----------
    items : iterable, optional
    total : number, optional
        Without it, and without a length of the items, the count is said after 1, 2, 4, ... seconds.
    desc, unit : str
    initial : number
    disable : bool
    """

    def __init__(
        self,
        items: Iterable[Any] | None = None,
        total: float | None = None,
        desc: str = "",
        unit: str = "it",
        initial: float = 0,
        disable: bool = False,
        **_: Any,
    ) -> None:
        self._items = items
        self.n = initial
        self._total = len(items) if total is None and isinstance(items, Sized) else total
        self._head, self._unit, self._after, self._silent = desc and f"{desc}: ", unit, "", disable
        self._tenths = 10 * initial // self._total if self._total else 0
        self._said, self._wait = time.monotonic(), SECONDS

    def __iter__(self) -> Iterator[Any]:
        for item in self._items or ():
            yield item
            self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say nothing more."""
        self._silent = True

    def update(self, count: float = 1) -> None:
        """Count on."""
        self.n += count
        self.refresh()

    def set_postfix(self, **values: str) -> None:
        """Say these, too."""
        self._after = "".join(f", {name} {value}" for name, value in values.items())

    def refresh(self) -> None:
        """Say how far it is, where that is news."""
        now = time.monotonic()
        if self._silent or now - self._said < self._wait:
            return
        if not self._total:
            self._say(f"{self.n:g} {self._unit}", now)
            self._wait *= 2
        elif (tenths := 10 * self.n // self._total) > self._tenths:
            self._say(f"{10 * tenths:.0f} %", now)
            self._tenths = tenths

    def _say(self, text: str, now: float) -> None:
        print(f"{self._head}{text}{self._after}", file=sys.stderr, flush=True)
        self._said = now
