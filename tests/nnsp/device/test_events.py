# SPDX-License-Identifier: BSD-3-Clause
"""Several networks on one board: what they say, when they rest, and how the tool shows it."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from board_doubles import (
    DOUBLE,
    DOUBLE_KWS,
    DOUBLE_VAD,
    Given,
    Raw,
    build_board,
    noise,
    real_image,
    running,
    small_table,
)
from networks import STATE, WORD, classifier, listening
from nnsp.commands.stream import events
from nnsp.commands.stream.events import Order
from nnsp.device import messages, reference, results
from nnsp.device.boards import open_board
from nnsp.device.check import Check
from nnsp.device.kept import Decisions, play
from nnsp.device.link import Link
from nnsp.device.live import Live
from nnsp.device.messages import NEUTRAL, Decision, Edge, Error, Scores, Settings, Type
from nnsp.device.playback import Playback
from nnsp.device.samples import Packing
from nnsp.device.session import End, Hop
from nnsp.device.wire import Event, Frame, Parser, Port, encode
from nnsp.errors import UserError
from nnsp.integer import tables
from nnsp.integer.detector import DetectorTable, IntegerDetector
from nnsp.network.arch import Layer
from nnsp.places import ROOT
from nnsp.signal import plots
from nnsp.signal.frontend import FrontEnd

IMAGES = {
    "all": [*DOUBLE, *DOUBLE_VAD, *DOUBLE_KWS],
    "no enhancer": [*DOUBLE_KWS, *DOUBLE_VAD],
    "no gate": [*DOUBLE, *DOUBLE_KWS],
    "kws": DOUBLE_KWS,
}
SIZES = {"vad": 1, "kws": 3}


@dataclass
class Said:
    """What an image of doubles says of a stream."""

    audio: np.ndarray
    decisions: list[Decision]
    scores: list[tuple[list[bool], list[int]]]
    rested: int


def expected(names: list[str], hops: np.ndarray, gating: bool) -> Said:
    """Foretell it: the scores by double_classifiers.c, the decisions by the detector in NumPy."""
    vad = IntegerDetector(DetectorTable("state", 0, 2, 16384), 1)
    kws = IntegerDetector(DetectorTable("event", 1, 3, 8192), 3)
    said = Said(np.zeros_like(hops), [], [], 0)
    values: dict[str, np.ndarray] = {name: np.zeros(SIZES[name], np.int16) for name in names if name in SIZES}
    finished = listened = 0
    active = was_open = False
    for number, hop in enumerate(hops):
        size = np.minimum(np.abs(hop[:2].astype(int)), 32767)
        given = dict.fromkeys(values, False)
        if "vad" in names:
            before, values["vad"], given["vad"] = active, size[:1].astype(np.int16), True
            active = bool(vad.process(values["vad"][None])[0])
            if active != before:
                said.decisions.append(
                    Decision(number, 1, 0, int(size[0]), Edge.BEGIN if active else Edge.END)
                )
        is_open = active or not gating or "vad" not in names
        if is_open and "kws" in names:
            if not was_open:
                kws.reset()
            listened += 1
            if listened % 2:
                negative = hop[1] < 0
                scores = np.array([32767 - size[1], 0 if negative else size[1], size[1] if negative else 0])
                values["kws"], given["kws"] = scores.astype(np.int16), True
                smoothed = kws.smooth(values["kws"][None])
                label = int(kws.decide(smoothed)[0])
                if label:
                    said.decisions.append(
                        Decision(number, 2, label, int(smoothed[0, label]) >> 8, Edge.EVENT)
                    )
        if "double" not in names:
            said.audio[number] = hop
        elif is_open:
            last = hops[number - 1].astype(int) if number else np.zeros(160, int)
            said.audio[number] = (np.fix(last / 2) + finished).astype(np.int16)
            finished += 1
        said.rested += not is_open
        was_open = is_open
        said.scores.append((list(given.values()), [int(x) for row in values.values() for x in row]))
    return said


@pytest.fixture(scope="module", params=IMAGES)
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    names = [path.stem.split("_")[-1] for path in IMAGES[request.param]]
    folder = tmp_path_factory.mktemp("board")
    flags = ["-DMICROPHONE_HZ=16000", "-DHOP_MS=4"]
    return build_board(folder / "board", *flags, models=IMAGES[request.param]), names


@pytest.fixture(scope="module")
def full_board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_board(tmp_path_factory.mktemp("full") / "board", models=IMAGES["all"])


def speech(hops: int, seed: int = 1) -> np.ndarray:
    """Noise that is loud for some hops and quiet for others."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.random(-(-hops // 6)) < 0.5, 6)[:hops, None]
    return np.where(loud, noise(hops, seed).reshape(-1, 160), noise(hops, seed).reshape(-1, 160) // 8)


@pytest.mark.parametrize("gating", [True, False])
def test_what_networks_say_side_by_side(board: tuple[Path, list[str]], gating: bool) -> None:
    path, names = board
    hops, given_hops = speech(200), Given()
    with running(path) as port:
        link = Link(port)
        hello = link.hello()
        streamed = play(
            link,
            hello,
            hops.reshape(-1),
            given_hops,
            settings=Settings(gating=gating),
            scores=True,
        )
    said = expected(names, hops, gating)
    shown = [event for hop in given_hops.hops for event in hop.events.values()]
    assert all(event.hop == hop.number for hop in given_hops.hops for event in hop.events.values())
    assert hello.models == ",".join(names)
    assert hello.gate == (names.index("vad") + 1 if "vad" in names else 0)
    assert hello.delay == (320 if "double" in names else 0)
    np.testing.assert_array_equal(streamed.audio, said.audio.reshape(-1))
    assert shown == list(streamed.decisions.events.values()) == said.decisions
    assert list(streamed.decisions.events) == list(range(len(said.decisions)))
    assert len({decision.label for decision in shown if decision.model_id == 2}) == 2
    for number, (given, scores) in enumerate(said.scores):
        came = streamed.decisions.scores[number]
        assert (came.given.tolist(), came.values.tolist()) == (given, scores)
    stats = streamed.stats
    assert (stats.events, stats.rested, stats.unsent) == (len(said.decisions), said.rested, 0)
    assert (said.rested > 20) == (gating and "vad" in names)


def test_each_stream_begins_anew(full_board: Path) -> None:
    hops = speech(60).reshape(-1)
    with running(full_board) as port:
        link = Link(port)
        first, second = (play(link, link.hello(), hops) for _ in range(2))
    assert first.decisions.events == second.decisions.events
    assert not first.decisions.scores  # not asked for
    np.testing.assert_array_equal(first.audio, second.audio)


def test_hello_has_labels_and_kinds(full_board: Path) -> None:
    with running(full_board) as port:
        hello = Link(port).hello()
    vad = messages.Network(1, 0x87654321, 0x0F0F0F0F, 24, "classify", "state", "vad", ("speech",))
    kws = messages.Network(
        2, 0x87654321, 0x0F0F0F0F, 32, "classify", "event", "kws", ("none of", "one", "two")
    )
    assert hello.classifiers == (vad, kws)
    assert hello.gating == vad


def test_live_events(board: tuple[Path, list[str]]) -> None:
    """The microphone counts: it is loud for as long as its count is high."""
    path, names = board
    with running(path) as port:
        link = Link(port)
        given, decisions = Given(), Decisions()
        end = Live(link, link.hello(), messages.RAW, scores=True, hops=251).run(given, decisions)
    stats, hops = end.stats, [hop for hop in given.hops if hop.came]
    assert stats is not None and end.ended is None
    assert stats.events - len(decisions.events) <= stats.unsent
    assert len(hops) - len(decisions.scores) <= stats.unsent
    if stats.lost == stats.unsent == 0:  # neither side was kept waiting by this computer
        heard = np.stack([hop.heard for hop in hops if hop.heard is not None])
        last = hops[-1].number
        came = [decision for decision in decisions.events.values() if decision.hop <= last]
        assert came == expected(names, heard, True).decisions
        assert set(decisions.scores) >= {hop.number for hop in hops}


def test_live_without_audio(full_board: Path, tmp_path: Path) -> None:
    path = build_board(tmp_path / "board", "-DMICROPHONE_HZ=16000", "-DLINE_HZ=115200", models=IMAGES["all"])
    with running(path) as port:
        link = Link(port)
        came = [hop for hop in Live(link, link.hello(), 0, scores=True, hops=6) if hop.came]
        assert came and any(hop.scores for hop in came)
        assert all(hop.heard is None and hop.enhanced is None for hop in came)
        # 110 bytes of LIVE and 23 of SCORES: more than the line has.
        with pytest.raises(UserError, match=r"it takes 133000 bit/s and the line has 115200"):
            next(iter(Live(link, link.hello(), 1, Packing.ADPCM4, scores=True)))


def test_bad_wishes_are_refused(tmp_path: Path, full_board: Path) -> None:
    with running(full_board) as port:
        raw = Raw(port)
        raw.send(Type.START, 1, messages.START.pack(16000, 160, 2))
        raw.expect_error(Error.FORMAT, 1, "scores are 0 or 1")
        raw.send(Type.SET, 2, messages.SET.pack(0, 0, 0, 2))
        raw.expect_error(Error.RANGE, 2, "bypass and gating are 0 or 1")
        for kind in (Type.EVENT, Type.SCORES):
            raw.send(kind, 3)
            raw.expect_error(Error.TYPE, 3, "not known here")
    with running(build_board(tmp_path / "board")) as port:
        raw = Raw(port)
        raw.send(Type.START, 1, messages.START.pack(16000, 160, 1))
        raw.expect_error(Error.FORMAT, 1, "0 where no network gives any")


class LosesDecisions:
    """A line that loses every fifth EVENT and SCORES."""

    name = "test board"

    def __init__(self, port: Port) -> None:
        self.port, self.parser, self.frame = port, Parser(), bytearray()

    def receive(self, timeout: float) -> bytes:
        came = bytearray()
        for byte in self.port.receive(timeout):
            self.frame.append(byte)
            event = self.parser.push(byte)
            if byte == 0:
                found = self.parser.frame
                lost = found.type in (Type.EVENT, Type.SCORES) and found.sequence % 5 == 2
                came += b"" if event is Event.FRAME and lost else self.frame
                self.frame.clear()
        return bytes(came)

    def send(self, data: bytes) -> None:
        self.port.send(data)


def test_what_is_lost_is_counted(full_board: Path) -> None:
    hops = speech(200, 2)
    with running(full_board) as port:
        link = Link(LosesDecisions(port))
        streamed = play(link, link.hello(), hops.reshape(-1), scores=True)
    said = expected(["double", "vad", "kws"], hops, True)
    decisions = streamed.decisions
    assert streamed.stats.events == len(said.decisions)
    assert decisions.events == {n: each for n, each in enumerate(said.decisions) if n % 5 != 2}
    assert sorted(decisions.scores) == [n for n in range(200) if n % 5 != 2]
    for number, scores in decisions.scores.items():
        assert (scores.given.tolist(), scores.values.tolist()) == said.scores[number]
    assert streamed.answered.all()


def test_they_never_take_the_room_of_results(tmp_path: Path) -> None:
    """A line that takes nothing until all is asked for, filled with answers: the RESULTs of the credits come."""
    hops = np.full((4, 160), 30000, np.int16)
    asked = encode(Type.START, 1, messages.START.pack(16000, 160, 1))
    asked += b"".join(encode(Type.HELLO, number) for number in range(100))
    asked += b"".join(encode(Type.AUDIO, number, hop.tobytes()) for number, hop in enumerate(hops))
    path = build_board(tmp_path / "board", f"-DDEAF_UNTIL={len(asked)}u", models=IMAGES["all"])
    with running(path) as port:
        port.send(asked)
        raw = Raw(port)
        raw.expect(Type.START, 1)
        frames = list[Frame]()
        while not frames or (frames[-1].type, frames[-1].sequence) != (Type.RESULT, 3):
            frames.append(raw.frame())
        raw.send(Type.STATS, 200)
        stats = messages.Stats.unpack(raw.expect(Type.STATS, 200))
    came = [frame.type for frame in frames]
    assert came.count(Type.RESULT) == 4
    answered, decided = came.count(Type.HELLO), came.count(Type.EVENT) + came.count(Type.SCORES)
    # Of four SCORES, the begin of speech and one word, what did not fit is counted.
    assert stats.events == 2
    assert stats.unsent == 100 - answered + 4 + 2 - decided > 50
    assert decided < 6


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Type.EVENT, bytes(10)),
        (Type.EVENT, messages.EVENT.pack(1, 1, 0, 0, 3)),
        (Type.EVENT, messages.EVENT.pack(1, 1, 1, 0, 0)),
        (Type.EVENT, messages.EVENT.pack(1, 9, 0, 0, 0)),
        (Type.SCORES, bytes(9)),
        (Type.SCORES, bytes(11)),
    ],
)
def test_what_is_no_decision(full_board: Path, kind: Type, payload: bytes) -> None:
    with running(full_board) as port:
        hello = Link(port).hello()
    with pytest.raises(ValueError):
        (Decision if kind is Type.EVENT else Scores).unpack(payload, hello)


def test_curves_have_gaps_where_networks_rest(full_board: Path, tmp_path: Path) -> None:
    with running(full_board) as port:
        hello = Link(port).hello()
    said = Decisions()
    said.events = {0: Decision(10, 1, 0, 20000, Edge.BEGIN), 1: Decision(14, 1, 0, 20000, Edge.END)}
    for hop in range(20):
        given = np.array([True, 10 <= hop < 14 and hop % 2 == 0])
        said.scores[hop] = Scores(given, np.full(4, 100 * hop, np.int16))
    vad, kws = results.curves(hello, said)
    np.testing.assert_array_equal(vad.values[:, 0] * 32768, 100 * np.arange(20))
    assert vad.marks == [(0.11, "speech", "begin"), (0.15, "speech", "end")]
    np.testing.assert_allclose(kws.times, 0.01 * (1 + np.delete(np.arange(20), [11, 13])))
    np.testing.assert_array_equal(np.isnan(kws.values[:, 0]), [True] * 10 + [False] * 2 + [True] * 6)
    for path, sound in ((tmp_path / "a.png", np.zeros(3200)), (tmp_path / "b.png", np.zeros(0))):
        plots.scores(path, sound.astype(np.float32), [vad, kws])
        assert path.read_bytes().startswith(b"\x89PNG")


# Real networks on the emulated board, untrained.

FRONT_END = FrontEnd(bands=24)


def sound(hops: int) -> np.ndarray:
    """Chirps in noise, with pauses of as much noise."""
    t = np.arange(160 * hops) / 16000
    chirp = np.sin(2 * np.pi * (300 + 900 * t) * t) * (np.sin(9 * t) > 0)
    return (3000 * chirp + 60 * np.random.default_rng(5).standard_normal(len(t))).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables: small (an enhancer), vad, kws with strides, clip without a detector."""
    folder = tmp_path_factory.mktemp("tables")
    fc, lstm = Layer("fc", 1, "sigmoid"), Layer("lstm", 10, "tanh")
    samples = sound(160)
    vad = listening(classifier(FRONT_END, (lstm, fc)), STATE, 0.5, samples)
    words = (Layer("conv1d", 12, "tanh", 3, 2), lstm, Layer("fc", 4, "softmax"))
    kws = listening(classifier(replace(FRONT_END, feat_type="mfcc"), words, seed=3), WORD, 0.7, samples)
    last = (Layer("lstm", 8, "tanh", returns_last=True), Layer("fc", 3, "softmax"))
    clip = classifier(FRONT_END, last, clip_frames=7, seed=4)
    made = tables.Provenance("test", "test", "test")
    for number, (name, model) in enumerate({"vad": vad, "kws": kws, "clip": clip}.items(), 20):
        tables.write(folder, tables.model_files(model, number, name, made))
    small_table(folder)
    return folder


@pytest.fixture(scope="module", params=["qemu_m4:small,vad,kws,clip", "qemu_m55:kws,clip,vad"])
def firmware(request: pytest.FixtureRequest, folder: Path) -> tuple[str, str, Path]:
    board, models = request.param.split(":")
    numbers = {"small": 9, "vad": 20, "kws": 21, "clip": 22}
    paths = [folder / f"def_nn{numbers[name]}_{name}.c" for name in models.split(",")]
    output = folder / board
    output.mkdir()
    return board, models, real_image(output / "image.elf", paths, board)


@pytest.fixture
def order(
    firmware: tuple[str, str, Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Order:
    board, models, image = firmware
    monkeypatch.setattr(reference, "MODELS", folder)
    soundfile.write(tmp_path / "chirps.wav", sound(158), 16000)
    return Order(
        board, tmp_path / "out", models, image, 115200, check=True, gating="both", wav=tmp_path / "chirps.wav"
    )


def report_of(order: Order) -> Any:
    return json.loads((order.output / "report.json").read_text())


def rows_of(order: Order, name: str) -> list[dict[str, str]]:
    with (order.output / name).open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_real_networks_equal_the_library_here(order: Order, capsys: pytest.CaptureFixture[str]) -> None:
    events.run(order)
    gated, ungated = report_of(order)["streams"]
    for stream in (gated, ungated):
        differences = stream["differences"]
        assert differences["samples"] == differences["scores"] == differences["events"] == 0
        assert differences["samples_compared"] == 160 * len(stream["work"]) >= 160 * 158
        assert differences["scores_compared"] == 8 * len(stream["work"])
        assert differences["events_compared"] == stream["events"] > 3
    assert 20 < gated["stats"]["rested"] < 140 and ungated["stats"]["rested"] == 0
    assert np.mean(gated["work"]) < 0.9 * np.mean(ungated["work"])
    said = capsys.readouterr().out
    for words in ("kws  ", "vad  ", "label 0 begins", "without gating", "networks rested"):
        assert words in said
    decided = rows_of(order, "events.csv")
    assert {(row["network"], row["edge"]) for row in decided} == {
        ("kws", "event"),
        ("vad", "begin"),
        ("vad", "end"),
    }
    first = decided[0]
    assert float(first["time_s"]) == pytest.approx(0.01 * (int(first["hop"]) + 1))
    scores = rows_of(order, "scores.csv")
    assert len(scores) == len(gated["work"])
    assert sum(row["clip:label 2"] != "" for row in scores) in range(1, len(scores) // 7)
    assert (order.output / "events.png").read_bytes().startswith(b"\x89PNG")
    assert (order.output / "enhanced_speech.wav").exists() == ("small" in order.model)


@pytest.mark.slow
def test_live_real_networks_equal_the_library_here(order: Order, tmp_path: Path) -> None:
    samples = sound(400)
    soundfile.write(tmp_path / "room.wav", samples, 16000)
    events.run(replace(order, wav=None, gating="on", seconds=0.8, gain=3.0, microphone=tmp_path / "room.wav"))
    stream = report_of(order)["streams"][0]
    differences = stream["differences"]
    assert differences["scores"] == differences["events"] == 0
    assert differences["scores_compared"] >= 8 * 80 and differences["events_compared"] > 0


@pytest.mark.slow
def test_a_board_that_decides_otherwise(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    hops = Playback.__iter__

    def wrong(self: Playback) -> Iterator[Hop]:
        for hop in hops(self):
            if hop.number == 9 and hop.scores is not None:
                hop.scores.values[-1] ^= 1
            if 1 in hop.events:
                hop.events[1] = replace(hop.events[1], probability=hop.events[1].probability ^ 1)
            yield hop

    monkeypatch.setattr(Playback, "__iter__", wrong)
    with pytest.raises(UserError, match=rf"^{order.board}: 1 events, 1 scores and 0 samples differ from"):
        events.run(replace(order, gating="on"))


@pytest.mark.slow
def test_events_that_a_board_did_not_make_differ(firmware: tuple[str, str, Path], folder: Path) -> None:
    board, models, image = firmware
    with open_board(board, image) as port:
        hello = Link(port).hello()
    paths = [next(folder.glob(f"def_nn*_{name}.c")) for name in models.split(",")]
    hops = [Hop(number, NEUTRAL, 0, heard=heard) for number, heard in enumerate(sound(160).reshape(-1, 160))]
    here = reference.Reference(paths, hello)
    made = sum(len(here.step(hop.number, hop.heard, True).decisions) for hop in hops if hop.heard is not None)
    for count in (made, 0):
        check = Check(hello, reference.Reference(paths, hello), counts_events=True)
        for hop in hops:
            check.take(hop)
        stats = replace(messages.Stats(*[0] * 16), events=count)
        check.finish(End(stats, None, 0.0, 0, 0, 0))
        assert check.found.events == made - count
    assert made > 3


def test_a_board_with_other_networks_than_asked(order: Order) -> None:
    with pytest.raises(
        UserError, match=rf"^{order.board}: the board has the networks {order.model}, vad,kws were"
    ):
        events.run(replace(order, model="vad,kws"))


def test_orders_that_cannot_be(order: Order) -> None:
    with pytest.raises(UserError, match=r"^`gating=both`: a live stream comes only once"):
        events.run(replace(order, wav=None))
    with pytest.raises(UserError, match=r"^`seconds=0`: nothing to record"):
        events.run(replace(order, wav=None, gating="on", seconds=0.0))
    with pytest.raises(UserError, match=r"^there is no .*def_nn<id>_absent\.c"):
        events.run(replace(order, model="vad,absent"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--live", "--wav=a.wav"], "not allowed with argument"),
        (["--wav=a.wav", "--seconds=3"], "--seconds has no meaning with --wav"),
        (["--wav=a.wav", "--gating=maybe"], "invalid choice: 'maybe'"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: list[str], words: str) -> None:
    command = [sys.executable, str(ROOT / "py_tools" / "stream_events.py"), "--board=qemu_m4", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
