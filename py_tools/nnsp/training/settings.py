# SPDX-License-Identifier: BSD-3-Clause
"""The settings of training, declared once: names, types, defaults, ranges, and what each one means.

The train commands make their flags of them, a sweep what it may search.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from nnsp.errors import UserError
from nnsp.signal import FEAT_TYPES
from nnsp.signal.frontend import FrontEnd
from nnsp.training import optimisation


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; an end that is open is not among them."""

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"be {self.low:g} or more"
        if self.open_low:
            return f"lie between {self.low:g} and {self.high:g}"
        return f"lie from {self.low:g} to {'below ' * self.open_high}{self.high:g}"


@dataclass(frozen=True)
class Setting:
    """One setting, as it is declared.

    Parameters
    ----------
    name : str
    kind : type
        bool, int, float or str.
    default : object
    help : str
    flag : str
        Its name on the command line and in a sweep; empty where it has none.
    range : Range, optional
    choices : tuple of str
        Where it is one of some words.
    parse : callable, optional
        Reads a text that has a form, from the text and its place (for errors).
    form : str
        Placeholder of the value in the help of the flag.
    kept : bool
        Whether training that continues takes it from the epoch loaded unless it is given.
    """

    name: str
    kind: type
    default: Any
    help: str
    flag: str
    range: Range | None = None
    choices: tuple[str, ...] = ()
    parse: Callable[[str, str], object] | None = None
    form: str = ""
    kept: bool = False

    def problem(self, value: Any) -> str:
        """Say what is wrong with a number or a word; nothing where it is right."""
        if self.range and value not in self.range:
            return f"must {self.range}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        return ""

    def check(self, value: Any) -> None:
        """Refuse a value out of range, or a text without the right form.

        Raises
        ------
        UserError
        """
        problem = self.problem(value)
        if problem:
            raise UserError(f"`{self.name}={value}` {problem}")
        if self.parse:
            self.parse(value, self.name)


def _declare(default: Any, help: str, flag: str | None = None, **more: Any) -> Any:
    """A field of `Settings`; ``flag`` is that of its name unless given."""
    return field(default=default, metadata={"help": help, "flag": flag, **more})


@dataclass(frozen=True)
class Settings:
    """How to train. An epoch is `batches` batches of rows, cut into updates of `timesteps` frames.

    Raises
    ------
    UserError
        A value out of its range.
    """

    epochs: int = _declare(100, "last epoch, counted from the first", flag="num_epoch", range=Range(1))
    batch_size: int = _declare(64, "sequences side by side", flag="batchsize", range=Range(1))
    timesteps: int = _declare(100, "frames per update of the weights", range=Range(1))
    batches: int = _declare(100, "batches of sequences per epoch", range=Range(1))
    learning_rate: float = _declare(1e-3, "of the first update", range=Range(0, 1, open_low=True))
    optimizer: str = _declare(
        "adam",
        f"one of {', '.join(optimisation.OPTIMISERS)}, as sgd(momentum=0.9)",
        parse=optimisation.parse_optimizer,
        form="NAME",
        kept=True,
    )
    schedule: str = _declare(
        "cosine",
        f"of the learning rate: one of {', '.join(optimisation.SCHEDULES)}, as step(size=5,gamma=0.98)",
        parse=optimisation.parse_schedule,
        form="NAME",
        kept=True,
    )
    clip: float = _declare(
        1.0, "most that the norm of all gradients together may be, 0: any", range=Range(0), kept=True
    )
    patience: int = _declare(20, "stop after so many epochs without a better one, 0: never", range=Range(0))
    ema: float = _declare(
        0.0,
        "keep averages of the weights, of which each update leaves this share, as 0.999; 0: none",
        range=Range(0, 1, open_high=True),
        form="SHARE",
    )
    quantized: bool = _declare(False, "1: train with the integers of the tables")
    threads: int = _declare(2, "that make the data", range=Range(1))
    seed: int = _declare(0, "of weights, data and dropout", range=Range(0))
    validation_batches: int = _declare(2, "batches of the validation set", flag="", range=Range(1))

    def __post_init__(self) -> None:
        for setting in SETTINGS:
            setting.check(getattr(self, setting.name))


def _declared(made: Any) -> Setting:
    metadata = dict(made.metadata)
    flag = metadata.pop("flag")
    return Setting(made.name, made.type, made.default, flag=made.name if flag is None else flag, **metadata)


SETTINGS = tuple(_declared(made) for made in fields(Settings))

FEATURES = Setting(
    "feat_type", str, FrontEnd.feat_type, "features", "feat_type", choices=FEAT_TYPES, kept=True
)
MASK_FLOOR = Setting(
    "mask_floor", float, FrontEnd.mask_floor, "least gain", "mask_floor", range=Range(0, 0.5), kept=True
)
LOSS = Setting(
    "loss",
    str,
    "compressed",
    "as compressed or 0.7*compressed(c=0.3,a=0.3)+0.3*si_sdr; docs/training.md has them all",
    "loss",
    form="SUM",
    kept=True,
)
