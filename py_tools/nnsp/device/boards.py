# SPDX-License-Identifier: BSD-3-Clause
"""Where a board is: an emulator that is started here, or a port with something at its end."""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import serial
from serial.tools import list_ports

from nnsp.device.wire import Port, PortLost
from nnsp.errors import UserError
from nnsp.places import CHECKOUT, ROOT

MACHINES = {"qemu_m4": "mps2-an386", "qemu_m55": "mps3-an547"}  # SCons target: QEMU's name for the board
ORPHANED = '[ "$PPID" = "$0" ] && exec "$@"'
START_SECONDS = 10.0
WRITE_SECONDS = 5.0


class SerialPort:
    """A serial port, a pty, or anything else that pyserial opens by name (``socket://host:port``)."""

    def __init__(self, name: str, baud: int = 115200) -> None:
        self.name = name
        try:
            # Reads never wait in pyserial, which would wait for a number of bytes: `receive` waits for any.
            self._serial = serial.serial_for_url(
                name, baudrate=baud, timeout=0, write_timeout=WRITE_SECONDS, exclusive=True
            )
        except (serial.SerialException, ValueError) as error:
            found = ", ".join(port.device for port in list_ports.comports()) or "none"
            raise UserError(f"{name}: cannot open this port: {error}; ports here: {found}") from error
        with contextlib.suppress(OSError, AttributeError), socket.socket(fileno=self._copy_fd()) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _copy_fd(self) -> int:
        """Return a copy of the socket's descriptor; raises OSError where the port is no socket."""
        if not self.name.startswith("socket://"):
            raise OSError("not a socket")
        with socket.socket(fileno=self._serial.fileno()) as borrowed:
            copy = borrowed.dup().detach()
            borrowed.detach()
        return copy

    def receive(self, timeout: float) -> bytes:
        """Return what has come in, waiting at most `timeout` seconds for the first byte."""
        try:
            data = self._serial.read(4096)
            if not data and timeout > 0:
                self._wait(timeout)
                data = self._serial.read(4096)
        except (serial.SerialException, OSError) as error:
            raise PortLost(str(error)) from error
        return bytes(data)

    def _wait(self, timeout: float) -> None:
        if hasattr(self._serial, "fileno") and sys.platform != "win32":
            select.select([self._serial.fileno()], [], [], timeout)
            return
        deadline = time.monotonic() + timeout
        while not self._serial.in_waiting and time.monotonic() < deadline:
            time.sleep(0.001)

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise PortLost(f"it has taken no bytes for {WRITE_SECONDS:g} s") from error
        except (serial.SerialException, OSError) as error:
            raise PortLost(str(error)) from error

    def close(self) -> None:
        """Close the port."""
        self._serial.close()


class Emulator:
    """QEMU running an image; its serial port is a socket that pyserial opens."""

    def __init__(self, board: str, image: Path, microphone: Path | None = None) -> None:
        self.name = board
        self._microphone = microphone
        program = shutil.which("qemu-system-arm")
        if program is None:
            raise UserError(
                "qemu-system-arm is not installed, and the board is emulated with it; "
                "on Debian or Ubuntu: sudo apt-get install qemu-system-arm"
            )
        if not image.is_file():
            raise UserError(f"{image}: there is no such image; build it with: scons target={board}")
        # Someone else may take a free port before QEMU has it: then QEMU ends, and another is tried.
        for last in (False, False, True):
            number, self._ending = _free_port(), ""
            self.process = self._start(program, image, number)
            try:
                self._port = self._connect(number)
                return
            except UserError:
                if last:
                    raise

    def _start(self, program: str, image: Path, number: int) -> subprocess.Popen[bytes]:
        # Were this process killed, nobody would end QEMU: Linux can do it, once setpriv has asked for it. The shell
        # looks whether this process was killed before that.
        guard = shutil.which("setpriv")
        command = [guard, "--pdeathsig", "KILL", "sh", "-c", ORPHANED, str(os.getpid())] if guard else []
        command += [program, "-M", MACHINES[self.name], "-kernel", str(image), "-icount", "shift=6"]
        command += ["-display", "none", "-monitor", "none", "-serial", "chardev:link"]
        # Without an argument QEMU gives the image's name, which is no microphone.
        path = str(self._microphone.resolve()).replace(",", ",,") if self._microphone else ""
        semihosting = f",arg=microphone={path}" if path else ""
        command += ["-semihosting-config", f"enable=on,target=native{semihosting}"]
        command += [
            "-chardev",
            f"socket,id=link,host=127.0.0.1,port={number},server=on,wait=on,nodelay=on",
        ]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def _connect(self, number: int) -> SerialPort:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return SerialPort(f"socket://127.0.0.1:{number}")
            except UserError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    reason = self._end()
                    raise UserError(f"{self.name}: the emulator does not start: {reason}") from error
            time.sleep(0.02)

    def _end(self) -> str:
        """End QEMU and say how it ended."""
        if self._ending:
            return self._ending
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5)
        running = self.process.poll() is None
        if running:
            self.process.kill()
        _, errors = self.process.communicate()
        status = self.process.returncode
        text = [line for line in errors.decode(errors="replace").splitlines() if ": info: " not in line]
        how = "it hung" if running else f"signal {-status}" if status < 0 else f"exit status {status}"
        self._ending = f"{how}, {text[0]}" if text else how
        return self._ending

    def receive(self, timeout: float) -> bytes:
        """Return what has come in, waiting at most `timeout` seconds for the first byte."""
        try:
            return self._port.receive(timeout)
        except PortLost as error:
            raise PortLost(f"the emulator ended ({self._end()})") from error

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._port.send(data)
        except PortLost as error:
            raise PortLost(f"the emulator ended ({self._end()})") from error

    def close(self) -> None:
        """End the emulator."""
        self.process.kill()
        self._end()
        self._port.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build_image(board: str, model: str) -> Path:
    """Build the firmware for an emulator where its sources have changed, and give the image's path.

    `model` is what ``scons model=`` takes: names of networks with commas between them.

    Raises
    ------
    UserError
        There is no such model, no cross compiler, or the sources do not compile; the words are SCons'.
    """
    if not CHECKOUT:
        raise UserError(
            f"{board}: firmware is built from its sources; call this in a checkout, or give an `image`"
        )
    command = [sys.executable, "-m", "SCons", "-Q", "-s", f"--directory={ROOT}"]
    done = subprocess.run([*command, f"target={board}", f"model={model}"], capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise UserError(f"the firmware for {board} does not build: {said.removeprefix('scons: ')}")
    return ROOT / "build" / board / f"nnsp_{model.replace(',', '_')}.elf"


@contextlib.contextmanager
def open_board(
    board: str, image: Path | None = None, baud: int = 115200, microphone: Path | None = None
) -> Iterator[Port]:
    """Start the emulator of this name, or open the port of this name; close it at the end.

    Parameters
    ----------
    board : str
        A key of `MACHINES`, a serial port or pty, or ``socket://host:port``.
    image : Path, optional
        What an emulator runs; needed for one, unused for a port.
    baud : int
        Bits per second of a serial port.
    microphone : Path, optional
        Bare int16 samples that an emulated microphone hears; without it an emulator has none.

    Raises
    ------
    UserError
        No emulator or image, or the port cannot be opened.
    """
    port: Emulator | SerialPort
    if board in MACHINES:
        if image is None:
            raise UserError(f"{board}: an emulator needs an image")
        port = Emulator(board, image, microphone)
    else:
        port = SerialPort(board, baud)
    try:
        yield port
    finally:
        port.close()
