# SPDX-License-Identifier: BSD-3-Clause
"""The processor: core.c, built where it has changed, and loaded."""

import os
import re
import subprocess
import weakref
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import cffi
import unicorn

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[2] / "build" / "apollo4_model"
UNICORN = Path(unicorn.__file__).parent
TICKS_HZ = 192_000_000  # the model's time


class Objection(Exception):
    """What the program did and a board would not take; one sentence with address, register and rule."""


@cache
def _library() -> tuple[Any, Any]:
    sources = [HERE / "core.c", HERE / "core.h"]
    built = BUILD / "core.so"
    if not built.exists() or built.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        BUILD.mkdir(parents=True, exist_ok=True)
        part = BUILD / f"core.{os.getpid()}.so"
        shared = next((UNICORN / "lib").glob("libunicorn.so*"))
        command = [
            "gcc",
            "-std=c99",
            "-O2",
            "-fPIC",
            "-shared",
            "-Wall",
            "-Wextra",
            "-Wconversion",
            "-Werror",
        ]
        command += ["-isystem", f"{UNICORN / 'include'}", str(sources[0]), "-o", str(part)]
        subprocess.run([*command, str(shared), f"-Wl,-rpath,{shared.parent}"], check=True)
        part.replace(built)
    ffi = cffi.FFI()
    text = re.sub(r"/\*.*?\*/", "", sources[1].read_text(), flags=re.DOTALL)
    ffi.cdef(re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
    return ffi, ffi.dlopen(str(built))


class Processor:
    """A Cortex-M4F with its system registers.

    Parameters
    ----------
    read, write : callable
        Take address and size (and value) of an access to a peripheral; may raise `Objection`.
    fault : callable
        Takes address and program counter of an access to nothing, before the BusFault; may raise `Objection`.

    Attributes
    ----------
    now : callable
        Gives the time: ticks of `TICKS_HZ` since power-on, sleep included.
    """

    def __init__(
        self,
        read: Callable[[int, int], int],
        write: Callable[[int, int, int], None],
        fault: Callable[[int, int], None],
    ) -> None:
        self._ffi, self._lib = _library()
        self._raised: BaseException | None = None

        def fail(error: BaseException) -> None:
            self._raised = self._raised or error
            self._lib.core_stop(self._core)

        def guarded_read(address: int, size: int) -> int:
            try:
                return read(address, size)
            except BaseException as error:
                fail(error)
                return 0

        def guarded_write(address: int, size: int, value: int) -> None:
            try:
                write(address, size, value)
            except BaseException as error:
                fail(error)

        def guarded_fault(address: int, pc: int) -> None:
            try:
                fault(address, pc)
            except BaseException as error:
                fail(error)

        self._callbacks = (
            self._ffi.callback("uint32_t(uint32_t, uint32_t)", guarded_read),
            self._ffi.callback("void(uint32_t, uint32_t, uint32_t)", guarded_write),
            self._ffi.callback("void(uint32_t, uint32_t)", guarded_fault),
        )
        self._core = self._lib.core_open(*self._callbacks)
        if not self._core:
            raise RuntimeError("Unicorn does not start a Cortex-M4")
        weakref.finalize(self, self._lib.core_close, self._core)
        self.now: Callable[[], int] = partial(self._lib.core_time, self._core)

    def map(self, address: int, size: int, writable: bool = True) -> None:
        """Have memory there."""
        self._check(self._lib.core_map(self._core, address, size, writable), address)

    def unmap(self, address: int, size: int) -> None:
        """Have none there any more."""
        self._check(self._lib.core_unmap(self._core, address, size), address)

    def store(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""
        self._check(self._lib.core_store(self._core, address, data, len(data)), address)

    def load(self, address: int, count: int) -> bytes:
        """Give bytes of memory."""
        data = self._ffi.new("uint8_t[]", count)
        self._check(self._lib.core_load(self._core, address, data, count), address)
        return bytes(data)

    @staticmethod
    def _check(error: int, address: int) -> None:
        if error:
            raise RuntimeError(f"no such memory at 0x{address:08X} (Unicorn's error {error})")

    def stack(self, begin: int, end: int) -> None:
        """Say where a stack may be."""
        self._lib.core_stack(self._core, begin, end)

    def reset(self, table: int) -> None:
        """Start at a vector table."""
        self._lib.core_reset(self._core, table)

    def run(self, until: int) -> int:
        """Run until then at most; gives what of `ASLEEP`, `RESET`, `UNTIL` ended it."""
        result = int(self._lib.core_run(self._core, until))
        if self._raised is not None:
            error, self._raised = self._raised, None
            raise error
        if result == self._lib.CORE_OBJECTION:
            raise Objection(self._ffi.string(self._lib.core_objection(self._core)).decode())
        return result

    def bring_forward(self, until: int) -> None:
        """Have `run`, which is under way, come back earlier."""
        self._lib.core_until(self._core, until)

    def stop(self) -> None:
        """Have `run`, which is under way, come back now."""
        self._lib.core_stop(self._core)

    def wakes(self) -> bool:
        """Whether an interrupt ends the sleep."""
        return bool(self._lib.core_wakes(self._core))

    def line(self, irq: int, high: bool) -> None:
        """Set an interrupt line."""
        self._lib.core_line(self._core, irq, high)

    def sleep_until(self, time: int) -> None:
        """Let time pass without instructions."""
        self._lib.core_sleep_until(self._core, time)

    def speed(self, ticks: int) -> None:
        """Say how many ticks an instruction takes."""
        self._lib.core_speed(self._core, ticks)

    @property
    def executed(self) -> int:
        """Instructions since power-on."""
        return int(self._lib.core_executed(self._core))

    @property
    def slept(self) -> int:
        """Ticks that were slept."""
        return int(self._lib.core_slept(self._core))

    @property
    def pc(self) -> int:
        """Where the program is, to the block of code."""
        return int(self._lib.core_pc(self._core))

    def register(self, number: int) -> int:
        """Give r0 to r14."""
        return int(self._lib.core_register(self._core, number))


UNTIL, ASLEEP, RESET = range(3)
