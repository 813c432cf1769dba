# SPDX-License-Identifier: BSD-3-Clause
"""Pads: configured under a key, driven and read in banks of 32."""

from typing import TYPE_CHECKING

from apollo4_model.block import Block

if TYPE_CHECKING:
    from apollo4_model.board import Apollo4

IRQ = 56
BANKS = range(4)
UNLOCKED = 0x73
STRONG_PADS = {*range(5, 11), *range(22, 28), *range(31, 50), *range(51, 58), *range(61, 89)}


def _registers() -> dict[int, tuple[str, int]]:
    found = {4 * pad: (f"PINCFG{pad}", 3) for pad in range(128)} | {0x200: ("PADKEY", 0)}
    for bank in BANKS:
        for name, offset in (("RD", 0x204), ("WT", 0x214), ("WTS", 0x224), ("WTC", 0x234)):
            found[offset + 4 * bank] = (f"{name}{bank}", 0)
        for name, offset in (("EN", 0x244), ("ENS", 0x254), ("ENC", 0x264)):
            found[offset + 4 * bank] = (f"{name}{bank}", 0)
        for number, name in enumerate(("EN", "STAT", "CLR", "SET")):
            found[0x2C0 + 16 * bank + 4 * number] = (f"MCUN0INT{bank}{name}", 0)
    return found


class Gpio(Block):
    """All pads; `press` and `release` are the buttons'."""

    name, base = "GPIO", 0x40010000
    registers = _registers()

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self._high = dict.fromkeys(range(128), True)  # from outside: pulled up
        for pad in range(128):
            setattr(self, f"write_PINCFG{pad}", lambda value, pad=pad: self._configure(pad, value))
        for bank in BANKS:
            setattr(self, f"read_RD{bank}", lambda bank=bank: self._read(bank))
            for port in ("WT", "EN"):
                setattr(self, f"write_{port}S{bank}", lambda v, b=bank, p=port: self._change(f"{p}{b}", v, 0))
                setattr(self, f"write_{port}C{bank}", lambda v, b=bank, p=port: self._change(f"{p}{b}", 0, v))
            setattr(self, f"write_MCUN0INT{bank}EN", lambda v, b=bank: self._interrupt(b, "EN", v))
            setattr(self, f"write_MCUN0INT{bank}CLR", lambda v, b=bank: self._interrupt(b, "CLR", v))
            setattr(self, f"write_MCUN0INT{bank}SET", lambda v, b=bank: self._interrupt(b, "SET", v))

    def pad(self, pad: int) -> int:
        """Give a pad's configuration."""
        return self.words[f"PINCFG{pad}"]

    def _configure(self, pad: int, value: int) -> None:
        name = f"PINCFG{pad}"
        if self.words["PADKEY"] != UNLOCKED:
            self.object(
                name, f"is written while PADKEY (0x40010200) is not 0x{UNLOCKED:X}: the write is ignored"
            )
        if value >> 10 & 3 > 1 and pad not in STRONG_PADS:
            self.object(name, "this pad drives at most 0.5x (DS 0 or 1)")
        self.words[name] = value

    def _change(self, name: str, ones: int, zeros: int) -> None:
        self.words[name] = (self.words[name] | ones) & ~zeros

    def _read(self, bank: int) -> int:
        word = 0
        for bit in range(32):
            pad = 32 * bank + bit
            if self.pad(pad) >> 4 & 1:
                word |= self.level(pad) << bit
        return word

    def level(self, pad: int) -> bool:
        """Give what is on the pad: its driver's, else the outside's."""
        bank, bit = divmod(pad, 32)
        drives = self.pad(pad) & 15 == 3 and self.pad(pad) >> 8 & 3 and self.words[f"EN{bank}"] >> bit & 1
        if drives:
            return bool(self.words[f"WT{bank}"] >> bit & 1)
        return self._high[pad]

    def lit(self, pad: int) -> bool:
        """Whether the light there, between supply and pad, is on."""
        return not self.level(pad)

    def set_outside(self, pad: int, high: bool) -> None:
        """Pull a pad from outside; a button pulls it low."""
        fell, rose = self._high[pad] and not high, high and not self._high[pad]
        self._high[pad] = high
        edges = self.pad(pad) >> 6 & 3
        if self.pad(pad) >> 4 & 1 and ((fell and edges & 1) or (rose and edges & 2)):
            self._interrupt(pad // 32, "SET", 1 << pad % 32)

    def _interrupt(self, bank: int, what: str, value: int) -> None:
        names = f"MCUN0INT{bank}EN", f"MCUN0INT{bank}STAT"
        if what == "EN":
            self.words[names[0]] = value
        elif what == "SET":
            self.words[names[1]] |= value
        else:
            self.words[names[1]] &= ~value
        self.board.cpu.line(IRQ + bank, bool(self.words[names[0]] & self.words[names[1]]))
