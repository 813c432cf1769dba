# SPDX-License-Identifier: BSD-3-Clause
"""The whole board: memory, blocks, time, and the line to the host.

Time is instructions / 96 MHz (192 MHz after the switch) plus sleep: an approximation, as memory has wait states, and
an instruction may take several cycles.
"""

import select
import socket
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from apollo4_model.block import NEVER, Block
from apollo4_model.gpio import Gpio
from apollo4_model.pdm import Pdm
from apollo4_model.power import (
    Clkgen,
    CpuRegisters,
    Info1,
    Mcuctrl,
    Pwrctrl,
    ResetStatus,
    Rstgen,
    SyncRead,
    Watchdog,
)
from apollo4_model.processor import ASLEEP, RESET, TICKS_HZ, Objection, Processor
from apollo4_model.stimer import Stimer
from apollo4_model.uart import Uart

MRAM, MRAM_BYTES = 0x00018000, 0x1E8000
TCM, TCM_BYTES = 0x10000000, 0x60000
JUNK = b"\xde\xad\xbe\xef"  # what RAM holds before it is written
POWER_ON, SOFTWARE = 1 << 1, 1 << 3  # bits of RSTGEN.STAT
PATIENCE = 1.0  # seconds that a host may take no bytes
LOOK_TICKS = TICKS_HZ // 1000  # how often a busy processor looks for bytes of the host


class Host(Protocol):
    """The other end of the line."""

    def poll(self, wait: bool) -> bytes:
        """Give what the host sent; `wait` until there is something, as the board has nothing to do."""

    def send(self, data: bytes) -> None:
        """Take what the board sent."""


class Apollo4:
    """An Apollo4 Plus on its evaluation board.

    Parameters
    ----------
    image : bytes
        What would be flashed at 0x18000.
    baud : int
        Bit rate of the line; a UART that is set to another is objected to.
    microphone : int16 array, optional
        Recording that PDM0 hears.
    microphone_hz : int
    turbospot, buck_works, switch_works, trim_revision
        What kind of part it is: whether it has 192 MHz, whether its buck becomes active and the switch answers.
    """

    def __init__(
        self,
        image: bytes,
        baud: int = 115200,
        microphone: NDArray[np.int16] | None = None,
        microphone_hz: int = 16000,
        turbospot: bool = True,
        buck_works: bool = True,
        switch_works: bool = True,
        trim_revision: int = 6,
    ) -> None:
        if len(image) > MRAM_BYTES:
            raise ValueError(f"the image has {len(image)} B, the MRAM {MRAM_BYTES}")
        self.baud = baud
        self.microphone_hz = microphone_hz
        self.turbospot, self.buck_works, self.switch_works = turbospot, buck_works, switch_works
        self.trim_revision = trim_revision
        self.reset_cause = POWER_ON
        self.resets = 0
        self._microphone = np.zeros(0, np.int16) if microphone is None else microphone
        self._caused = 0
        self._asleep = False
        self.ready = False
        self.cpu = Processor(self._read, self._write, self._fault)
        self.cpu.map(MRAM, MRAM_BYTES, writable=False)
        self.cpu.store(MRAM, image.ljust(MRAM_BYTES, b"\xff"))
        self.map_ram(TCM, TCM_BYTES)
        self.cpu.stack(TCM, TCM + TCM_BYTES)
        self._power_up({})

    def map_ram(self, address: int, size: int) -> None:
        """Have RAM there, with junk in it."""
        self.cpu.map(address, size)
        self.cpu.store(address, JUNK * (size // len(JUNK)))

    def _power_up(self, kept: dict[str, int]) -> None:
        self.ready = False
        self.gpio = Gpio(self)
        self.mcuctrl = Mcuctrl(self)
        self.mcuctrl.words |= kept
        self.pwrctrl = Pwrctrl(self)
        self.cpu_registers = CpuRegisters(self)
        self.uart = Uart(self)
        self.pdm = Pdm(self, self._microphone)
        self.stimer = Stimer(self)
        blocks: list[Block] = [self.gpio, self.mcuctrl, self.pwrctrl, self.cpu_registers, self.uart, self.pdm]
        blocks += [self.stimer, Clkgen(self), Rstgen(self), ResetStatus(self), Watchdog(self), Info1(self)]
        blocks.append(SyncRead(self))
        self._readers: dict[int, Callable[[], int]] = {}
        self._writers: dict[int, Callable[[int], None]] = {}
        self._dark: set[Block] = set()
        for block in blocks:
            (self.darken if block.wants_power else self.light)(block)
        self._timed: tuple[Block, ...] = (self.uart, self.pdm, self.stimer)
        self.cpu.speed(2)
        self.cpu.reset(MRAM)
        self.ready = True

    def want_reset(self, cause: int) -> None:
        """Restart when the present instruction is done."""
        self._caused = cause
        self.cpu.stop()

    def _restart(self, cause: int) -> None:
        self.reset_cause = cause
        self.resets += 1
        self._caused = 0
        kept = {name: self.mcuctrl.words[name] for name in ("SCRATCH0", "SCRATCH1")}
        sent = self.uart.sent
        if self.pwrctrl.has_ssram0():
            self.pwrctrl.write_SSRAMPWREN(0)
        self._power_up(kept)
        self.uart.sent = sent

    def _read(self, address: int, size: int) -> int:
        read = self._readers.get(address)
        if read is None or size != 4:
            raise self._no_register(address, size, "read")
        return read()

    def _write(self, address: int, size: int, value: int) -> None:
        write = self._writers.get(address)
        if write is None or size != 4:
            raise self._no_register(address, size, "written")
        write(value)

    def _no_register(self, address: int, size: int, what: str) -> Objection:
        dark = next((block for block in self._dark if block.has(address)), None)
        if dark is not None:
            return Objection(f"0x{address:08X} ({dark.name}) is touched without power: {dark.wants_power}")
        if size != 4:
            return Objection(f"0x{address:08X} is {what} with {8 * size} bits; registers take 32")
        return Objection(f"0x{address:08X} is {what}: the model knows no register there")

    def light(self, block: Block) -> None:
        """Have a block answer, as it has power now."""
        self._dark.discard(block)
        self._readers |= block.readers()
        self._writers |= block.writers()

    def darken(self, block: Block) -> None:
        """Have a block answer no more."""
        self._dark.add(block)
        for address in block.readers():
            self._readers.pop(address, None)
            self._writers.pop(address, None)

    def _fault(self, address: int, pc: int) -> None:
        """Tell an access to what needs power from one to nothing, which the program has to cope with."""
        if 0x10060000 <= address < 0x102C0000:
            raise Objection(
                f"0x{address:08X} (shared SRAM) is touched by 0x{pc:08X} without power: set PWRCTRL.SSRAMPWREN "
                "(0x40021024) and wait for SSRAMPWRST (0x40021028)"
            )
        if address < MRAM:
            raise Objection(
                f"0x{address:08X} (the boot loader's MRAM) is touched by 0x{pc:08X}; expected from 0x18000"
            )
        if MRAM <= address < MRAM + MRAM_BYTES:
            raise Objection(f"0x{address:08X} (MRAM) is written by 0x{pc:08X}: it cannot be, like RAM")

    def reschedule(self, block: Block) -> None:
        """Look earlier than planned, as a block has new plans."""
        self.cpu.bring_forward(block.next_event())

    def _catch_up(self) -> int:
        for block in self._timed:
            block.catch_up()
        return min(block.next_event() for block in self._timed)

    def step(self, host: Host) -> None:
        """Run to what happens next, or sleep until then.

        Raises
        ------
        Objection
            The program did what a board would not take.
        """
        due = self._catch_up()
        if self._asleep and not self.cpu.wakes():
            self._deliver(host, all_of_it=due == NEVER)
            self.uart.receive(host.poll(wait=due == NEVER))
            due = self._catch_up()
            if due != NEVER and not self.cpu.wakes():
                self.cpu.sleep_until(due)
            return
        self._deliver(host, all_of_it=False)
        self.uart.receive(host.poll(wait=False))
        due = min(self._catch_up(), self.cpu.now() + LOOK_TICKS)
        result = self.cpu.run(max(due, self.cpu.now() + 1))
        self._asleep = result == ASLEEP
        if self._caused or result == RESET:
            self._restart(self._caused or SOFTWARE)

    def _deliver(self, host: Host, all_of_it: bool) -> None:
        if self.uart.sent and (all_of_it or len(self.uart.sent) >= 64 or not self.uart.busy):
            data = bytes(self.uart.sent)
            self.uart.sent.clear()
            host.send(data)

    @property
    def seconds(self) -> float:
        """Model time since power-on."""
        return self.cpu.now() / TICKS_HZ


class SocketHost:
    """Serves one host after the other on a TCP port of this machine.

    Parameters
    ----------
    number : int
        Port; 0 takes a free one.
    """

    def __init__(self, number: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", number))
        self.number = int(self._server.getsockname()[1])
        self._link: socket.socket | None = None
        self._stuck = False

    def poll(self, wait: bool) -> bytes:
        """Give what the host sent; wait for it, or for a host, where asked to."""
        source = self._link or self._server
        if not select.select([source], [], [], None if wait else 0)[0]:
            return b""
        if self._link is None:
            self._link, _ = self._server.accept()
            self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return b""
        try:
            data = self._link.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._close()
        return data

    def send(self, data: bytes) -> None:
        """Send; what nobody takes is lost, as on a line."""
        left = memoryview(data)
        try:
            while left and self._link is not None:
                if not select.select([], [self._link], [], 0 if self._stuck else PATIENCE)[1]:
                    self._stuck = True
                    return
                self._stuck = False
                left = left[self._link.send(left, socket.MSG_DONTWAIT) :]
        except OSError:
            self._close()

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
            self._stuck = False


class Lines:
    """Bytes between a board and a `ModelPort`."""

    def __init__(self) -> None:
        self.to_board = bytearray()
        self.to_host = bytearray()
        self.idle = False

    def poll(self, wait: bool) -> bytes:
        data = bytes(self.to_board)
        self.to_board.clear()
        self.idle = wait and not data
        return data

    def send(self, data: bytes) -> None:
        self.to_host += data


class ModelPort:
    """The model as a port of `nnsp.device.link.Link`, in this process: it runs while the host waits for bytes."""

    name = "model"

    def __init__(self, board: Apollo4) -> None:
        self.board = board
        self._lines = Lines()

    def receive(self, timeout: float) -> bytes:
        """Run until the board has sent something, or sleeps and will not wake; at most `timeout` seconds."""
        lines, deadline = self._lines, time.monotonic() + timeout
        lines.idle = False
        while not lines.to_host and not lines.idle and (timeout <= 0 or time.monotonic() < deadline):
            self.board.step(lines)
            if timeout <= 0:
                break
        if lines.idle and not lines.to_host:
            time.sleep(min(max(timeout, 0), 0.005))
        data = bytes(lines.to_host)
        lines.to_host.clear()
        return data

    def send(self, data: bytes) -> None:
        """Put bytes on the board's line."""
        self._lines.to_board += data
