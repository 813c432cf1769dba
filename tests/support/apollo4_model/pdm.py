# SPDX-License-Identifier: BSD-3-Clause
"""PDM0 with FIFO and DMA, its microphone a recording."""

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apollo4_model.block import NEVER, Block
from apollo4_model.power import SSRAM0, SSRAM_BYTES
from apollo4_model.processor import TICKS_HZ, Objection

if TYPE_CHECKING:
    from apollo4_model.board import Apollo4

IRQ = 48
THR, OVF, UNDFL, DCMP, DERR = 1, 2, 4, 8, 16
DEPTH = 32  # words; the reference does not say it, the count has six bits and thresholds end at 28
THRESHOLDS = (4, 8, 12, 16, 20, 24, 28)
PAD_CLOCK, PAD_DATA = 50, 51
RATE_ERROR = 0.001
RESET_SECONDS = 50e-6


class Pdm(Block):
    """PDM0; the recording starts with each enable, and silence follows it."""

    name, base = "PDM0", 0x40201000
    wants_power = "set PWRCTRL.AUDSSPWREN (0x4002100C) bit 2 and wait for AUDSSPWRSTATUS (0x40021010) bit 2"
    registers = {  # noqa: RUF012
        0x00: ("CTRL", 0),
        0x04: ("CORECFG0", 0x21080F64),
        0x08: ("CORECFG1", 0x7),
        0x10: ("FIFOCNT", 0),
        0x14: ("FIFOREAD", 0),
        0x18: ("FIFOFLUSH", 0),
        0x1C: ("FIFOTHR", 0x10),
        0x100: ("INTEN", 0),
        0x104: ("INTSTAT", 0),
        0x108: ("INTCLR", 0),
        0x10C: ("INTSET", 0),
        0x140: ("DMATRIGEN", 0),
        0x144: ("DMATRIGSTAT", 0),
        0x148: ("DMACFG", 0),
        0x154: ("DMATARGADDR", 0x10000000),
        0x158: ("DMASTAT", 0),
        0x250: ("DMATOTCOUNT", 0),
    }

    def __init__(self, board: "Apollo4", recording: NDArray[np.int16]) -> None:
        super().__init__(board)
        self._recording = recording
        self.lost = 0  # samples that found the FIFO full
        self._hidden: list[tuple[int, bytes]] = []
        self._reset_since: int | None = 0
        self.switch_off()

    def switch_off(self) -> None:
        """Lose everything."""
        self.words.update(self.registers.values())
        self._fifo: deque[int] = deque()
        self._at = 0  # samples since the enable
        self._since = 0
        self._hz = 0.0
        self._reset_since = 0
        self._moved = 0  # bytes of the present transfer that have gone to `DMATARGADDR`
        self._show()

    def _show(self) -> None:
        if self.board.ready:
            self.board.cpu.line(IRQ, bool(self.words["INTEN"] & self.words["INTSTAT"]))

    def publish(self) -> None:
        """Let the processor see what DMA wrote."""
        for address, data in self._hidden:
            self.board.cpu.store(address, data)
        self._hidden.clear()

    @property
    def running(self) -> bool:
        """Whether samples come in."""
        return self._hz > 0

    def write_CTRL(self, value: int) -> None:
        self.catch_up()
        before, now = self.words["CTRL"], self.board.cpu.now()
        if value >> 5 & 1:
            self.object("CTRL", "PCMPACK (bit 5) is set; only unpacked samples are known to work")
        if before >> 4 & 1 and not value >> 4 & 1:
            self._reset_since = now
        if value >> 4 & 1 and not before >> 4 & 1 and self._reset_since is not None:
            if now - self._reset_since < RESET_SECONDS * TICKS_HZ:
                self.object("CTRL", "RSTB (bit 4) is set again within 50 us of the reset")
            self._reset_since = None
        if value >> 6 & 1 and not before >> 6 & 1:
            self._begin(value)
        if not value >> 6 & 1 or not value & 1:
            self._hz = 0.0
        self.words["CTRL"] = value
        self.board.reschedule(self)

    def _begin(self, control: int) -> None:
        first, second = self.words["CORECFG0"], self.words["CORECFG1"]
        clock, mclk, sinc = control >> 1 & 3, first >> 10 & 15, first >> 14 & 0x7F
        if not control & 1 or not control >> 4 & 1:
            self.object("CTRL", "EN (bit 6) is set without CLKEN (bit 0) and RSTB (bit 4)")
        if clock != 2:
            self.object("CTRL", f"CLKSEL = {clock}; the model has the 24 MHz of HFRC only (2)")
        if not mclk or sinc % 2 or not 16 <= sinc <= 64:
            self.object(
                "CORECFG0", f"MCLKDIV {mclk}, SINCRATE {sinc}; expected above 0, and even from 16 to 64"
            )
        if second & 3 not in (1, 2):
            self.object("CORECFG1", f"PCMCHSET = {second & 3}; there is one microphone (1 or 2)")
        if not self.board.mcuctrl.words["PDMCTRL"] & 1:
            raise Objection("MCUCTRL.PDMCTRL (0x40020454): bit 0 is 0 while PDM0 is enabled")
        for pad in (PAD_CLOCK, PAD_DATA):
            if self.board.gpio.pad(pad) & 15:
                raise Objection(
                    f"PDM0 is enabled while GPIO.PINCFG{pad} (0x{0x40010000 + 4 * pad:08X}) = "
                    f"0x{self.board.gpio.pad(pad):X}; expected function 0"
                )
        hz = 24e6 / ((second >> 2 & 3) + 1) / (mclk + 1) / (2 * sinc)
        if abs(hz / self.board.microphone_hz - 1) > RATE_ERROR:
            self.object(
                "CORECFG0", f"PDM0 runs at {hz:.0f} Hz, the recording at {self.board.microphone_hz} Hz"
            )
        self._hz, self._at, self._since = hz, 0, self.board.cpu.now()

    def _configure(self, name: str, value: int) -> None:
        if self.words["CTRL"] >> 6 & 1:
            self.object(name, "is written while CTRL bit 6 (EN) is 1")
        self.words[name] = value

    def write_CORECFG0(self, value: int) -> None:
        self._configure("CORECFG0", value)

    def write_CORECFG1(self, value: int) -> None:
        self._configure("CORECFG1", value)

    def write_FIFOTHR(self, value: int) -> None:
        if value not in THRESHOLDS:
            self.object("FIFOTHR", f"{value}; DMA takes {', '.join(map(str, THRESHOLDS))}")
        self.words["FIFOTHR"] = value

    def _sample(self) -> int:
        """24 bits; below the sixteen that count there is something."""
        sample = int(self._recording[self._at]) if self._at < len(self._recording) else 0
        return (sample << 8 | 0x5A) & 0xFFFFFF

    def _when(self, sample: int) -> int:
        return self._since + int((sample + 1) * TICKS_HZ / self._hz)

    def catch_up(self) -> None:
        """Take the samples that have come, and move them."""
        while self._hz and self._when(self._at) <= self.board.cpu.now():
            if len(self._fifo) < DEPTH:
                self._fifo.append(self._sample())
            else:
                self.lost += 1
                self._raise(OVF)
            self._at += 1
            self._transfer()

    def _raise(self, bits: int) -> None:
        self.words["INTSTAT"] |= bits
        self._show()

    def _transfer(self) -> None:
        burst = self.words["FIFOTHR"]
        if len(self._fifo) < burst:
            return
        self.words["INTSTAT"] |= THR
        if not (self.words["DMACFG"] & 1 and self.words["DMATRIGEN"] & 1 and self.words["DMATOTCOUNT"]):
            self._show()
            return
        words = [self._fifo.popleft() for _ in range(burst)]
        data = np.array(words, "<u4").tobytes()
        address = self.words["DMATARGADDR"] + self._moved
        if not (self.board.pwrctrl.has_ssram0() and SSRAM0 <= address <= SSRAM0 + SSRAM_BYTES - len(data)):
            self.object(
                "DMATARGADDR", f"0x{address:08X} is not in the shared SRAM 0x{SSRAM0:08X} with power on"
            )
        self._hidden.append((address, data))
        if self.board.cpu_registers.passes_through():
            self.publish()
        self._moved += len(data)
        self.words["DMATOTCOUNT"] -= len(data)
        if not self.words["DMATOTCOUNT"]:
            self.words["DMASTAT"] = 2
            self._raise(DCMP)

    def next_event(self) -> int:
        """Give when the FIFO next reaches its threshold, or overflows."""
        if not self._hz:
            return NEVER
        missing = max(1, self.words["FIFOTHR"] - len(self._fifo))
        return self._when(self._at + missing - 1)

    def write_DMATARGADDR(self, value: int) -> None:
        if value % 16:
            self.object("DMATARGADDR", f"0x{value:08X} is not aligned to 16 bytes")
        self.words["DMATARGADDR"] = value

    def write_DMATOTCOUNT(self, value: int) -> None:
        self.catch_up()
        if value % (4 * self.words["FIFOTHR"]) or value > 0xFFFFF:
            self.object(
                "DMATOTCOUNT", f"{value} B are no multiple of FIFOTHR ({self.words['FIFOTHR']} words)"
            )
        self.words["DMATOTCOUNT"] = value
        self.words["DMASTAT"] = 1 if value else 0
        self._moved = 0
        self.board.reschedule(self)

    def write_DMACFG(self, value: int) -> None:
        if value & 1 and not self.words["DMATRIGEN"] & 1:
            self.object("DMACFG", "DMAEN is set before DMATRIGEN bit 0 (DTHR)")
        self.words["DMACFG"] = value

    def read_FIFOCNT(self) -> int:
        self.catch_up()
        return len(self._fifo)

    def read_FIFOREAD(self) -> int:
        self.catch_up()
        if not self._fifo:
            self._raise(UNDFL)
            return 0
        return self._fifo.popleft()

    def write_FIFOFLUSH(self, value: int) -> None:
        if value & 1:
            self._fifo.clear()

    def read_INTSTAT(self) -> int:
        self.catch_up()
        return self.words["INTSTAT"]

    def write_INTEN(self, value: int) -> None:
        self.words["INTEN"] = value
        self._show()

    def write_INTCLR(self, value: int) -> None:
        self.words["INTSTAT"] &= ~value
        self._show()

    def write_INTSET(self, value: int) -> None:
        self._raise(value)
