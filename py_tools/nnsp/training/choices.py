# SPDX-License-Identifier: BSD-3-Clause
"""A choice as text, a name with parameters: ``adam``, ``compressed(c=0.3,a=0.5)``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nnsp.errors import UserError

NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
FORM = r"([a-z]\w*)(?:\(([^()]*)\))?"


@dataclass(frozen=True)
class Number:
    """A parameter that is a number from ``low`` to ``high``, perhaps a whole one."""

    default: float
    low: float
    high: float
    whole: bool = False

    def read(self, text: str) -> float:
        """Read a value.

        Raises
        ------
        ValueError
            It is none of these; says what was expected.
        """
        number = float(text) if re.fullmatch(NUMBER, text) else None
        if number is None or not self.low <= number <= self.high or (self.whole and number % 1):
            kind = "whole number" if self.whole else "number"
            raise ValueError(f"a {kind} from {self.low:g} to {self.high:g}")
        return number


@dataclass(frozen=True)
class Word:
    """A parameter that is one of some words."""

    default: str
    words: tuple[str, ...]

    def read(self, text: str) -> str:
        """Read a value.

        Raises
        ------
        ValueError
            It is none of these; says what was expected.
        """
        if text not in self.words:
            raise ValueError(f"one of {', '.join(self.words)}")
        return text


Known = Mapping[str, Mapping[str, Number | Word]]
"""Names that can be chosen, and the parameters of each."""


@dataclass(frozen=True)
class Choice:
    """A name and all its parameters; as text it names each of them."""

    name: str
    values: tuple[tuple[str, float | str], ...]

    def __str__(self) -> str:
        if not self.values:
            return self.name
        texts = (
            f"{key}={value}" if isinstance(value, str) else f"{key}={value:g}" for key, value in self.values
        )
        return f"{self.name}({','.join(texts)})"


def where(text: str, source: str) -> str:
    """Name the setting, or the place in a file, that holds a text; for errors."""
    return f"`{source}={text}`" if source.isidentifier() else f"{source}={text}"


def parse(text: str, known: Known, what: str, source: str) -> Choice:
    """Read ``name(parameter=value,...)``.

    Parameters
    ----------
    text : str
    known : mapping
        Names, and the parameters of each.
    what : str
        What is chosen, for errors.
    source : str
        The setting that holds the text, or its place in a file.

    Raises
    ------
    UserError
        Another form, or an unknown name, parameter or value.
    """
    found = re.fullmatch(FORM, "".join(text.split()))
    if not found:
        first = next(iter(known))
        raise UserError(
            f"{where(text, source)}: expected a name such as {first}, and perhaps values in brackets"
        )
    return choose(found[1], found[2], known, what, where(text, source))


def choose(name: str, inner: str | None, known: Known, what: str, place: str) -> Choice:
    """Make a choice from its name and the text in its brackets.

    Raises
    ------
    UserError
        An unknown name, parameter or value.
    """
    if name not in known:
        raise UserError(f"{place}: unknown {what} '{name}'; known are {', '.join(known)}")
    parameters = known[name]
    values = {key: parameter.default for key, parameter in parameters.items()}
    for part in inner.split(",") if inner else ():
        key, _, value = part.partition("=")
        if key not in parameters:
            has = f"it has {', '.join(parameters)}" if parameters else "it has none"
            raise UserError(f"{place}: {name} has no parameter '{key}'; {has}")
        try:
            values[key] = parameters[key].read(value)
        except ValueError as error:
            raise UserError(f"{place}: {key}={value} of {name} must be {error}") from None
    return Choice(name, tuple(values.items()))
