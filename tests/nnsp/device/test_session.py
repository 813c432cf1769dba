# SPDX-License-Identifier: BSD-3-Clause
"""A session: hops in order whatever is lost, settings that change in mid-stream, an end when it is asked for."""

import threading
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from board_doubles import (
    DOUBLE,
    DOUBLE_KWS,
    DOUBLE_VAD,
    FaultyPort,
    Given,
    Raw,
    build_board,
    drop_bytes,
    noise,
    running,
)
from nnsp.device import samples
from nnsp.device.kept import Decisions
from nnsp.device.link import Link
from nnsp.device.live import Live
from nnsp.device.messages import HELD, NEUTRAL, RAW, SET, Flag, Settings, Type
from nnsp.device.playback import Playback
from nnsp.device.session import Hop
from nnsp.device.wire import Event, Parser, Port, encode

ALL = [*DOUBLE, *DOUBLE_VAD, *DOUBLE_KWS]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three networks, and a microphone that counts its samples."""
    folder = tmp_path_factory.mktemp("session")
    return build_board(folder / "board", "-DMICROPHONE_HZ=16000", "-DHOP_MS=4", models=ALL)


class LosingPort:
    """Loses frames each way, chosen by type and sequence."""

    name = "test board"

    def __init__(self, port: Port, to_board: Callable[[int, int], bool], to_host: Callable[[int, int], bool]):
        self.port, self.to_board, self.to_host = port, to_board, to_host
        self.parser, self.frame = Parser(), bytearray()

    def receive(self, timeout: float) -> bytes:
        came = bytearray()
        for byte in self.port.receive(timeout):
            self.frame.append(byte)
            event = self.parser.push(byte)
            if byte == 0:
                found = self.parser.frame
                lost = event is Event.FRAME and self.to_host(found.type, found.sequence)
                came += b"" if lost else self.frame
                self.frame.clear()
        return bytes(came)

    def send(self, data: bytes) -> None:
        parser = Parser()
        for byte in data:
            parser.push(byte)
        if not self.to_board(parser.frame.type, parser.frame.sequence):
            self.port.send(data)


def kept(kind: int, sequence: int) -> bool:
    """Lose nothing."""
    return False


def loses(kind: Type, numbers: set[int]) -> Callable[[int, int], bool]:
    """Lose frames of a type, by their number of this type, from 0."""
    count = iter(range(1 << 30))
    return lambda found, sequence: found == kind and next(count) in numbers


def counted(hop: Hop) -> np.ndarray:
    return ((160 * hop.number + np.arange(160)) & 0x7FFF).astype(np.int16)


def check_settings(hops: list[Hop]) -> None:
    """The microphone's gain and bypass are in every hop what the hop says."""
    assert [hop.number for hop in hops] == list(range(len(hops)))
    for hop in hops:
        assert hop.settings is not None and hop.settings_from <= hop.number
        if hop.came:
            np.testing.assert_array_equal(hop.heard, samples.amplify(counted(hop), hop.settings.gain_in))
            assert bool(hop.flags & Flag.BYPASS) == hop.settings.bypass
    for before, after in pairwise(hops):
        if after.settings != before.settings:
            assert after.settings_from == after.number
        else:
            assert after.settings_from == before.settings_from


# The first SET is that in front of START.
LOST = {
    "nothing": (kept, kept),
    "the SET": (loses(Type.SET, {1}), kept),
    "its answer": (kept, loses(Type.SET, {1})),
    "both, again and again": (loses(Type.SET, {1, 3}), loses(Type.SET, {1})),
}


@pytest.mark.parametrize("lost", LOST)
def test_a_hop_knows_its_settings_whatever_is_lost(board: Path, lost: str) -> None:
    hops: list[Hop] = []
    with running(board) as port:
        link = Link(LosingPort(port, *LOST[lost]), timeout=0.05, tries=6)
        live = Live(link, link.hello(), RAW, hops=90)
        for hop in live:
            hops.append(hop)
            if hop.number == 10:
                live.set(gain_in=300, bypass=True)
            if hop.number == 60:
                live.set(gain_in=2000)
    check_settings(hops)
    first = next(hop for hop in hops if hop.settings != NEUTRAL)
    assert first.settings == Settings(gain_in=300, bypass=True) and 10 < first.number < 60
    assert hops[-1].settings == Settings(gain_in=2000, bypass=True) and hops[-1].settings_from > 60


def test_settings_from_many_threads(board: Path) -> None:
    hops: list[Hop] = []
    with running(board) as port:
        link = Link(port)
        live = Live(link, link.hello(), RAW, hops=100)

        def turn(base: int) -> None:
            for step in range(50):
                live.set(gain_in=base + step)

        threads = [threading.Thread(target=turn, args=(100 * number,)) for number in range(4)]
        for hop in live:
            hops.append(hop)
            if hop.number == 5:
                for thread in threads:
                    thread.start()
            if hop.number == 70:
                live.set(bypass=True)
    check_settings(hops)
    last = hops[-1].settings
    assert last is not None and last.bypass and last.gain_in % 100 == 49
    for thread in threads:
        thread.join()


def test_gating_in_the_middle_of_a_recording(board: Path) -> None:
    """Silence: the gate is closed, and the words are listened for only where it does not count."""
    hops: list[Hop] = []
    with running(board) as port:
        link = Link(port)
        playback = Playback(link, link.hello(), np.zeros(60 * 160, np.int16), scores=True)
        for hop in playback:
            hops.append(hop)
            if hop.number in (15, 35):
                switched = threading.Thread(target=playback.set, kwargs={"gating": hop.number == 35})
                switched.start()
                switched.join()
    assert playback.end is not None and playback.end.stats is not None
    first, second = (
        next(hop.number for hop in hops if hop.number > at and hop.settings_from > at) for at in (15, 35)
    )
    assert 15 < first < 25 and 35 < second < 45
    listened = [hop.number for hop in hops if hop.scores is not None and hop.scores.given[1]]
    assert listened == list(range(first, second, 2))
    assert playback.end.stats.rested == 60 - (second - first)


def test_a_board_that_does_not_answer_a_set(board: Path) -> None:
    given = Given()
    with running(board) as port:
        link = Link(LosingPort(port, kept, loses(Type.SET, set(range(1, 99)))), timeout=0.05, tries=3)
        live = Live(link, link.hello(), RAW)
        for hop in live:
            given.take(hop)
            if hop.number == 10:
                live.set(gain_in=300)
    assert live.end is not None and live.end.stats is None
    assert str(live.end.ended).startswith("test board: no answer to SET in 0.15 s; ")
    # From there on nobody knows which gain the board had.
    unknown = [hop for hop in given.hops if hop.settings is None]
    assert unknown and unknown == given.hops[unknown[0].number :]
    assert 10 < unknown[0].number == unknown[-1].settings_from


def test_a_set_asked_again_is_answered_alike(board: Path) -> None:
    with running(board) as port:
        raw = Raw(port)
        Link(port).reset()
        asked = encode(Type.SET, 77, SET.pack(1024, 1024, 0, 0))
        start = Link(port)
        start.start(16000, 160)
        for hop in range(3):
            port.send(encode(Type.AUDIO, hop, bytes(320)))
            while raw.frame().type != Type.RESULT:
                pass
            port.send(asked)
            assert HELD.unpack(raw.expect(Type.SET, 77)) == (1, 1024, 1024, 0, 0)
        raw.send(Type.SET, 78, SET.pack(1024, 1024, 0, 1))
        assert HELD.unpack(raw.expect(Type.SET, 78))[0] == 3


def test_hops_that_are_lost_are_given_in_their_place(board: Path) -> None:
    given, decisions = Given(), Decisions()
    with running(board) as port:
        link = Link(FaultyPort(port, to_host=drop_bytes, seed=3), timeout=0.2, tries=20)
        end = Live(link, link.hello(), RAW, scores=True, hops=200).run(given, decisions)
    assert given.end is end and end.stats is not None
    check_settings(given.hops)
    lost = [hop for hop in given.hops if not hop.came and not hop.missed]
    assert 0 < len(lost) < 150 and all(hop.heard is None for hop in lost)
    assert sum(hop.missed for hop in given.hops) == end.stats.lost
    assert any(hop.scores is not None for hop in lost)


def test_scores_without_their_hop_are_given_at_the_end(board: Path) -> None:
    with running(board) as port:
        link = Link(
            LosingPort(port, kept, lambda kind, number: kind == Type.LIVE and number > 20), timeout=0.1
        )
        live = Live(link, link.hello(), RAW, scores=True)
        hops = []
        for hop in live:
            hops.append(hop)
            if hop.number == 20:
                time.sleep(0.1)  # in which the board hears more
                live.stop()
    assert live.end is not None and live.end.stats is not None
    assert [hop.number for hop in hops] == list(range(len(hops)))
    assert all(hop.came or hop.missed for hop in hops[:21])
    assert hops[21:] and not any(hop.came for hop in hops[21:]) and hops[-1].scores is not None


@pytest.mark.slow
def test_a_session_keeps_no_hop(board: Path) -> None:
    """Of the sound less than a fifth stays in memory at any time."""
    sound = noise(2400)
    with running(board) as port:
        link = Link(port)
        playback = Playback(link, link.hello(), sound, scores=True)
        tracemalloc.start()
        playback.run()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    print(f"{most} of {sound.nbytes} B")
    assert most < sound.nbytes / 5


@pytest.mark.parametrize("at", [0, 20])
def test_a_recording_that_is_stopped(board: Path, at: int) -> None:
    with running(board) as port:
        link = Link(port)
        playback = Playback(link, link.hello(), noise(100))
        hops = []
        if not at:
            playback.stop()
        for hop in playback:
            hops.append(hop)
            if hop.number == at:
                threading.Thread(target=playback.stop).start()
    assert playback.end is not None and playback.end.stats is not None
    assert len(hops) == playback.end.stats.hops <= (at + 10 if at else 0) and (not at or len(hops) > at)


def test_a_microphone_that_is_stopped_before_it_gives_anything(tmp_path: Path) -> None:
    board = build_board(tmp_path / "board", "-DMICROPHONE_HZ=16000", "-DHOP_MS=100000")
    given = Given()
    with running(board) as port:
        link = Link(port)
        live = Live(link, link.hello())
        live.stop()
        end = live.run(given)
    assert not given.hops and end.ended is None and end.stats is not None


def test_settings_that_cannot_be(board: Path) -> None:
    with running(board) as port:
        link = Link(port)
        hello = link.hello()
    live, playback = Live(link, hello), Playback(link, hello, noise(1))
    changes: list[dict[str, Any]] = [{"gain_in": 32769}, {"gain_out": -1}]
    for change in changes:
        with pytest.raises(ValueError, match="gains go from 0 to 32768"):
            live.set(**change)
    changes = [{"gain_in": 512}, {"gain_out": 512}, {"bypass": True}]
    for change in changes:
        with pytest.raises(ValueError, match="a recording has no gains and no bypass"):
            playback.set(**change)
        with pytest.raises(ValueError, match="a recording has no gains and no bypass"):
            Playback(link, hello, noise(1), Settings(**change))
