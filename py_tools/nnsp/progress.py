"""Progress on stderr: a bar on a terminal, a line every ten per cent elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Self, TextIO

SECONDS = 1.0  # between two lines at least: what is done sooner says nothing


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
        Without it, and without a length of the items, nothing is said.
    desc : str
    initial : number
    disable : bool
    """

    def __init__(
        self,
        items: Iterable[Any] | None = None,
        total: float | None = None,
        desc: str = "",
        initial: float = 0,
        disable: bool = False,
        **_: Any,
    ) -> None:
        self._items = items
        self.n = initial
        self._total = len(items) if total is None and isinstance(items, Sized) else total
        self._head, self._after, self._silent = desc and f"{desc}: ", "", disable
        self._tenths, self._said = 10 * initial // self._total if self._total else 0, time.monotonic()

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
        if self._silent or not self._total:
            return
        tenths, now = 10 * self.n // self._total, time.monotonic()
        if tenths > self._tenths and now - self._said >= SECONDS:
            print(f"{self._head}{10 * tenths:.0f} %{self._after}", file=sys.stderr, flush=True)
            self._tenths, self._said = tenths, now
