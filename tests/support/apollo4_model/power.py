# SPDX-License-Identifier: BSD-3-Clause
"""Power, clocks, cache, reset and identification: what a program sets up before it uses anything."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from apollo4_model.block import Block, Polled
from apollo4_model.processor import Objection

if TYPE_CHECKING:
    from apollo4_model.board import Apollo4

UARTS = 0xF << 9
AUDIO = 0xFF
SSRAM0, SSRAM_BYTES = 0x10060000, 0x100000


class Pwrctrl(Block):
    """Power domains; a domain is on when its status has said so."""

    name, base = "PWRCTRL", 0x40021000
    registers = {  # noqa: RUF012
        0x00: ("MCUPERFREQ", 0x9),
        0x04: ("DEVPWREN", 0x00100000),
        0x08: ("DEVPWRSTATUS", 0x00100000),
        0x0C: ("AUDSSPWREN", 0),
        0x10: ("AUDSSPWRSTATUS", 0),
        0x14: ("MEMPWREN", 0x3F),
        0x18: ("MEMPWRSTATUS", 0x3F),
        0x1C: ("MEMRETCFG", 0x8),
        0x24: ("SSRAMPWREN", 0),
        0x28: ("SSRAMPWRST", 0),
        0x2C: ("SSRAMRETCFG", 0x3FC),
        0x58: ("DSP0MEMPWREN", 0),
        0x5C: ("DSP0MEMPWRST", 0),
        0x100: ("VRCTRL", 0),
        0x108: ("VRSTATUS", 0),
    }

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self._waiting: dict[str, Polled] = {}
        self._ssram_mapped = False

    def has_ssram0(self) -> bool:
        """Whether the first part of the shared SRAM is on."""
        return self._ssram_mapped

    def _status(self, name: str, value: int) -> int:
        polled = self._waiting.get(name)
        if polled is None or polled.ask():
            self.words[name] = value
        return self.words[name]

    def _enable(self, enable: str, status: str, value: int, full: int) -> None:
        if value != self.words[enable]:
            self._waiting[status] = Polled()
            self.words[status] &= full  # off is at once
        self.words[enable] = value

    @staticmethod
    def _devices(enabled: int) -> int:
        return enabled | (UARTS if enabled & UARTS else 0)

    @staticmethod
    def _audio(enabled: int) -> int:
        return enabled | (AUDIO if enabled & AUDIO else 0)

    def write_DEVPWREN(self, value: int) -> None:
        self._enable("DEVPWREN", "DEVPWRSTATUS", value, self._devices(value))
        if not value & UARTS:
            self.board.uart.switch_off()
            self.board.darken(self.board.uart)

    def read_DEVPWRSTATUS(self) -> int:
        before = self.words["DEVPWRSTATUS"]
        status = self._status("DEVPWRSTATUS", self._devices(self.words["DEVPWREN"]))
        if status & ~before & UARTS:
            self.board.light(self.board.uart)
        return status

    def write_DEVPWRSTATUS(self, value: int) -> None:
        self.object("DEVPWRSTATUS", "is read-only")

    def write_AUDSSPWREN(self, value: int) -> None:
        self._enable("AUDSSPWREN", "AUDSSPWRSTATUS", value, self._audio(value))
        if not value & AUDIO:
            self.board.pdm.switch_off()
            self.board.darken(self.board.pdm)

    def read_AUDSSPWRSTATUS(self) -> int:
        before = self.words["AUDSSPWRSTATUS"]
        status = self._status("AUDSSPWRSTATUS", self._audio(self.words["AUDSSPWREN"]))
        if status & ~before & AUDIO:
            self.board.light(self.board.pdm)
        return status

    def write_AUDSSPWRSTATUS(self, value: int) -> None:
        self.object("AUDSSPWRSTATUS", "is read-only")

    def write_MEMPWREN(self, value: int) -> None:
        if value & 0xF != 0xF:
            self.object("MEMPWREN", f"0x{value:X} takes the power from memory in use; bits 3..0 stay set")
        self.words["MEMPWREN"] = self.words["MEMPWRSTATUS"] = value

    def write_SSRAMPWREN(self, value: int) -> None:
        self._enable("SSRAMPWREN", "SSRAMPWRST", value, value)
        if not value & 1 and self._ssram_mapped:
            self.board.cpu.unmap(SSRAM0, SSRAM_BYTES)
            self._ssram_mapped = False

    def read_SSRAMPWRST(self) -> int:
        status = self._status("SSRAMPWRST", self.words["SSRAMPWREN"] & 3)
        if status & 1 and not self._ssram_mapped:
            self.board.map_ram(SSRAM0, SSRAM_BYTES)
            self._ssram_mapped = True
        return status

    def write_SSRAMPWRST(self, value: int) -> None:
        self.object("SSRAMPWRST", "is read-only")

    def write_VRCTRL(self, value: int) -> None:
        if value & 1 and not self.words["VRCTRL"] & 1:
            self.board.mcuctrl.check_buck(self.where("VRCTRL"))
        if self.words["VRCTRL"] & 1 and not value & 1 and self.words["MCUPERFREQ"] & 3 == 2:
            self.object("VRCTRL", "the SIMO buck is turned off at 192 MHz; go back to 96 MHz first")
        self.words["VRCTRL"] = value
        self._waiting["VRSTATUS"] = Polled()

    def read_VRSTATUS(self) -> int:
        on = self.words["VRCTRL"] & 1
        active = on and self.board.mcuctrl.buck_forced and self.board.buck_works
        return self._status("VRSTATUS", (3 if active else 2 if on else 0) << 4)

    def write_VRSTATUS(self, value: int) -> None:
        self.object("VRSTATUS", "is read-only")

    def read_MCUPERFREQ(self) -> int:
        request = self.words["MCUPERFREQ"] & 3
        waiting = self._waiting.get("MCUPERFREQ")
        if waiting is not None and waiting.ask() and self.board.switch_works:
            self.words["MCUPERFREQ"] = request | 4 | request << 3
            self.board.cpu.speed(1 if request == 2 else 2)
        return self.words["MCUPERFREQ"]

    def write_MCUPERFREQ(self, value: int) -> None:
        request = value & 3
        if request not in (1, 2):
            self.object("MCUPERFREQ", f"REQ = {request}; expected 1 (96 MHz) or 2 (192 MHz)")
        if request == 2:
            if not self.board.mcuctrl.words["SKU"] >> 6 & 1:
                self.object("MCUPERFREQ", "192 MHz is asked for, but MCUCTRL.SKU bit 6 (TURBOSPOT) is 0")
            if self.words["VRSTATUS"] >> 4 & 3 != 3:
                self.object(
                    "MCUPERFREQ",
                    "192 MHz is asked for before PWRCTRL.VRSTATUS bits 5..4 say 3: the SIMO buck is not active",
                )
        self.words["MCUPERFREQ"] = request | self.words["MCUPERFREQ"] & 0x18
        self._waiting["MCUPERFREQ"] = Polled()


class Mcuctrl(Block):
    """Identification, and the trims and overrides of the SIMO buck, whose order is checked."""

    name, base = "MCUCTRL", 0x40020000
    registers = {  # noqa: RUF012
        0x00: ("CHIPPN", 0x08320088),
        0x04: ("CHIPID0", 0x5EED1234),
        0x08: ("CHIPID1", 0x0000BEE5),
        0x0C: ("CHIPREV", 0x00000022),
        0x10: ("VENDORID", 0x414D4251),
        0x14: ("SKU", 0x0000007F),
        0x60: ("VRCTRL", 0),
        0x120: ("XTALCTRL", 0x1B8),
        0x1B0: ("D2ASPARE", 0x18),
        0x1B8: ("BOOTLOADER", 0),
        0x1C0: ("SCRATCH0", 0),
        0x1C4: ("SCRATCH1", 0),
        0x200: ("DBGR1", 0x12345678),
        0x204: ("DBGR2", 0xC001C0DE),
        0x250: ("DBGCTRL", 0),
        0x280: ("APBDMACTRL", 0x203),
        0x33C: ("SIMOBUCK0", 0),
        0x340: ("SIMOBUCK1", 0x01010101),
        0x344: ("SIMOBUCK2", 0x01010101),
        0x348: ("SIMOBUCK3", 0x09012345),
        0x354: ("SIMOBUCK6", 0x01010101),
        0x358: ("SIMOBUCK7", 0x01010101),
        0x35C: ("SIMOBUCK8", 0x01212345),
        0x360: ("SIMOBUCK9", 0x01010101),
        0x370: ("SIMOBUCK13", 0x01512345),
        0x378: ("SIMOBUCK15", 0x00012345),
        0x37C: ("PWRSW0", 0),
        0x380: ("PWRSW1", 0),
        0x454: ("PDMCTRL", 1),
    }
    FIXED = ("CHIPPN", "CHIPID0", "CHIPID1", "CHIPREV", "VENDORID", "SKU", "DBGR1", "DBGR2")
    # Overrides of the regulators in their order: bit that switches, bits that are 1 before it, bits that are 0.
    OVERRIDES = ((16, (17, 18, 19), ()), (0, (3, 2, 1), (4,)), (5, (8, 7, 6), (9,)))

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self.words["SKU"] = 0x7F if self.board.turbospot else 0x3F
        self._rails = 0

    def writers(self) -> dict[int, Callable[[int], None]]:
        """Give what takes a write, by address."""
        writers = super().writers()
        for offset, (name, _) in self.registers.items():
            if name in self.FIXED:
                writers[self.base + offset] = partial(self._refuse, name)
        return writers

    def _refuse(self, name: str, value: int) -> None:
        self.object(name, "is read-only")

    @property
    def buck_forced(self) -> bool:
        """Whether all overrides are on."""
        return all(self.words["VRCTRL"] >> bit & 1 for bit, _, _ in self.OVERRIDES)

    def read_SIMOBUCK0(self) -> int:
        return 0  # write-only

    def write_SIMOBUCK0(self, value: int) -> None:
        self._rails = value

    def write_APBDMACTRL(self, value: int) -> None:
        if not value & 2:
            self.object("APBDMACTRL", "bit 1 is cleared: an access to a block without power would go unseen")
        self.words["APBDMACTRL"] = value

    def check_buck(self, who: str) -> None:
        """Raise unless all that comes before the SIMO buck's enable was done."""
        words, revision = self.words, self.board.trim_revision
        rails = 0xF if revision >= 6 else 0x7
        steps = [
            (revision >= 3, "INFO1.TRIM_REV (0x42003310) below 3: this part needs trims of its own"),
            (
                words["SIMOBUCK3"] >> 26 & 15 == 10 and words["SIMOBUCK3"] >> 13 & 15 == 10,
                "MCUCTRL.SIMOBUCK3 (0x40020348) bits 29..26 and 16..13 are not 0xA",
            ),
            (
                words["SIMOBUCK8"] >> 22 & 15 == 15 and words["SIMOBUCK8"] >> 9 & 15 == 15,
                "MCUCTRL.SIMOBUCK8 (0x4002035C) bits 25..22 and 12..9 are not 0xF",
            ),
            (words["PWRSW1"] >> 30 == 3, "MCUCTRL.PWRSW1 (0x40020380) bits 31 and 30 are not set"),
            (
                words["SIMOBUCK13"] >> 20 & 0x3F == 0,
                "MCUCTRL.SIMOBUCK13 (0x40020370) bits 25..20 are not 0",
            ),
            (self._rails == rails, f"MCUCTRL.SIMOBUCK0 (0x4002033C) was not written 0x{rails:X}"),
            (
                revision < 6 or words["D2ASPARE"] & 0x18 == 0,
                "MCUCTRL.D2ASPARE (0x400201B0) bits 4 and 3 are not 0",
            ),
        ]
        for done, sentence in steps:
            if not done:
                raise Objection(f"{who}: the SIMO buck is enabled too early: {sentence}")

    def write_VRCTRL(self, value: int) -> None:
        before = self.words["VRCTRL"]
        for number, (bit, ones, zeros) in enumerate(self.OVERRIDES):
            if not value >> bit & 1 or before >> bit & 1:
                continue
            missing = [one for one in ones if not before >> one & 1]
            missing += [zero for zero in zeros if before >> zero & 1]
            missing += [earlier for earlier, _, _ in self.OVERRIDES[:number] if not before >> earlier & 1]
            if missing:
                self.object(
                    "VRCTRL",
                    f"the override bit {bit} is set before bits {', '.join(map(str, missing))} are as they must be",
                )
            if not self.board.pwrctrl.words["VRCTRL"] & 1:
                self.object(
                    "VRCTRL", f"the override bit {bit} is set before PWRCTRL.VRCTRL enables the SIMO buck"
                )
            if not self.words["SIMOBUCK15"] >> 31:
                self.object("VRCTRL", f"the override bit {bit} is set before MCUCTRL.SIMOBUCK15 bit 31")
        self.words["VRCTRL"] = value


class Clkgen(Block):
    """Clock generator."""

    name, base = "CLKGEN", 0x40004000
    registers = {  # noqa: RUF012
        0x0C: ("OCTRL", 0),
        0x10: ("CLKOUT", 0),
        0x20: ("HFADJ", 0x0025B800),
        0x44: ("MISC", 0),
        0x48: ("HF2ADJ0", 0),
        0x4C: ("HF2ADJ1", 0),
        0x50: ("HF2ADJ2", 0x00189376),
    }

    def write_MISC(self, value: int) -> None:
        if value >> 24 & 1:
            self.object("MISC", "bit 24 is set, which may stop the oscillator HFRC; leave it 0")
        self.words["MISC"] = value


class Rstgen(Block):
    """Resets; its STAT lies apart, in `ResetStatus`."""

    name, base = "RSTGEN", 0x40000000
    registers = {0x0: ("CFG", 0), 0x4: ("SWPOI", 0), 0x8: ("SWPOR", 0)}  # noqa: RUF012

    def write_CFG(self, value: int) -> None:
        if value & 1:
            self.object("CFG", "bit 0 (BODHREN) is set: a board with 1.8 V resets without end")
        self.words["CFG"] = value

    def write_SWPOI(self, value: int) -> None:
        if value == 0x1B:
            self.board.want_reset(1 << 4)

    def write_SWPOR(self, value: int) -> None:
        if value == 0xD4:
            self.board.want_reset(1 << 1)


class ResetStatus(Block):
    """Why the last reset was."""

    name, base = "RSTGEN", 0x40008800
    registers = {0x5C: ("STAT", 0)}  # noqa: RUF012

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self.words["STAT"] = self.board.reset_cause


class Watchdog(Block):
    """The watchdog, off after reset."""

    name, base = "WDT", 0x40024000
    registers = {0x0: ("CFG", 0x00FFFF00), 0x4: ("RSTRT", 0), 0x8: ("LOCK", 0)}  # noqa: RUF012

    def write_CFG(self, value: int) -> None:
        if value & 1:
            self.object("CFG", "bit 0 starts the watchdog, which the model does not have")
        self.words["CFG"] = value


class Info1(Block):
    """Words of the factory."""

    name, base = "INFO1", 0x42003000
    registers = {  # noqa: RUF012
        0x200: ("SBL_VERSION", 0x00010000),
        0x240: ("PATCH_TRACKER0", 0xFFFFFFFF),
        0x310: ("TRIM_REV", 6),
    }

    def read_TRIM_REV(self) -> int:
        return self.board.trim_revision


class SyncRead(Block):
    """A read that waits for what is on its way."""

    name, base = "SYNC_READ", 0x47FF0000
    registers = {0x0: ("WORD", 0)}  # noqa: RUF012

    def read_WORD(self) -> int:
        self.board.cpu_registers.settle()
        return 0


class CpuRegisters(Block):
    """Cache of the MRAM, and line buffers (DAXI) between processor and RAM.

    The buffers are modelled at their worst: what DMA wrote is seen only after they were invalidated.
    """

    name, base = "CPU", 0x48000000
    registers = {  # noqa: RUF012
        0x00: ("CACHECFG", 0x00103C50),
        0x08: ("CACHECTRL", 0),
        0x10: ("NCR0START", 0),
        0x14: ("NCR0END", 0),
        0x18: ("NCR1START", 0),
        0x1C: ("NCR1END", 0),
        0x50: ("DAXICFG", 0x000B0300),
        0x54: ("DAXICTRL", 0),
        0x80: ("ICODEFAULTADDR", 0),
        0x84: ("DCODEFAULTADDR", 0),
        0x88: ("SYSFAULTADDR", 0),
        0x8C: ("FAULTSTATUS", 0),
        0x90: ("FAULTCAPTUREEN", 0),
        0xD0: ("DAXIFAULTADDR", 0),
    }

    def __init__(self, board: "Apollo4") -> None:
        super().__init__(board)
        self._cache, self._daxi = Polled(done=True), Polled(done=True)
        self._invalidated = False

    def write_CACHECFG(self, value: int) -> None:
        before = self.words["CACHECFG"]
        if value & 1 and not before & 1:
            if value & ~1 != before:
                self.object(
                    "CACHECFG", "the cache is enabled in the write that configures it; configure first"
                )
            if value >> 4 & 15 not in (0xE, 0xD, 0x5):
                self.object("CACHECFG", f"CONFIG = 0x{value >> 4 & 15:X}; expected 0x5, 0xD or 0xE")
        elif value & before & 1 and (value ^ before) & ~0x300:
            self.object("CACHECFG", "the configuration changes while the cache is on; turn it off first")
        self.words["CACHECFG"] = value

    def write_CACHECTRL(self, value: int) -> None:
        if value & 1:
            self._cache = Polled()

    def read_CACHECTRL(self) -> int:
        return self._cache.ask() << 2

    def write_DAXICTRL(self, value: int) -> None:
        if value & 3:
            self._daxi = Polled()
        self._invalidated |= bool(value & 2)

    def read_DAXICTRL(self) -> int:
        ready = self._daxi.ask()
        if ready:
            self.settle()
        return ready << 2

    def settle(self) -> None:
        """Show what DMA wrote, if the buffers were invalidated."""
        if self._invalidated:
            self._invalidated = False
            self.board.pdm.publish()

    def passes_through(self) -> bool:
        """Whether no lines are buffered."""
        return bool(self.words["DAXICFG"] >> 2 & 1)
