# SPDX-License-Identifier: BSD-3-Clause
"""Builds and doubles for the tests of link, firmware and boards."""

import importlib
import random
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nnsp.device.messages import Error, Type, error_text
from nnsp.device.session import Consumer, End, Hop
from nnsp.device.wire import Event, Frame, Parser, Port, PortLost, encode
from nnsp.integer import tables
from nnsp.places import ROOT
from nnsp.signal.frontend import FrontEnd

APP = ROOT / "firmware" / "app"
APP_SOURCES = sorted(APP.glob("*.c"))
DOUBLES = ROOT / "tests" / "firmware"
DOUBLE_SOURCES = [
    DOUBLES / "double_enhancer.c",
    DOUBLES / "double_classifiers.c",
    ROOT / "nnsp_lib/src/detector.c",
]
DOUBLE = [DOUBLES / "def_nn0_double.c"]
DOUBLE_VAD = [DOUBLES / "def_nn1_vad.c"]
DOUBLE_KWS = [DOUBLES / "def_nn2_kws.c"]
INCLUDES = [f"-I{path}" for path in (APP, ROOT / "nnsp_lib/include", DOUBLES)]
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
STRICT = ["-std=c99", "-D_POSIX_C_SOURCE=200112L", "-Wall", "-Wextra", "-Wconversion", "-Werror"]

sys.path.append(str(ROOT / "site_scons"))


def compile_c(output: Path, sources: list[Path], flags: list[str], compiler: str = "gcc") -> Path:
    """Compile and link; fails the test with the compiler's words."""
    command = [compiler, *STRICT, *INCLUDES, *flags, *map(str, sources), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


def models_of(folder: Path, tables: list[Path]) -> list[str]:
    """Write image_models.h, by which the app finds its networks, and give the compiler's option for it."""
    import image_models

    folder.mkdir(exist_ok=True)
    (folder / "image_models.h").write_text(image_models.header(tables))
    return [f"-I{folder}"]


def build_board(output: Path, *flags: str, models: list[Path] = DOUBLE) -> Path:
    """The firmware's app as a process of this computer, with the double for the library, sanitized."""
    sources = [*APP_SOURCES, DOUBLES / "port_host.c", *DOUBLE_SOURCES]
    models_flags = models_of(output.with_name(f"{output.name}_models"), models)
    return compile_c(output, sources, [*SANITIZE, *models_flags, *flags])


def build_image(output: Path, models: list[Path], sources: list[Path], flags: list[str], board: str) -> Path:
    """The firmware for an emulated board, with other sources for models and library."""
    import cortex_m

    target = importlib.import_module(f"target_{board}")
    folders = [ROOT / folder for folder in target.BOARD]
    everything = [*APP_SOURCES, *sources]
    for folder in folders:
        everything += sorted(folder.glob("*.c"))
    options = [
        *target.MACHINE,
        *cortex_m.FLAGS,
        *models_of(output.with_name(f"{output.stem}_models"), models),
        *(f"-D{name}={value}" for name, value in getattr(target, "board_defines", dict)().items()),
        *flags,
        *(f"-I{path}" for path in folders),
    ]
    # One object a source, named after it: the linker script finds the tables by name.
    objects = [
        compile_c(
            output.with_name(f"{source.parent.name}_{source.stem}.o"),
            [source],
            ["-c", *options],
            "arm-none-eabi-gcc",
        )
        for source in everything
    ]
    link = [*target.MACHINE, *cortex_m.LINK, *cortex_m.linker_script(folders)]
    return compile_c(output, objects, link, "arm-none-eabi-gcc")


def double_image(output: Path, *flags: str, board: str = "qemu_m4", models: list[Path] = DOUBLE) -> Path:
    """The firmware for an emulated board around the double of the library."""
    return build_image(output, models, DOUBLE_SOURCES, list(flags), board)


def small_table(folder: Path, net_id: int = 9, seed: int = 1) -> Path:
    """The generated C file of a small untrained network, def_nn<id>_small.c."""
    from networks import build_model

    made = tables.Provenance("test", "test", "test")
    tables.write(folder, tables.model_files(build_model(FrontEnd(), seed=seed), net_id, "small", made))
    return folder / f"def_nn{net_id}_small.c"


def real_image(output: Path, models: list[Path], board: str = "qemu_m4") -> Path:
    """Image for an emulated board of the real library and these tables, all of one folder."""
    import library_sources

    sources = [*models, *library_sources.find(ROOT)]
    return build_image(output, models, sources, [f"-I{models[0].parent}"], board)


def small_firmware(folder: Path, board: str = "qemu_m4") -> tuple[Path, Path]:
    """Image for an emulated board of the real library and a small untrained network, and its table."""
    table = small_table(folder)
    return real_image(folder / "small.elf", [table], board), table


def double_output(samples: np.ndarray, hop: int = 160) -> np.ndarray:
    """What double_enhancer.c makes of whole hops."""
    hops = samples.reshape(-1, hop).astype(int)
    before = np.vstack([np.zeros((1, hop), int), hops[:-1]])
    return (np.fix(before / 2).astype(int) + np.arange(len(hops))[:, None]).astype(np.int16).reshape(-1)


def noise(hops: int, seed: int = 1, hop: int = 160) -> np.ndarray:
    """int16 samples over the whole range."""
    return np.random.default_rng(seed).integers(-32768, 32768, hops * hop).astype(np.int16)


class Given(Consumer):
    """Keeps all hops of a session, and its end."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self.end: End | None = None

    def take(self, hop: Hop) -> None:
        self.hops.append(hop)

    def finish(self, end: End) -> None:
        self.end = end


class SocketPort:
    """A port whose other end is a socket of this test."""

    name = "test board"

    def __init__(self, link: socket.socket) -> None:
        self.link = link

    def receive(self, timeout: float) -> bytes:
        if not select.select([self.link], [], [], timeout)[0]:
            return b""
        try:
            data = self.link.recv(4096)
        except OSError as error:
            raise PortLost(str(error)) from error
        if not data:
            raise PortLost("the process ended")
        return data

    def send(self, data: bytes) -> None:
        try:
            self.link.sendall(data)
        except OSError as error:
            raise PortLost(str(error)) from error


@contextmanager
def running(board: Path) -> Iterator[SocketPort]:
    """Run a board process; its sanitizers must have nothing to say at the end."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([board], stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE)
    theirs.close()
    try:
        yield SocketPort(ours)
    finally:
        ours.close()
        try:
            _, errors = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
    assert process.returncode in (0, 3), f"board ended with {process.returncode}: {errors.decode()}"


class Raw:
    """Frames by hand."""

    def __init__(self, port: SocketPort) -> None:
        self.port, self.parser = port, Parser()
        self.expect(Type.HELLO, 0)

    def send(self, kind: int, sequence: int = 0, payload: bytes = b"") -> None:
        self.port.send(encode(kind, sequence, payload))

    def frame(self, timeout: float = 2.0) -> Frame:
        """The next frame; byte by byte, so that none is lost between calls."""
        while True:
            assert select.select([self.port.link], [], [], timeout)[0], "the board says nothing"
            if self.parser.push(self.port.link.recv(1)[0]) is Event.FRAME:
                return self.parser.frame

    def expect(self, kind: Type, sequence: int) -> bytes:
        frame = self.frame()
        assert (frame.type, frame.sequence) == (kind, sequence), frame
        return frame.payload

    def expect_error(self, code: Error, sequence: int, words: str) -> None:
        found, text = error_text(self.expect(Type.ERROR, sequence))
        assert found == code
        assert words in text


Fault = Callable[[bytes, random.Random], bytes]


class FaultyPort:
    """Spoils the bytes of another port by a fault each way, after the first `quiet` calls each way."""

    def __init__(
        self,
        port: Port,
        to_board: Fault | None = None,
        to_host: Fault | None = None,
        seed: int = 1,
        quiet: int = 12,
    ) -> None:
        self.port = port
        self.name = port.name
        self.faults = {"board": to_board, "host": to_host}
        self.calls = {"board": 0, "host": 0}
        self.random = random.Random(seed)
        self.quiet = quiet

    def _spoil(self, way: str, data: bytes) -> bytes:
        fault = self.faults[way]
        self.calls[way] += bool(data)
        return fault(data, self.random) if fault and data and self.calls[way] > self.quiet else data

    def receive(self, timeout: float) -> bytes:
        return self._spoil("host", self.port.receive(timeout))

    def send(self, data: bytes) -> None:
        self.port.send(self._spoil("board", data))


def drop_bytes(data: bytes, rng: random.Random) -> bytes:
    """Lose one byte in two thousand."""
    return bytes(byte for byte in data if rng.random() > 1 / 2000)


def corrupt_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip a bit in one byte of two thousand; may make or break a zero."""
    return bytes(byte ^ (1 << rng.randrange(8)) if rng.random() < 1 / 2000 else byte for byte in data)


def double_bytes(data: bytes, rng: random.Random) -> bytes:
    """Send one byte in two thousand twice."""
    return b"".join(bytes([byte] * (1 + (rng.random() < 1 / 2000))) for byte in data)


def drop_chunks(data: bytes, rng: random.Random) -> bytes:
    """Lose one write or read in ten whole: to the board this is a frame."""
    return b"" if rng.random() < 0.1 else data


def double_chunks(data: bytes, rng: random.Random) -> bytes:
    """Send one write or read in ten twice."""
    return data * (1 + (rng.random() < 0.1))


def insert_noise(data: bytes, rng: random.Random) -> bytes:
    """Put noise in front of one write or read in ten."""
    return rng.randbytes(rng.randrange(1, 80)) + data if rng.random() < 0.1 else data


FAULTS = [drop_bytes, corrupt_bytes, double_bytes, drop_chunks, double_chunks, insert_noise]
