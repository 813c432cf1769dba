# SPDX-License-Identifier: BSD-3-Clause
"""Live streams: microphone in, raw and enhanced out."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cffi
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from board_doubles import (
    APP,
    FaultyPort,
    Given,
    Raw,
    build_board,
    compile_c,
    corrupt_bytes,
    double_image,
    drop_bytes,
    noise,
    running,
    small_firmware,
)
from nnsp.commands.stream import live
from nnsp.commands.stream.live import Order
from nnsp.device import boards, messages, reference, samples, session
from nnsp.device.boards import open_board
from nnsp.device.link import Link, LinkLost
from nnsp.device.live import Live
from nnsp.device.messages import (
    ENHANCED,
    HELD,
    NEUTRAL,
    RAW,
    SET,
    START_LIVE,
    Error,
    Flag,
    LiveHop,
    Settings,
    Stats,
    Type,
)
from nnsp.device.samples import Adpcm, Packing
from nnsp.device.session import End, Hop
from nnsp.device.wire import Frame, Port, encode
from nnsp.errors import UserError
from nnsp.places import ROOT

BOTH = RAW | ENHANCED


class CSamples:
    """samples.c through cffi."""

    def __init__(self, shared: Path) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef(
            """
            typedef struct { int16_t last; uint16_t step; } samples_adpcm;
            bool samples_amplify(int16_t *samples, size_t count, uint32_t gain);
            uint16_t samples_rms(const int16_t *samples, size_t count);
            void samples_adpcm_init(samples_adpcm *adpcm);
            uint8_t *samples_adpcm_pack(samples_adpcm *adpcm, const int16_t *samples, size_t count, uint8_t *at);
            """
        )
        self.lib = self.ffi.dlopen(str(shared))

    def amplify(self, x: np.ndarray, gain: int) -> tuple[np.ndarray, bool]:
        y = x.copy()
        clipped = self.lib.samples_amplify(self.ffi.from_buffer("int16_t[]", y), len(y), gain)
        return y, bool(clipped)

    def rms(self, x: np.ndarray) -> int:
        return int(self.lib.samples_rms(self.ffi.from_buffer("int16_t[]", x), len(x)))

    def packer(self) -> Any:
        adpcm = self.ffi.new("samples_adpcm *")
        self.lib.samples_adpcm_init(adpcm)
        return adpcm

    def pack(self, adpcm: Any, x: np.ndarray) -> bytes:
        out = self.ffi.new("uint8_t[]", 4 + len(x))
        end = self.lib.samples_adpcm_pack(adpcm, self.ffi.from_buffer("int16_t[]", x), len(x), out)
        return bytes(self.ffi.buffer(out, end - out))


@pytest.fixture(scope="module")
def c_samples(tmp_path_factory: pytest.TempPathFactory) -> CSamples:
    shared = tmp_path_factory.mktemp("samples") / "samples.so"
    flags = ["-shared", "-fPIC", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    return CSamples(compile_c(shared, [APP / "samples.c", APP / "link.c"], flags))


SOUNDS = st.one_of(
    st.lists(st.integers(-32768, 32767), min_size=1, max_size=200),
    st.lists(st.sampled_from([-32768, 32767]), min_size=1, max_size=200),
    st.lists(st.integers(-40, 40), min_size=1, max_size=200),
).map(lambda x: np.array(x, np.int16))


@given(x=SOUNDS, gain=st.one_of(st.integers(0, samples.GAIN_MAX), st.sampled_from([0, 1, 1024, 32768])))
def test_twins_amplify_alike(c_samples: CSamples, x: np.ndarray, gain: int) -> None:
    ours, (theirs, clipped) = samples.amplify(x, gain), c_samples.amplify(x, gain)
    np.testing.assert_array_equal(ours, theirs)
    exact = (x.astype(np.int64) * gain + 512) >> 10
    assert clipped == bool((exact != ours).any())


@given(x=SOUNDS)
def test_twins_give_one_level(c_samples: CSamples, x: np.ndarray) -> None:
    assert c_samples.rms(x) == samples.rms(x)
    assert abs(samples.rms(x) - np.sqrt(np.mean(x.astype(float) ** 2))) <= 1 + 1e-3 * samples.rms(x)


@given(blocks=st.lists(SOUNDS, min_size=1, max_size=4))
def test_twins_pack_alike(c_samples: CSamples, blocks: list[np.ndarray]) -> None:
    ours, theirs = Adpcm(), c_samples.packer()
    for x in blocks:
        block = ours.pack(x)
        assert c_samples.pack(theirs, x) == block
        assert len(block) == samples.block_bytes(Packing.ADPCM4, len(x))
        # Read alone, a block is what its writer has in mind.
        assert Adpcm.unpack(block, len(x))[-1] == ours.last or len(x) % 2


def test_adpcm4_is_as_good_as_said() -> None:
    for name, least in (("noisy", 20.3), ("clean", 24.0)):
        sound, _ = soundfile.read(ROOT / "demo" / f"{name}.wav", dtype="int16")
        hops = sound[: len(sound) // 160 * 160].reshape(-1, 160)
        writer = Adpcm()
        back = np.stack([samples.unpack(Packing.ADPCM4, writer.pack(hop), 160) for hop in hops])
        error = back.astype(float) - hops
        ratio = 10 * np.log10((hops.astype(float) ** 2).sum() / (error**2).sum())
        print(f"demo/{name}.wav: adpcm4 has {ratio:.1f} dB of signal to noise")
        assert ratio > least


@pytest.mark.parametrize(("decibels", "gain"), [(0, 1024), (30, 32382), (-200, 0), (6.0206, 2048)])
def test_gains(decibels: float, gain: int) -> None:
    assert samples.gain_of(decibels, "gain") == gain


@pytest.mark.parametrize("decibels", [30.2, 1e9, float("nan"), float("inf")])
def test_gains_that_are_too_much(decibels: float) -> None:
    with pytest.raises(UserError, match=r"^`gain=.*`: too much; expected at most 30 dB$"):
        samples.gain_of(decibels, "gain")


# An emulated board.


@pytest.fixture(scope="module", params=boards.MACHINES)
def firmware(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Path]:
    return (request.param, *small_firmware(tmp_path_factory.mktemp("small"), request.param))


@pytest.fixture
def order(firmware: tuple[str, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    board, image, table = firmware
    monkeypatch.setattr(reference, "MODELS", table.parent)
    sound = (0.2 * np.random.default_rng(3).standard_normal(64000)).clip(-1, 0.999)
    soundfile.write(tmp_path / "room.wav", sound, 16000, subtype="PCM_16")
    return Order(
        board,
        tmp_path / "out",
        "small",
        image,
        115200,
        check=True,
        seconds=0.4,
        send="both",
        packing="pcm16",
        gain=0.0,
        output_gain=0.0,
        bypass=False,
        microphone=tmp_path / "room.wav",
    )


def written(order: Order, name: str) -> np.ndarray:
    sound, rate = soundfile.read(order.output / f"{name}.wav", dtype="int16")
    assert rate == 16000
    return np.asarray(sound)


def report_of(order: Order) -> Any:
    return json.loads((order.output / "report.json").read_text())


@pytest.mark.slow
def test_microphone_through_the_board(order: Order, capsys: pytest.CaptureFixture[str]) -> None:
    live.run(replace(order, gain=6.0, output_gain=-3.0))
    report = report_of(order)
    assert report["stats"]["lost"] == report["lost"] == report["missed"] == report["stats"]["unsent"] == 0
    assert report["differing_samples"] == 0
    assert report["compared_samples"] == 160 * len(report["hops"]) >= 6400
    room, _ = soundfile.read(order.microphone, dtype="int16")
    raw, enhanced = written(order, "raw"), written(order, "enhanced")
    np.testing.assert_array_equal(raw, samples.amplify(room[: len(raw)], samples.gain_of(6.0, "")))
    assert len(enhanced) == len(raw) - 320 and enhanced.any()
    assert [hop["level_in"] for hop in report["hops"]] == [samples.rms(hop) for hop in raw.reshape(-1, 160)]
    assert any(hop["flags"] & Flag.CLIPPED_IN for hop in report["hops"])
    said = capsys.readouterr().out
    for words in (
        "level in",
        "dBFS",
        "late hops",
        "gaps in the microphone",
        "lost on the way",
        "differs from",
    ):
        assert words in said


@pytest.mark.slow
def test_bypass_is_the_microphone_in_its_place(order: Order) -> None:
    live.run(replace(order, bypass=True))
    np.testing.assert_array_equal(written(order, "enhanced"), written(order, "raw")[:-320])
    assert report_of(order)["differing_samples"] == 0


def test_one_stream_packed(order: Order) -> None:
    live.run(replace(order, send="raw", packing="adpcm4"))
    room, _ = soundfile.read(order.microphone, dtype="int16")
    raw = written(order, "raw")
    packer = Adpcm()
    hops = room[: len(raw)].reshape(-1, 160)
    np.testing.assert_array_equal(raw, np.concatenate([Adpcm.unpack(packer.pack(hop), 160) for hop in hops]))
    assert not (order.output / "enhanced.wav").exists()
    assert "differing_samples" not in report_of(order)


@pytest.mark.slow
def test_a_bad_line_is_counted(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def bad_line(*arguments: Any) -> Iterator[Port]:
        with open_board(*arguments) as port:
            yield FaultyPort(port, to_host=drop_bytes, to_board=corrupt_bytes, seed=4)

    monkeypatch.setattr(session, "open_board", bad_line)
    live.run(order)
    report = report_of(order)
    assert report["lost"] > 0 and report["missed"] == 0
    assert report["differing_samples"] == 0
    room, _ = soundfile.read(order.microphone, dtype="int16")
    raw = written(order, "raw").reshape(-1, 160)
    came = [hop["hop"] for hop in report["hops"]]
    np.testing.assert_array_equal(raw[came], room[: raw.size].reshape(-1, 160)[came])
    assert not np.delete(raw, came, axis=0).any()


@dataclass
class Recorded:
    """Live hops that came, and all of them."""

    hops: list[Hop]
    all: list[Hop]
    end: End
    stats: Stats


def record(link: Link, hops: int, settings: Settings = NEUTRAL, streams: int = BOTH) -> Recorded:
    """Live hops of the double of the library."""
    given = Given()
    end = Live(link, link.hello(), streams, settings=settings, hops=hops).run(given)
    assert end.stats is not None
    return Recorded([hop for hop in given.hops if hop.came], given.hops, end, end.stats)


@pytest.fixture(scope="module")
def slow_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tenth hop takes some ten hops' time."""
    folder = tmp_path_factory.mktemp("slow")
    return double_image(folder / "slow.elf", "-DSLOW_AT=10", "-DSLOW_TURNS=400000")


def test_a_late_hop_makes_a_gap_of_whole_hops(slow_image: Path, tmp_path: Path) -> None:
    room, path = noise(100), tmp_path / "room.s16"
    path.write_bytes(room.tobytes())
    with open_board("qemu_m4", slow_image, microphone=path) as port:
        recorded = record(Link(port), 40)
    slow = [hop for hop in recorded.hops if hop.flags & Flag.LATE]
    assert slow[0].number == 10
    assert recorded.stats.late == recorded.hops[-1].late == len(slow) < 4
    before, after = recorded.hops[10:12]
    missed = [hop.number for hop in recorded.all if hop.missed]
    assert missed == list(range(before.number + 1, after.number))
    assert 3 < len(missed) == recorded.stats.lost
    # Every hop, also after the gap, is what the microphone heard in its place.
    for hop in recorded.hops:
        np.testing.assert_array_equal(hop.heard, room[160 * hop.number :][:160])
    assert len(recorded.all) == len(recorded.hops) + len(missed)


def test_settings_in_mid_stream(slow_image: Path, tmp_path: Path) -> None:
    room, path = noise(100), tmp_path / "room.s16"
    path.write_bytes(room.tobytes())
    came = []
    with open_board("qemu_m4", slow_image, microphone=path) as port:
        link = Link(port)
        stream = Live(link, link.hello(), hops=20)
        for hop in stream:
            if hop.number == 4:
                stream.set(gain_in=512, bypass=True)
            if hop.came:
                came.append(hop)
    since = came[-1].settings_from
    assert 4 < since < 9
    for hop in came:
        changed = hop.number >= since
        assert hop.settings_from == (since if changed else 0)
        assert hop.settings == (Settings(512, 1024, True) if changed else NEUTRAL)
        gain = 512 if changed else 1024
        np.testing.assert_array_equal(hop.heard, samples.amplify(room[160 * hop.number :][:160], gain))
        assert bool(hop.flags & Flag.BYPASS) == changed


def test_a_board_without_microphone(order: Order) -> None:
    with pytest.raises(
        UserError, match=rf"^{order.board}: the board refuses START: this board has no microphone"
    ):
        live.run(replace(order, microphone=None))
    assert not list(order.output.glob("*.wav"))


def test_an_emulator_that_is_killed_leaves_what_came(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    take = LiveHop.unpack.__func__  # type: ignore[attr-defined]
    ports: list[Any] = []

    @contextmanager
    def watched(*arguments: Any) -> Iterator[Port]:
        with open_board(*arguments) as port:
            ports.append(port)
            yield port

    def kill_at_9(cls: type[LiveHop], frame: Any, *rest: Any) -> LiveHop:
        if frame.sequence == 9:
            ports[0].process.kill()
        return take(cls, frame, *rest)

    monkeypatch.setattr(session, "open_board", watched)
    monkeypatch.setattr(LiveHop, "unpack", classmethod(kill_at_9))
    with pytest.raises(
        LinkLost, match=r"the board has gone: the emulator ended \(signal 9\) \(after \d+ hops\)$"
    ):
        live.run(order)
    report = report_of(order)
    assert report["stats"] is None and len(report["hops"]) >= 10
    assert len(written(order, "raw")) == 160 * (report["hops"][-1]["hop"] + 1)


@pytest.mark.slow
def test_ctrl_c_ends_and_keeps(order: Order) -> None:
    command = [sys.executable, ROOT / "py_tools" / "stream_se.py", f"--board={order.board}", "--live"]
    command += [f"--image={order.image}", "--model=small", f"--output={order.output}", "--no-check"]
    command += [f"--microphone={order.microphone}"]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(0.1)
    assert process.stderr
    said = ""
    while " hop" not in said:  # its progress
        said += process.stderr.read(1)
        assert process.poll() is None, said
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "written: " in out and "late hops" in out
    assert len(written(order, "raw")) == 160 * len(report_of(order)["hops"]) > 0


# The app as a process of this computer, whose microphone counts its samples.


def counted(hop: Hop) -> np.ndarray:
    return ((160 * hop.number + np.arange(160)) & 0x7FFF).astype(np.int16)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_board(tmp_path_factory.mktemp("live") / "board", "-DMICROPHONE_HZ=16000", "-DBUTTON_AT=30u")


START = START_LIVE.pack(16000, 160, 0, BOTH, Packing.PCM16)


def live_start(streams: int, packing: int, rate: int = 16000, scores: int = 0) -> bytes:
    return START_LIVE.pack(rate, 160, scores, streams, packing)


def test_bad_commands_of_a_live_stream_are_answered(process: Path) -> None:
    with running(process) as port:
        raw = Raw(port)
        for number, (streams, packing) in enumerate([(0, 2), (4, 0), (255, 0), (1, 2), (3, 255)]):
            raw.send(Type.START, number, live_start(streams, packing))
            raw.expect_error(Error.FORMAT, number, "a live stream is none 0, raw 1, enhanced 2 or both 3")
        raw.send(Type.START, 5, live_start(3, 0, 8000))
        raw.expect_error(Error.FORMAT, 5, "rate and hop of the HELLO")
        for size in (6, 8, 10):
            raw.send(Type.START, size, bytes(size))
            raw.expect_error(Error.LENGTH, size, "another size (to START)")
        for payload in (SET.pack(32769, 0, 0, 0), SET.pack(0, 65535, 0, 0), SET.pack(0, 0, 2, 0)):
            raw.send(Type.SET, 10, payload)
            raw.expect_error(
                Error.RANGE,
                10,
                "gains go from 0 to 32768 (1024 is 0 dB), bypass and gating are 0 or 1 (to SET)",
            )
        raw.send(Type.SET, 11, b"1234")
        raw.expect_error(Error.LENGTH, 11, "another size (to SET)")
        raw.send(Type.LIVE, 12, b"")
        raw.expect_error(Error.TYPE, 12, "not known here (to LIVE)")
        raw.send(Type.SET, 13, SET.pack(2048, 512, 0, 1))
        assert HELD.unpack(raw.expect(Type.SET, 13)) == (0, 2048, 512, 0, 1)
        raw.send(Type.STATS, 14)
        stats = Stats.unpack(raw.expect(Type.STATS, 14))
        assert (stats.refused, stats.hops, stats.late) == (14, 0, 0)
        raw.send(Type.START, 15, START)
        raw.expect(Type.START, 15)
        for kind, number, payload, code, words in (
            (Type.START, 16, START, Error.STARTED, "a stream runs already; send STOP or RESET first"),
            (Type.START, 17, messages.START.pack(16000, 160, 0), Error.STARTED, "a stream runs already"),
            (Type.AUDIO, 0, bytes(320), Error.NOT_STARTED, "this stream is live and takes no audio"),
            (77, 18, b"", Error.TYPE, "not known"),
        ):
            raw.send(kind, number, payload)
            frame = after_live(raw)
            found, text = messages.error_text(frame.payload)
            assert (frame.type, frame.sequence, found) == (Type.ERROR, number, code)
            assert words in text
        port.send(encode(Type.STATS, 19)[:-4] + b"\0")
        assert messages.error_text(after_live(raw).payload) == (Error.BROKEN, "truncated frame")
        raw.send(Type.START, 15, START)  # asked again, as if the answer had been lost
        assert (after_live(raw).type, raw.parser.frame.sequence) == (Type.START, 15)
        raw.send(Type.STOP, 20)
        assert (after_live(raw).type, raw.parser.frame.sequence) == (Type.STOP, 20)
        raw.send(Type.STATS, 21)
        raw.expect(Type.STATS, 21)  # no LIVE any more


def after_live(raw: Raw) -> Frame:
    """The next frame that is no LIVE."""
    while (frame := raw.frame()).type == Type.LIVE:
        pass
    return frame


def test_the_button_switches_bypass(process: Path) -> None:
    with running(process) as port:
        recorded = record(Link(port), 60, Settings(gain_out=512))
    flags = [bool(hop.flags & Flag.BYPASS) for hop in recorded.hops]
    assert sum(a != b for a, b in zip(flags[1:], flags[:-1], strict=True)) == 1 and flags[-1]
    for hop in recorded.hops:
        np.testing.assert_array_equal(hop.heard, counted(hop))
        if hop.flags & Flag.BYPASS:
            np.testing.assert_array_equal(hop.enhanced, samples.amplify(counted(hop), 512))


def test_a_host_that_does_not_read_and_one_that_comes_after_it(process: Path) -> None:
    with running(process) as port:
        Raw(port).send(Type.START, 1, START)
        time.sleep(1.0)  # some 600 kB of LIVE, more than the socket keeps
        link = Link(port, timeout=0.2, tries=20)
        stats = link.stats()
        assert stats.hops > 300 and stats.unsent > 0
        recorded = record(link, 50)
    for hop in recorded.hops:
        np.testing.assert_array_equal(hop.heard, counted(hop))
    assert recorded.hops[0].number < 20


@pytest.mark.parametrize(
    ("line", "streams", "packing", "needed"),
    [
        (115200, RAW, Packing.ADPCM4, 0),
        (115200, BOTH, Packing.ADPCM4, 194000),
        (115200, ENHANCED, Packing.PCM16, 347000),
        (230400, BOTH, Packing.ADPCM4, 0),
        (460800, RAW, Packing.PCM16, 0),
        (460800, BOTH, Packing.PCM16, 668000),
        (921600, BOTH, Packing.PCM16, 0),
    ],
)
def test_what_a_line_carries(tmp_path: Path, line: int, streams: int, packing: Packing, needed: int) -> None:
    board = build_board(tmp_path / "board", "-DMICROPHONE_HZ=16000", f"-DLINE_HZ={line}")
    with running(board) as port:
        link = Link(port)

        if needed:
            sentence = (
                rf"^test board: the board refuses START: it takes {needed} bit/s and the line has {line}: "
                r"take a faster line, one stream or adpcm4 \(to START\)$"
            )
            with pytest.raises(UserError, match=sentence):
                next(iter(Live(link, link.hello(), streams, packing)))
        else:
            assert any(hop.came for hop in Live(link, link.hello(), streams, packing, hops=2))


@pytest.mark.slow
def test_work_longer_than_a_hop_is_late(tmp_path: Path) -> None:
    """Work is the number of the hop there; 3000 counts a second are 30 a hop."""
    board = build_board(tmp_path / "board", "-DMICROPHONE_HZ=16000", "-DHOP_MS=20", "-DCOUNT_HZ=3000")
    with running(board) as port:
        recorded = record(Link(port), 50)
    for hop in recorded.hops:
        if hop.work > 30:
            assert hop.flags & Flag.LATE
    assert recorded.stats.late >= sum(hop.work > 30 for hop in recorded.hops) > 10
    assert recorded.stats.late < len(recorded.hops)


def test_a_microphone_that_gives_nothing(tmp_path: Path) -> None:
    board = build_board(tmp_path / "board", "-DMICROPHONE_HZ=16000", "-DHOP_MS=100000")
    with running(board) as port:
        link = Link(port, timeout=0.1)
        end = Live(link, link.hello(), hops=10).run()
    assert str(end.ended) == (
        "test board: the board answers, but its microphone gives nothing (after 0 hops)"
    )


def test_a_microphone_of_another_rate(tmp_path: Path) -> None:
    board = build_board(tmp_path / "board", "-DMICROPHONE_HZ=8000")
    with (
        running(board) as port,
        pytest.raises(UserError, match="the microphone has another rate than the model"),
    ):
        record(Link(port), 2)


# What needs no board.


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seconds": 0.0}, r"^`seconds=0`: nothing to record; expected more than 0$"),
        ({"gain": 40.0}, r"^`gain=40`: too much; expected at most 30 dB$"),
        ({"output_gain": 40.0}, r"^`output_gain=40`: too much; expected at most 30 dB$"),
        ({"board": "/dev/ttyNNSP"}, r"^`microphone`: /dev/ttyNNSP has its own; only "),
        ({"microphone": Path("none.wav")}, r"^none\.wav: no such file"),
    ],
)
def test_orders_that_cannot_be(order: Order, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        live.run(replace(order, **change))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one of the arguments --wav --live is required"),
        (["--wav=a.wav", "--live"], "not allowed with argument"),
        (["--wav=a.wav", "--seconds=3"], "--seconds has no meaning with --wav"),
        (["--live", "--clean=a.wav"], "--clean has no meaning with --live"),
        (["--live", "--send=all"], "invalid choice: 'all'"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: list[str], words: str) -> None:
    command = [sys.executable, str(ROOT / "py_tools" / "stream_se.py"), "--board=qemu_m4", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
