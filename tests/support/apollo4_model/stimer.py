# SPDX-License-Identifier: BSD-3-Clause
"""The system timer."""

from typing import TYPE_CHECKING

from apollo4_model.block import NEVER, Block
from apollo4_model.processor import TICKS_HZ

if TYPE_CHECKING:
    from apollo4_model.board import Apollo4

IRQ = 32
CLOCKS = {1: 6_000_000, 2: 375_000, 3: 32_768, 4: 16_384, 5: 1024}
COMPARES = range(8)
LATE = 3  # ticks that a compare takes from its write to its interrupt


class Stimer(Block):
    """Counter of 32 bits, and compares that are written as a distance from now."""

    name, base = "STIMER", 0x40008800
    registers = (
        {0x00: ("STCFG", 0x80000000), 0x04: ("STTMR", 0)}
        | {0x20 + 4 * i: (f"SCMPR{i}", 0) for i in COMPARES}
        | {0x100: ("STMINTEN", 0), 0x104: ("STMINTSTAT", 0), 0x108: ("STMINTCLR", 0), 0x10C: ("STMINTSET", 0)}
    )

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self._count, self._since, self._hz = 0, 0, 0
        self._now = self.board.cpu.now
        self._due = dict.fromkeys(COMPARES, NEVER)
        self._written = -NEVER
        for i in COMPARES:
            setattr(self, f"write_SCMPR{i}", lambda value, i=i: self._compare(i, value))

    def read_STTMR(self) -> int:
        return (self._count + (self._now() - self._since) * self._hz // TICKS_HZ) & 0xFFFFFFFF

    def write_STTMR(self, value: int) -> None:
        self.object("STTMR", "is read-only")

    def write_STCFG(self, value: int) -> None:
        if value & 15 and value & 15 not in CLOCKS:
            self.object("STCFG", f"CLKSEL = {value & 15}; the model knows 1 to 5")
        self._count = 0 if value >> 30 & 1 else self.read_STTMR()
        self._since = self.board.cpu.now()
        self._hz = CLOCKS[value & 15] if value & 15 and not value >> 30 else 0
        self.words["STCFG"] = value

    def _compare(self, number: int, delta: int) -> None:
        now = self.board.cpu.now()
        if not self._hz:
            self.object(f"SCMPR{number}", "is written while the timer stands")
        tick = TICKS_HZ // self._hz
        if now < self._written + 2 * tick:
            self.object(f"SCMPR{number}", "is written within two ticks of the last compare")
        self._written = now
        self._due[number] = now + (delta + LATE) * TICKS_HZ // self._hz
        self.board.reschedule(self)

    def catch_up(self) -> None:
        """Raise the interrupts that are due."""
        for number, due in self._due.items():
            if due <= self.board.cpu.now():
                self._due[number] = NEVER
                if self.words["STCFG"] >> (8 + number) & 1:
                    self.words["STMINTSTAT"] |= 1 << number
                    self._show()

    def next_event(self) -> int:
        """Give when the next compare is due."""
        return min(self._due.values())

    def _show(self) -> None:
        for number in COMPARES:
            on = self.words["STMINTEN"] & self.words["STMINTSTAT"]
            self.board.cpu.line(IRQ + number, bool(on >> number & 1))

    def write_STMINTEN(self, value: int) -> None:
        self.words["STMINTEN"] = value
        self._show()

    def write_STMINTCLR(self, value: int) -> None:
        self.words["STMINTSTAT"] &= ~value
        self._show()
