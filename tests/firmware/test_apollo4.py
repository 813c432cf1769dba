# SPDX-License-Identifier: BSD-3-Clause
"""The Apollo4 image itself, as it would be flashed, on the model of its board."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from apollo4_model.board import Apollo4, ModelPort
from apollo4_model.processor import TICKS_HZ, Objection
from board_doubles import (
    FAULTS,
    Fault,
    FaultyPort,
    Given,
    double_image,
    double_output,
    noise,
    real_image,
)
from networks import STATE, WORD, classifier, listening
from nnsp.device import image as images
from nnsp.device import reference
from nnsp.device.boards import open_board
from nnsp.device.check import Check, EnhancerCheck
from nnsp.device.kept import Heard, play
from nnsp.device.link import Link, LinkLost
from nnsp.device.live import Live
from nnsp.device.messages import ENHANCED, START, Error, Hello, Type, error_text
from nnsp.device.samples import Packing
from nnsp.device.wire import Event, Frame, Parser, encode
from nnsp.errors import UserError
from nnsp.integer import tables
from nnsp.integer.c_streams import TableEnhancer
from nnsp.network.arch import Layer
from nnsp.places import ROOT
from nnsp.signal.frontend import FrontEnd

pytestmark = pytest.mark.slow

TABLE = ROOT / "firmware" / "models" / "def_nn3_se.c"
NOISY = ROOT / "demo" / "noisy.wav"
MODEL = ROOT / "tests" / "support" / "apollo4_model"


def scons_image(*options: str) -> bytes:
    """What `scons target=apollo4` makes to be flashed."""
    command = [sys.executable, "-m", "SCons", "-Q", "-s", f"--directory={ROOT}", "target=apollo4", *options]
    subprocess.run(command, check=True, capture_output=True, text=True)
    rate = next((option.removeprefix("baud=") for option in options if option.startswith("baud=")), None)
    folder = "apollo4" + f"_{rate}" * bool(rate) + "_hp" * ("hp=1" in options)
    return (ROOT / "build" / folder / "nnsp_se.bin").read_bytes()


@pytest.fixture(scope="module")
def image() -> bytes:
    return scons_image()


@pytest.fixture(scope="module")
def fast_image() -> bytes:
    return scons_image("baud=921600")


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return apollo4_double(tmp_path_factory.mktemp("double"))


def apollo4_double(folder: Path, *flags: str) -> bytes:
    """The image around the double of the library."""
    elf = double_image(folder / "double.elf", *flags, board="apollo4")
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, folder / "double.bin"], check=True)
    return (folder / "double.bin").read_bytes()


def boot(image: bytes, **part: Any) -> ModelPort:
    """A board that has said its unasked HELLO."""
    port = ModelPort(Apollo4(image, **part))
    frames = exchange(port)
    assert [(frame.type, frame.sequence) for frame in frames] == [(Type.HELLO, 0)]
    return port


def exchange(port: ModelPort, *sent: bytes) -> list[Frame]:
    """Send bytes and give the frames that come until the board sleeps."""
    for data in sent:
        port.send(data)
    parser, frames = Parser(), []
    while data := port.receive(1):
        frames += [parser.frame for byte in data if parser.push(byte) is Event.FRAME]
    return frames


def speech(hops: int) -> np.ndarray:
    """Noisy speech, over and over."""
    samples, _ = soundfile.read(NOISY, dtype="int16")
    return np.resize(samples, hops * 160)


def test_it_greets_with_its_chip(image: bytes) -> None:
    hello = Link(boot(image)).hello()
    assert "08320088" in hello.board and "96 MHz" in hello.board
    assert (hello.reset_cause, hello.unit, hello.count_hz) == ("power on", "cycles", 96_000_000)


def test_ten_seconds_of_speech_equal_the_library_here(image: bytes) -> None:
    port, samples = boot(image), speech(1010)
    link = Link(port)
    hello = link.hello()
    streamed = play(link, hello, samples)
    expected = reference.enhancer_of(TABLE, hello).process(streamed.heard)
    np.testing.assert_array_equal(streamed.audio, expected)
    stats = streamed.stats
    assert (stats.hops, stats.lost, stats.broken, stats.unsent, stats.overrun, streamed.end.broken) == (
        1010,
        0,
        0,
        0,
        0,
        0,
    )
    assert port.board.uart.overrun == 0
    assert 0 < stats.stack_left < stats.stack_bytes


def test_the_microphone_live_equals_the_library_here(fast_image: bytes) -> None:
    """Ten seconds without loss; what is heard is the recording, from where the board began to listen."""
    samples = speech(1010)
    port = boot(fast_image, baud=921600, microphone=samples)
    link = Link(port, timeout=5)  # here, where the model may be slow
    hello = link.hello()
    kept, check = Heard(), EnhancerCheck(hello, TableEnhancer(TABLE))
    Live(link, hello, hops=31).run(kept, check)
    heard = kept.samples
    assert (check.found.samples, check.found.samples_compared) == (0, len(heard))
    windows = np.lib.stride_tricks.sliding_window_view(samples, len(heard))[:2000]
    begin = int(np.flatnonzero((windows == heard).all(1))[0])
    given = Given()
    end = Live(link, hello, ENHANCED, hops=1001).run(given)
    stats = end.stats
    assert end.ended is None and stats is not None
    assert (stats.late, stats.lost, stats.unsent, end.broken, port.board.pdm.lost) == (0, 0, 0, 0, 0)
    enhanced = np.concatenate([hop.enhanced for hop in given.hops if hop.enhanced is not None])[:160_000]
    np.testing.assert_array_equal(enhanced, TableEnhancer(TABLE).process(samples[begin : begin + 160_000]))


def test_three_networks_side_by_side_equal_the_library_here(tmp_path: Path) -> None:
    """The shipped enhancer, and of the size that a vad and a kws may have, untrained ones."""
    for suffix in (".c", ".h"):
        shutil.copy(TABLE.with_suffix(suffix), tmp_path)
    samples = speech(150)
    small = (Layer("lstm", 32, "tanh"), Layer("fc", 1, "sigmoid"))
    large = (Layer("conv1d", 64, "tanh", 3), Layer("lstm", 80, "tanh"), Layer("fc", 11, "softmax"))
    vad = listening(classifier(FrontEnd(bands=24), small), STATE, 0.5, samples)
    kws = listening(classifier(FrontEnd(feat_type="mfcc"), large), WORD, 0.5, samples)
    made = tables.Provenance("test", "test", "test")
    for number, (name, model) in enumerate({"vad": vad, "kws": kws}.items(), 4):
        tables.write(tmp_path, tables.model_files(model, number, name, made))
    paths = [tmp_path / f"def_nn{stem}.c" for stem in ("3_se", "4_vad", "5_kws")]
    elf = real_image(tmp_path / "image.elf", paths, "apollo4")
    taken = images.load(elf)
    print([f"{region.name}: {region.used} of {region.size} B" for region in taken.regions])
    assert 103_000 + 60_000 < taken.size(".tables") < 103_100 + 75_000
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, elf.with_suffix(".bin")], check=True)
    link = Link(boot(elf.with_suffix(".bin").read_bytes()))
    hello = link.hello()
    check = Check(hello, reference.Reference(paths, hello), counts_events=True)
    streamed = play(link, hello, samples, check, scores=True)
    found, count = check.found, streamed.stats.events
    assert not found.any and (found.samples_compared, found.scores_compared) == (24_000, 150 * 12)
    assert found.events_compared == count > 2
    assert 10 < streamed.stats.rested < 140
    assert 0 < streamed.stats.stack_left < streamed.stats.stack_bytes


def test_live_at_115200_is_refused_with_the_numbers(double: bytes) -> None:
    link = Link(boot(double))
    with pytest.raises(UserError, match=r"the board refuses START: .*\d+.*115200"):
        next(iter(Live(link, link.hello())))


def test_button_and_lights(double: bytes, tmp_path: Path) -> None:
    port = boot(double, microphone=noise(100))
    link, board = Link(port), port.board
    flags: list[int] = []
    lit: list[bool] = []

    assert not board.gpio.lit(90)
    for hop in Live(link, link.hello(), ENHANCED, Packing.ADPCM4, hops=60):
        flags.append(hop.flags & 1)
        lit.append(board.gpio.lit(90))
        board.gpio.set_outside(18, high=not 10 < len(flags) < 30)
    assert flags[0] == 0 and flags[-1] == 1 and flags == sorted(flags)
    assert all(lit[:60])
    assert not board.gpio.lit(90)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_a_bad_line_loses_is_counted(double: bytes, fault: Fault) -> None:
    port, samples = boot(double), noise(100)
    bad = FaultyPort(port, fault, fault)
    link = Link(bad, timeout=0.3, tries=20)
    streamed = play(link, link.hello(), samples)
    stats = streamed.stats
    assert stats.next_hop == stats.hops == 100
    assert stats.lost == streamed.silenced.sum()
    heard = samples.reshape(-1, 160).copy()
    heard[streamed.silenced] = 0
    same = (streamed.audio == double_output(heard.reshape(-1))).reshape(-1, 160).all(1)
    np.testing.assert_array_equal(same[streamed.answered], True)
    assert not streamed.audio.reshape(-1, 160)[~streamed.answered].any()
    end = streamed.end
    unquiet = stats.lost + stats.broken + stats.doubled + end.resent + end.broken + end.doubled
    assert unquiet + (~streamed.answered).sum() > 0


def test_bytes_that_the_receiver_has_no_room_for_are_counted(double: bytes) -> None:
    """Ten milliseconds in which the processor takes nothing off the line."""
    port = boot(double)
    link, board = Link(port), port.board
    hello = link.hello()
    link.reset()
    link.start(hello.rate, hello.hop)
    port.send(encode(Type.AUDIO, 0, noise(1).tobytes()))
    port.receive(0)
    board.cpu.sleep_until(board.cpu.now() + TICKS_HZ // 100)
    exchange(port, encode(Type.AUDIO, 1, noise(1).tobytes()))
    stats = link.stats()
    assert board.uart.overrun > 0
    assert 0 < stats.overrun <= board.uart.overrun
    assert (stats.lost, stats.broken) == (1, 1)
    link.reset()
    np.testing.assert_array_equal(play(link, hello, noise(20)).audio, double_output(noise(20)))


def oversized() -> bytes:
    return encode(Type.AUDIO, 0, bytes(3000))


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([encode(Type.AUDIO, 0, bytes(320))], Error.NOT_STARTED),
        ([encode(Type.STOP, 5)], Error.NOT_STARTED),
        (
            [
                encode(Type.START, 1, START.pack(16000, 160, 0)),
                encode(Type.START, 2, START.pack(16000, 160, 0)),
            ],
            Error.STARTED,
        ),
        ([encode(Type.START, 1, START.pack(8000, 160, 0))], Error.FORMAT),
        ([encode(Type.START, 1, START.pack(16000, 80, 0))], Error.FORMAT),
        ([encode(77, 1, b"?")], Error.TYPE),
        ([encode(0, 1)], Error.TYPE),
        ([encode(Type.HELLO, 1, b"x")], Error.LENGTH),
        ([encode(Type.START, 1, START.pack(16000, 160, 0)), encode(Type.AUDIO, 0, bytes(318))], Error.LENGTH),
        ([oversized()], Error.BROKEN),
        ([encode(Type.AUDIO, 0, bytes(range(1, 251)))[:100] + b"\0"], Error.BROKEN),
        ([b"\x05\0\x01\xff\0" + bytes(100)], Error.BROKEN),
        (
            [encode(Type.START, 1, START.pack(16000, 160, 0)), encode(Type.AUDIO, 50, bytes(320))],
            Error.SEQUENCE,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Error) else "",
)
def test_bad_input_is_answered_and_the_next_host_served(
    double: bytes, sent: list[bytes], code: Error
) -> None:
    port = boot(double)
    answers = exchange(port, *sent)
    assert answers[-1].type == Type.ERROR
    assert error_text(answers[-1].payload)[0] == code
    link = Link(port)
    np.testing.assert_array_equal(play(link, link.hello(), noise(5)).audio, double_output(noise(5)))


def test_noise_for_a_second_and_the_next_host_is_served(double: bytes) -> None:
    port = boot(double)
    exchange(port, np.random.default_rng(1).bytes(11520))
    link = Link(port)
    np.testing.assert_array_equal(play(link, link.hello(), noise(5)).audio, double_output(noise(5)))


@pytest.mark.parametrize("flag", ["-DFAULT_AT=5", "-DOVERFLOW_AT=5"])
def test_a_fault_is_reported_and_restarts_the_board(tmp_path: Path, flag: str) -> None:
    port = boot(apollo4_double(tmp_path, flag))
    link = Link(port)
    what = "UsageFault at 0x000" if "FAULT" in flag else "stack overflow"
    with pytest.raises(
        LinkLost, match=rf"the program on the board crashed: {what}.* \(after [2-5] of 20 hops\)"
    ):
        play(link, link.hello(), noise(20))
    frames = exchange(port)
    assert port.board.resets == 1
    assert frames[-1].type == Type.HELLO
    assert Hello.unpack(frames[-1].payload).reset_cause != "power on"
    np.testing.assert_array_equal(play(link, link.hello(), noise(3)).audio, double_output(noise(3)))


def test_exit_restarts_the_board(double: bytes) -> None:
    port = boot(double)
    Link(port).exit()
    frames = exchange(port)
    assert port.board.resets == 1
    assert [frame.type for frame in frames] == [Type.HELLO]
    assert "software" in Hello.unpack(frames[0].payload).reset_cause


def test_another_bit_rate_than_the_line_is_objected_to(fast_image: bytes) -> None:
    with pytest.raises(Objection, match=r"^UART0\.CR .* bit/s, \+[67]\d\d\.\d % off the line's 115200"):
        boot(fast_image)


SLIPS = [
    ("PADKEY_OPEN 0x73u", "PADKEY_OPEN 0x37u", r"^GPIO\.PINCFG\d+ .*: is written while PADKEY"),
    ("PAD_UART0_TX_WORD 0x404u", "PAD_UART0_TX_WORD 0x403u", r"^UART0 sends while GPIO\.PINCFG60"),
    ("DEVPWR_UART0 (1u << 9)", "DEVPWR_UART0 (1u << 8)", r"^0x4001C030 \(UART0\) is touched without power"),
    ("LCRH_8N1_FIFO 0x70u", "LCRH_8N1_FIFO 0x78u", r"^UART0\.LCRH .*: 0x78: the line has 8 data bits"),
    (
        "CACHECFG_64K 0x001007E0u",
        "CACHECFG_64K 0x001007E1u",
        r"^CPU\.CACHECFG .*in the write that configures it",
    ),
    ("REG(0x4001C034u)", "REG(0x4001C048u)", r"^0x4001C048 is written: the model knows no register there"),
]


@pytest.mark.parametrize(("right", "wrong", "sentence"), SLIPS, ids=lambda value: value.split()[0])
def test_a_slip_in_the_register_header_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, sentence: str
) -> None:
    import target_apollo4

    board, *shared = target_apollo4.BOARD
    copy = shutil.copytree(ROOT / board, tmp_path / "board")
    header = (copy / "apollo4p.h").read_text()
    assert right in header
    (copy / "apollo4p.h").write_text(header.replace(right, wrong))
    monkeypatch.setattr(target_apollo4, "BOARD", [str(copy), *shared])
    with pytest.raises(Objection, match=sentence):
        boot(apollo4_double(tmp_path))


HIGH = {
    "192": {},
    "no TurboSPOT": {"turbospot": False},
    "no buck": {"buck_works": False},
    "early part": {"trim_revision": 2},
}


@pytest.mark.parametrize("part", HIGH.values(), ids=HIGH)
def test_192_mhz_or_the_way_back(part: dict[str, Any]) -> None:
    """Where the part cannot, it stays at 96 MHz and says so; the same comes out."""
    link = Link(boot(scons_image("hp=1"), **part))
    hello = link.hello()
    assert ("192 MHz" in hello.board and hello.count_hz == 192_000_000) == (not part), hello.board
    if part:
        assert "96 MHz" in hello.board and hello.count_hz == 96_000_000
    samples = speech(10)
    expected = reference.enhancer_of(TABLE, hello).process(samples)
    np.testing.assert_array_equal(play(link, hello, samples).audio, expected)


# In a process of its own, behind a socket.


@contextmanager
def served(image: bytes, folder: Path, *options: str) -> Iterator[str]:
    """The model's command line; gives what --board takes."""
    (folder / "image.bin").write_bytes(image)
    command = [sys.executable, str(MODEL), str(folder / "image.bin"), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().removeprefix("--board=")
    finally:
        process.kill()
        process.communicate()


def test_stream_se_talks_to_it_as_to_a_board(image: bytes, tmp_path: Path) -> None:
    samples, rate = soundfile.read(NOISY, dtype="int16", frames=8000)
    soundfile.write(tmp_path / "short.wav", samples, rate)
    tool = [
        sys.executable,
        "py_tools/stream_se.py",
        f"--wav={tmp_path / 'short.wav'}",
        f"--output={tmp_path / 'out'}",
    ]
    with served(image, tmp_path) as board:
        done = subprocess.run(
            [*tool, f"--board={board}"], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    assert "differs from the C library here            0 of" in done.stdout


def test_a_host_that_goes_leaves_a_board_for_the_next(double: bytes, tmp_path: Path) -> None:
    with served(double, tmp_path) as board:
        number = int(board.rpartition(":")[2])
        for cut in (0, 100, 334):
            with socket.create_connection(("127.0.0.1", number)) as link:
                link.sendall(encode(Type.START, 1, START.pack(16000, 160, 0)))
                link.sendall((encode(Type.AUDIO, 0, bytes(320)) * 4)[: 334 + cut])
                time.sleep(0.1)
        with open_board(board) as port:
            host = Link(port)
            np.testing.assert_array_equal(play(host, host.hello(), noise(20)).audio, double_output(noise(20)))


def test_the_command_line_says_what_it_objects_to(fast_image: bytes, tmp_path: Path) -> None:
    (tmp_path / "image.bin").write_bytes(fast_image)
    command = [sys.executable, str(MODEL), str(tmp_path / "image.bin")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "apollo4_model: the model objects: UART0.CR (0x4001C030): IBRD" in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run([*command[:2], "none.bin"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert (
        "none.bin: cannot be read: No such file or directory; build it with: scons target=apollo4"
        in done.stderr
    )


@pytest.mark.soak
def test_ten_minutes_without_a_drop(fast_image: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    port, samples = boot(fast_image, baud=921600), speech(60_000)
    link = Link(port, timeout=5)
    hello = link.hello()
    executed = port.board.cpu.executed
    streamed = play(link, hello, samples)
    expected = reference.enhancer_of(TABLE, hello).process(streamed.heard)
    np.testing.assert_array_equal(streamed.audio, expected)
    stats = streamed.stats
    assert streamed.answered.all()
    assert (stats.hops, stats.lost, stats.broken, stats.unsent, stats.overrun) == (60_000, 0, 0, 0, 0)
    assert (streamed.end.broken, streamed.end.doubled, streamed.end.resent, port.board.uart.overrun) == (
        0,
        0,
        0,
        0,
    )
    millions = (port.board.cpu.executed - executed) / 1e6
    with capsys.disabled():
        print(
            f"\n600 s of audio in {port.board.seconds:.0f} s of the model's time and "
            f"{streamed.end.seconds:.0f} s here: "
            f"{millions:.0f} million instructions, work {streamed.work.min()} to {streamed.work.max()} a hop, "
            f"stack {stats.stack_bytes - stats.stack_left} of {stats.stack_bytes} B"
        )
