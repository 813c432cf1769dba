# SPDX-License-Identifier: BSD-3-Clause
"""The firmware on the emulated boards, and ports that are opened by name."""

import os
import re
import signal
import subprocess
import threading
import tty
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from board_doubles import (
    build_board,
    double_image,
    double_output,
    noise,
    running,
    small_firmware,
)
from nnsp.device import boards
from nnsp.device import image as images
from nnsp.device.boards import Emulator, SerialPort, open_board
from nnsp.device.kept import play
from nnsp.device.link import Link, LinkLost
from nnsp.device.session import Consumer, Hop
from nnsp.errors import UserError
from nnsp.integer.c_streams import TableEnhancer

FLASH_BYTES = {"qemu_m4": 4 << 20, "qemu_m55": 512 << 10}


@pytest.fixture(scope="module", params=boards.MACHINES)
def board(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def image(board: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return double_image(tmp_path_factory.mktemp("image") / "double.elf", board=board)


@pytest.fixture
def emulator(board: str, image: Path) -> Iterator[Emulator]:
    with open_board(board, image) as port:
        assert isinstance(port, Emulator)
        yield port


@pytest.mark.slow
def test_emulated_board_streams_and_counts(board: str, emulator: Emulator) -> None:
    link, samples = Link(emulator), noise(60)
    hello = link.hello()
    assert (hello.board, hello.reset_cause, hello.unit) == (
        f"{board} ({boards.MACHINES[board]})",
        "power on",
        "instructions",
    )
    first, second = play(link, hello, samples), play(link, hello, samples)
    for streamed in (first, second):
        np.testing.assert_array_equal(streamed.audio, double_output(samples))
        assert streamed.stats.worst == streamed.work.max()
    # Two passes over 160 samples, the same for every hop; the timer is good to one instruction.
    assert 320 < first.work[0] < 10 * 320
    assert np.ptp(np.concatenate([first.work, second.work])) <= 1
    used = hello.stack_bytes - first.stats.stack_left
    assert 500 < used < hello.stack_bytes
    link.exit()
    assert emulator.process.wait(5) == 0


def test_emulator_killed_in_mid_stream(board: str, emulator: Emulator) -> None:
    link = Link(emulator)
    hello = link.hello()

    class KillAt20(Consumer):
        def take(self, hop: Hop) -> None:
            if hop.number >= 19:
                emulator.process.send_signal(signal.SIGKILL)

    sentence = rf"^{board}: the board has gone: the emulator ended \(signal 9\) \(after \d\d of 200 hops\)$"
    with pytest.raises(LinkLost, match=sentence):
        play(link, hello, noise(200), KillAt20())


def test_emulator_stopped_in_mid_stream(board: str, emulator: Emulator) -> None:
    link = Link(emulator, timeout=0.1)
    hello = link.hello()
    os.kill(emulator.process.pid, signal.SIGSTOP)
    with pytest.raises(LinkLost, match=rf"^{board}: no answer to RESET in 0.4 s"):
        play(link, hello, noise(20))


@pytest.mark.slow
def test_a_fault_says_what_and_where(board: str, tmp_path: Path) -> None:
    faulty = double_image(tmp_path / "faulty.elf", "-DFAULT_AT=5", board=board)
    sentence = (
        r"the program on the board crashed: UsageFault at 0x(\w{8}), status 0x00010000, address 0x0+ \("
    )
    with open_board(board, faulty) as port:
        assert isinstance(port, Emulator)
        link = Link(port)
        with pytest.raises(LinkLost, match=sentence) as caught:
            play(link, link.hello(), noise(20))
        assert port.process.wait(5) == 2
    found = re.search(sentence, str(caught.value))
    assert found
    listing = subprocess.run(
        ["arm-none-eabi-objdump", "-d", faulty], capture_output=True, text=True, check=True
    ).stdout
    where = re.search(r"^\s*([0-9a-f]+):\s.*\budf\s+#1", listing, re.MULTILINE)
    assert where and int(where[1], 16) == int(found[1], 16)


@pytest.mark.slow
def test_a_stack_that_overflows_is_named(board: str, tmp_path: Path) -> None:
    deep = double_image(tmp_path / "deep.elf", "-DOVERFLOW_AT=3", board=board)
    with open_board(board, deep) as port:
        link = Link(port)
        with pytest.raises(LinkLost, match=r"crashed: stack overflow at 0x0+, .* \(after [0-3] of 20 hops\)"):
            play(link, link.hello(), noise(20))


@pytest.mark.slow
def test_emulated_board_equals_the_library_here(board: str, tmp_path: Path) -> None:
    """The real library and an untrained network, there and here, to the bit."""
    built, table = small_firmware(tmp_path, board)
    loud, quiet = noise(40, 3), (noise(60, 4) // 256).astype(np.int16)
    samples = np.concatenate([loud, quiet])
    with open_board(board, built) as port:
        link = Link(port)
        hello = link.hello()
        streamed = play(link, hello, samples)
    reference = TableEnhancer(table)
    assert hello.state_bytes == reference.state_bytes
    assert hello.networks[0].network_checksum == reference.enhancer.model.network.checksum
    np.testing.assert_array_equal(streamed.audio, reference.process(samples))
    assert streamed.audio.any()


def test_image_sizes_are_those_of_binutils(board: str, image: Path) -> None:
    found = images.load(image)
    listing = subprocess.run(["arm-none-eabi-size", "-A", image], capture_output=True, text=True, check=True)
    sizes = {
        line.split()[0]: int(line.split()[1]) for line in listing.stdout.splitlines() if line.startswith(".")
    }
    for section in found.sections:
        assert sizes[section.name] == section.size
    assert found.flash == sum(sizes.get(name, 0) for name in (".text", ".tables", ".rodata", ".data"))
    assert found.ram == sum(sizes.get(name, 0) for name in (".stack", ".bss", ".data"))
    regions = {region.name: region for region in found.regions}
    assert (regions["FLASH"].used, regions["FLASH"].size) == (found.flash, FLASH_BYTES[board])
    assert (regions["RAM"].used, regions["RAM"].size) == (found.ram, 4 << 20)


def test_what_is_no_image(tmp_path: Path) -> None:
    other = tmp_path / "other.elf"
    other.write_bytes(b"MZ" + bytes(100))
    with pytest.raises(UserError, match="not a 32-bit little-endian ELF image"):
        images.load(other)
    other.write_bytes(b"\x7fELF\x01\x01" + bytes(10))
    with pytest.raises(UserError, match="cut short"):
        images.load(other)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        images.load(tmp_path / "none.elf")


GRAPH = """graph: {{ title: "a.c"
node: {{ title: "main" label: "main\\na.c:1:1\\n16 bytes (static)" }}
node: {{ title: "f" label: "f\\na.c:2:1\\n100 bytes (static)" }}
node: {{ title: "g" label: "g\\na.c:3:1\\n40 bytes ({kind})" }}
node: {{ title: "memcpy" label: "memcpy\\n<built-in>" shape : ellipse }}
edge: {{ sourcename: "main" targetname: "f" label: "a.c:5:1" }}
edge: {{ sourcename: "main" targetname: "g" label: "a.c:6:1" }}
edge: {{ sourcename: "g" targetname: "{callee}" label: "a.c:7:1" }}
}}
"""


def test_deepest_stack(tmp_path: Path) -> None:
    graph = tmp_path / "a.ci"
    graph.write_text(GRAPH.format(kind="static", callee="memcpy"))
    assert images.deepest_stack([graph]) == (116, ["main", "f"])
    graph.write_text(GRAPH.format(kind="static", callee="f"))
    assert images.deepest_stack([graph]) == (156, ["main", "g", "f"])
    graph.write_text(GRAPH.format(kind="static", callee="main"))
    with pytest.raises(ValueError, match="main calls itself"):
        images.deepest_stack([graph])
    graph.write_text(GRAPH.format(kind="dynamic", callee="f"))
    with pytest.raises(ValueError, match="g takes stack of no fixed size"):
        images.deepest_stack([graph])


# Ports by name.


def test_the_same_over_a_pty(tmp_path: Path) -> None:
    """The app behind a pty, which is what a serial port is to this side."""
    board = build_board(tmp_path / "board")
    ours, theirs = os.openpty()
    tty.setraw(ours)
    samples = noise(60)
    with ExitStack() as cleanup:
        link = cleanup.enter_context(running(board)).link

        def pump(source: int, sink: int) -> None:
            try:
                while data := os.read(source, 4096):
                    os.write(sink, data)
            except OSError:
                return

        for way in ((ours, link.fileno()), (link.fileno(), ours)):
            threading.Thread(target=pump, args=way, daemon=True).start()
        with open_board(os.ttyname(theirs)) as port:
            assert isinstance(port, SerialPort)
            board_link = Link(port)
            streamed = play(board_link, board_link.hello(), samples)
            np.testing.assert_array_equal(streamed.audio, double_output(samples))
            board_link.exit()
    os.close(theirs)
    os.close(ours)


def test_a_port_that_is_not_there() -> None:
    with (
        pytest.raises(UserError, match=r"^/dev/ttyNNSP: cannot open this port: .*; ports here: "),
        open_board("/dev/ttyNNSP"),
    ):
        pass


def test_no_emulator_installed(monkeypatch: pytest.MonkeyPatch, board: str, image: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        pytest.raises(UserError, match=r"^qemu-system-arm is not installed.*install qemu-system-arm$"),
        open_board(board, image),
    ):
        pass


def test_no_image_built(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"there is no such image; build it with: scons target=qemu_m4$"),
        open_board("qemu_m4", tmp_path / "none.elf"),
    ):
        pass


def test_an_image_that_qemu_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.elf"
    other.write_bytes(b"")
    monkeypatch.setitem(boards.MACHINES, "qemu_m4", "no-such-machine")
    with (
        pytest.raises(UserError, match=r"^qemu_m4: the emulator does not start: .*status 1.*machine type"),
        open_board("qemu_m4", other),
    ):
        pass
