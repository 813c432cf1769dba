# SPDX-License-Identifier: BSD-3-Clause
"""What all blocks of registers have in common."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from apollo4_model.processor import Objection

if TYPE_CHECKING:
    from apollo4_model.board import Apollo4

NEVER = 1 << 62


class Block:
    """Registers that keep what is written; a subclass's ``read_<NAME>`` and ``write_<NAME>`` do otherwise.

    Offsets, reset values and fields are those of Ambiq's register reference for the Apollo4 Plus.
    """

    name = ""
    base = 0
    registers: dict[int, tuple[str, int]] = {}  # noqa: RUF012
    """Offset: name and value after reset."""
    wants_power = ""
    """What to do first, where it has no power after reset."""

    def __init__(self, board: "Apollo4") -> None:
        self.board = board
        self.words = dict(self.registers.values())

    def readers(self) -> dict[int, Callable[[], int]]:
        """Give what answers a read, by address."""
        return {
            self.base + offset: getattr(self, f"read_{name}", partial(self.words.__getitem__, name))
            for offset, (name, _) in self.registers.items()
        }

    def writers(self) -> dict[int, Callable[[int], None]]:
        """Give what takes a write, by address."""
        return {
            self.base + offset: getattr(self, f"write_{name}", partial(self.words.__setitem__, name))
            for offset, (name, _) in self.registers.items()
        }

    def where(self, name: str) -> str:
        """Give block, register and address, as an objection names them."""
        offset = next(offset for offset, (other, _) in self.registers.items() if other == name)
        return f"{self.name}.{name} (0x{self.base + offset:08X})"

    def object(self, name: str, rule: str) -> None:
        """Raise an objection that names a register of this block."""
        raise Objection(f"{self.where(name)}: {rule}")

    def has(self, address: int) -> bool:
        """Whether one of its registers is there."""
        return address - self.base in self.registers

    def catch_up(self) -> None:
        """Do what is due by now."""

    def next_event(self) -> int:
        """Give the time of what happens next; rather too early than too late."""
        return NEVER


class Polled:
    """A status that answers after it has been asked a few times."""

    POLLS = 3

    def __init__(self, done: bool = False) -> None:
        self._left = 0 if done else self.POLLS

    @property
    def done(self) -> bool:
        """Whether it has answered."""
        return self._left == 0

    def ask(self) -> bool:
        """Ask once more."""
        self._left = max(0, self._left - 1)
        return self.done
