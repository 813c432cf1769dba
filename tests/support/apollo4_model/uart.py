# SPDX-License-Identifier: BSD-3-Clause
"""UART0 and its line: a PL011 with a clock choice in CR, and 32 bytes of FIFO each way."""

from collections import deque
from typing import TYPE_CHECKING

from apollo4_model.block import NEVER, Block
from apollo4_model.processor import TICKS_HZ, Objection

if TYPE_CHECKING:
    from apollo4_model.board import Apollo4

IRQ = 15
TXCMP, RX, TX, RT, OE = 1 << 0, 1 << 4, 1 << 5, 1 << 6, 1 << 10
CLOCKS = {1: 24_000_000, 2: 12_000_000, 3: 6_000_000, 4: 3_000_000}
LEVELS = (4, 8, 16, 24, 28)
PAD_TX, PAD_RX, PAD_FUNCTION = 60, 47, 4
BAUD_ERROR = 0.02  # what a receiver still takes


class Uart(Block):
    """UART0; `receive` puts bytes on its line, `sent` holds what came out."""

    name, base = "UART0", 0x4001C000
    wants_power = "set PWRCTRL.DEVPWREN (0x40021004) bit 9 and wait for DEVPWRSTATUS (0x40021008) bit 9"
    registers = {  # noqa: RUF012
        0x00: ("DR", 0),
        0x04: ("RSR", 0),
        0x18: ("FR", 0),
        0x20: ("ILPR", 0),
        0x24: ("IBRD", 0),
        0x28: ("FBRD", 0),
        0x2C: ("LCRH", 0),
        0x30: ("CR", 0x300),
        0x34: ("IFLS", 0x12),
        0x38: ("IER", 0),
        0x3C: ("IES", 0),
        0x40: ("MIS", 0),
        0x44: ("IEC", 0),
    }

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self.sent = bytearray()
        self.overrun = 0  # bytes that found the FIFO full
        self.unheard = 0  # bytes that came while nothing listened
        self._char = TICKS_HZ * 10 // self.board.baud
        self._timeout = self._char * 32 // 10
        self._high = False
        self._line: deque[int] = deque()
        self._line_next = 0  # when the next byte on the line is complete
        self.switch_off()

    def switch_off(self) -> None:
        """Lose everything but what is on the line."""
        self.words.update(self.registers.values())
        self._in: deque[int] = deque()
        self._out: deque[int] = deque()
        self._shifting: int | None = None
        self._shifted = 0  # when the byte that goes out is complete
        self._raw = 0
        self._overran = False
        self._last_in = 0
        self._timed_out = True
        self._baud = 0.0
        self._set_levels()
        self._plan()
        self._show()

    def receive(self, data: bytes) -> None:
        """Put bytes on the line, behind those that are on it."""
        if data and not self._line:
            self._line_next = max(self._line_next, self.board.cpu.now()) + self._char
        self._line.extend(data)
        self._plan()

    def _set_levels(self) -> None:
        self._depth = 32 if self.words["LCRH"] >> 4 & 1 else 1
        select = self.words["IFLS"]
        if select & 7 >= len(LEVELS) or select >> 3 & 7 >= len(LEVELS):
            self.object("IFLS", f"0x{select:X}: there are levels 0 to 4 only")
        self._out_level = LEVELS[select & 7] if self._depth > 1 else 0
        self._in_level = LEVELS[select >> 3 & 7] if self._depth > 1 else 1

    def _show(self) -> None:
        high = bool(self._raw & self.words["IER"])
        if high != self._high and self.board.ready:
            self.board.cpu.line(IRQ, high)
            self._high = high

    def _plan(self) -> None:
        """Note when something next changes of itself."""
        times = [NEVER]
        if self._line:
            times.append(self._line_next)
        if self._in and not self._timed_out:
            times.append(self._last_in + self._timeout)
        if self._shifting is not None:
            times.append(self._shifted)
        self._due = min(times)

    def _take(self, byte: int) -> None:
        if self.words["CR"] & 0x201 != 0x201:
            self.unheard += 1
            return
        self._check_pad(PAD_RX, "receives", input_needed=True)
        if len(self._in) >= self._depth:
            self.overrun += 1
            self._overran = True
            self._raw |= OE
            return
        self._in.append(byte | (0x800 if self._overran else 0))
        self._overran = False
        if len(self._in) == self._in_level:
            self._raw |= RX

    def catch_up(self) -> None:
        """Move bytes from and to the line, as far as time has gone."""
        now = self.board.cpu.now()
        if now < self._due:
            return
        while self._line and self._line_next <= now:
            self._take(self._line.popleft())
            self._last_in = self._line_next
            self._timed_out = False
            if self._line:
                self._line_next += self._char
        if self._in and not self._timed_out and now >= self._last_in + self._timeout:
            self._timed_out = True
            self._raw |= RT
        while self._shifting is not None and self._shifted <= now:
            self.sent.append(self._shifting)
            if self._out:
                self._shifting = self._out.popleft()
                self._shifted += self._char
                if len(self._out) == self._out_level:
                    self._raw |= TX
            else:
                self._shifting = None
                self._raw |= TXCMP
        self._plan()
        self._show()

    @property
    def busy(self) -> bool:
        """Whether a byte is on its way in or out."""
        return self._shifting is not None or bool(self._line)

    def next_event(self) -> int:
        """Give when an interrupt may arise, or the last byte has gone."""
        event = NEVER
        if self._shifting is not None:
            queued = len(self._out)
            crossing = queued - self._out_level - 1 if queued > self._out_level else queued
            event = self._shifted + crossing * self._char
        if self._line:
            ahead = min(len(self._line), max(1, self._in_level - len(self._in)))
            return min(event, self._line_next + (ahead - 1) * self._char)
        if self._in and not self._timed_out:
            return min(event, self._last_in + self._timeout)
        return event

    def _check_pad(self, pad: int, does: str, input_needed: bool = False) -> None:
        word = self.board.gpio.pad(pad)
        if word & 15 != PAD_FUNCTION or (input_needed and not word >> 4 & 1):
            want = "function 4 with INPEN (0x14)" if input_needed else "function 4"
            raise Objection(
                f"UART0 {does} while GPIO.PINCFG{pad} (0x{0x40010000 + 4 * pad:08X}) = 0x{word:X}; expected {want}"
            )

    def read_FR(self) -> int:
        self.catch_up()
        busy = self._shifting is not None
        return (
            1
            | busy << 3
            | (not self._in) << 4
            | (len(self._out) >= self._depth) << 5
            | (len(self._in) >= self._depth) << 6
            | (not self._out) << 7
            | busy << 8
        )

    def write_FR(self, value: int) -> None:
        self.object("FR", "is read-only")

    def read_DR(self) -> int:
        self.catch_up()
        waiting = self._in
        if not waiting:
            self.object("DR", "is read while the FIFO is empty (FR bit 4)")
        if self.words["CR"] & 1 == 0:
            self.object("DR", "is read while CR bit 0 (UARTEN) is 0")
        byte = waiting.popleft()
        if len(waiting) == self._in_level - 1:
            self._raw &= ~RX
            self._show()
        if not waiting:
            self._raw &= ~RT
            self._show()
        return byte

    def write_DR(self, value: int) -> None:
        self.catch_up()
        out = self._out
        if self.words["CR"] & 0x101 != 0x101:
            self.object("DR", "is written while CR bits 0 and 8 (UARTEN, TXE) are not both set")
        if len(out) >= self._depth:
            self.object("DR", "is written while the FIFO is full (FR bit 5): the byte is lost")
        if self._shifting is None:
            self._check_pad(PAD_TX, "sends")
            self._shifting = value & 0xFF
            self._shifted = self.board.cpu.now() + self._char
            self._plan()
            self.board.reschedule(self)
            return
        out.append(value & 0xFF)
        if len(out) == self._out_level + 1:
            self._raw &= ~TX
            self._show()
            self.board.reschedule(self)

    def _write_divisor(self, name: str, value: int, limit: int) -> None:
        if self.words["CR"] >> 3 & 1 == 0:
            self.object(name, "is written before CR bit 3 (CLKEN) gives the UART a clock")
        if self.words["CR"] & 1:
            self.object(name, "is written while CR bit 0 (UARTEN) is 1")
        if value > limit:
            self.object(name, f"{value} is more than {limit}")
        self.words[name] = value

    def write_IBRD(self, value: int) -> None:
        self._write_divisor("IBRD", value, 0xFFFF)

    def write_FBRD(self, value: int) -> None:
        self._write_divisor("FBRD", value, 0x3F)

    def write_LCRH(self, value: int) -> None:
        """The divisors take effect here."""
        if self.words["CR"] >> 3 & 1 == 0:
            self.object("LCRH", "is written before CR bit 3 (CLKEN) gives the UART a clock")
        if value & ~0x10 != 0x60:
            self.object(
                "LCRH", f"0x{value:X}: the line has 8 data bits, no parity, 1 stop bit (0x70 with FIFOs)"
            )
        clock = CLOCKS.get(self.words["CR"] >> 4 & 7, 0)
        divisor = self.words["IBRD"] + self.words["FBRD"] / 64
        self._baud = clock / (16 * divisor) if divisor >= 1 else 0.0
        self.words["LCRH"] = value
        self._set_levels()

    def write_CR(self, value: int) -> None:
        self.catch_up()
        select = value >> 4 & 7
        if value >> 3 & 1 and select not in CLOCKS:
            self.object("CR", f"CLKSEL = {select}; expected 1 to 4 (24, 12, 6 or 3 MHz), 5 to 7 are reserved")
        if value & 1 and not self.words["CR"] & 1:
            if not value >> 3 & 1:
                self.object("CR", "UARTEN is set without CLKEN (bit 3)")
            if not self._baud:
                self.object("CR", "UARTEN is set before IBRD, FBRD and then LCRH give a bit rate")
            if abs(self._baud / self.board.baud - 1) > BAUD_ERROR:
                error = 100 * (self._baud / self.board.baud - 1)
                self.object(
                    "CR",
                    f"IBRD {self.words['IBRD']} and FBRD {self.words['FBRD']} give {self._baud:.0f} bit/s, "
                    f"{error:+.1f} % off the line's {self.board.baud}; expected at most {100 * BAUD_ERROR:g} %",
                )
        if self.words["CR"] & 1 and not value & 1 and self._shifting is not None:
            self.object("CR", "UARTEN is cleared while FR bit 3 (BUSY) is set: bytes are lost")
        self.words["CR"] = value

    def write_IFLS(self, value: int) -> None:
        self.words["IFLS"] = value
        self._set_levels()

    def write_IER(self, value: int) -> None:
        self.catch_up()
        self.words["IER"] = value
        self._show()

    def read_IES(self) -> int:
        self.catch_up()
        return self._raw

    def read_MIS(self) -> int:
        self.catch_up()
        return self._raw & self.words["IER"]

    def write_IEC(self, value: int) -> None:
        self.catch_up()
        self._raw &= ~value
        self._show()
