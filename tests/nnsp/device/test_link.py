# SPDX-License-Identifier: BSD-3-Clause
"""The link's C and Python are twins; the firmware's app keeps the protocol whatever the line does."""

import os
import socket
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cffi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_doubles import (
    APP,
    APP_SOURCES,
    DOUBLE,
    DOUBLE_KWS,
    DOUBLE_SOURCES,
    DOUBLE_VAD,
    DOUBLES,
    FAULTS,
    SANITIZE,
    Fault,
    FaultyPort,
    Given,
    Raw,
    SocketPort,
    build_board,
    compile_c,
    double_output,
    models_of,
    noise,
    running,
)
from nnsp.device import messages
from nnsp.device.kept import Streamed, play
from nnsp.device.link import Link, LinkLost
from nnsp.device.messages import Error, Type
from nnsp.device.wire import OVERHEAD_BYTES, VERSION, Event, Frame, Parser, Port, encode
from nnsp.errors import UserError

CAPACITY = 400
ALL = [*DOUBLE, *DOUBLE_VAD, *DOUBLE_KWS]


class CLink:
    """link.c through cffi."""

    def __init__(self, shared: Path) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef(
            """
            typedef int link_type; typedef int link_event;
            typedef struct { uint8_t *frame; size_t capacity; size_t count; uint32_t sequence;
              const uint8_t *payload; size_t payload_bytes; uint8_t type; uint8_t remaining;
              bool zero_due; bool started; bool too_long; } link_parser;
            size_t link_encode(link_type type, uint32_t sequence, const uint8_t *payload,
                               size_t payload_bytes, uint8_t *wire, size_t capacity);
            void link_parser_init(link_parser *parser, uint8_t *frame, size_t capacity);
            link_event link_parser_push(link_parser *parser, uint8_t byte);
            uint32_t link_crc32(const uint8_t *bytes, size_t count);
            """
        )
        self.lib = self.ffi.dlopen(str(shared))

    def encode(self, kind: int, sequence: int, payload: bytes, capacity: int = 4096) -> bytes:
        wire = self.ffi.new("uint8_t[]", capacity)
        count = self.lib.link_encode(kind, sequence, payload, len(payload), wire, capacity)
        return bytes(self.ffi.buffer(wire, count)) if count else b""

    def events(self, data: bytes, capacity: int) -> list[object]:
        """All that happens on these bytes: events, and for good frames their content."""
        frame, parser = self.ffi.new("uint8_t[]", capacity), self.ffi.new("link_parser *")
        self.lib.link_parser_init(parser, frame, capacity)
        found: list[object] = []
        for byte in data:
            event = Event(self.lib.link_parser_push(parser, byte))
            if event is Event.FRAME:
                payload = bytes(self.ffi.buffer(parser.payload, parser.payload_bytes))
                found.append(Frame(parser.type, parser.sequence, payload))
            elif event is not Event.NONE:
                found.append(event)
        return found


def python_events(data: bytes, capacity: int) -> list[object]:
    parser = Parser(capacity)
    found: list[object] = []
    for byte in data:
        event = parser.push(byte)
        if event is Event.FRAME:
            found.append(parser.frame)
        elif event is not Event.NONE:
            found.append(event)
    return found


@pytest.fixture(scope="module")
def c_link(tmp_path_factory: pytest.TempPathFactory) -> CLink:
    shared = tmp_path_factory.mktemp("link") / "link.so"
    flags = ["-shared", "-fPIC", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    return CLink(compile_c(shared, [APP / "link.c"], flags))


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_board(tmp_path_factory.mktemp("board") / "board")


PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.binary(min_size=230, max_size=600),
    # Runs around the 254 bytes of a COBS block.
    st.builds(lambda n, tail: b"\x01" * n + tail, st.integers(240, 260), st.binary(max_size=3)),
)


@given(kind=st.integers(0, 255), sequence=st.integers(0, 2**32 - 1), payload=PAYLOADS)
def test_twins_encode_alike(c_link: CLink, kind: int, sequence: int, payload: bytes) -> None:
    wire = encode(kind, sequence, payload)
    assert c_link.encode(kind, sequence, payload) == wire
    assert 0 not in wire[1:-1]
    assert c_link.events(wire, 4096) == [Frame(kind, sequence, payload)] == python_events(wire, 4096)


@st.composite
def broken_streams(draw: st.DrawFn) -> bytes:
    """Frames whole, cut, of other versions, with foreign bytes in them, and noise between them."""
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        wire = bytearray(encode(draw(st.integers(0, 255)), draw(st.integers(0, 99)), draw(PAYLOADS)))
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(wire)))
            wire[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
        parts.append(bytes(wire))
        parts.append(draw(st.binary(max_size=12)))
    return b"".join(parts)


@given(data=broken_streams(), capacity=st.sampled_from([10, 60, CAPACITY, 4096]))
def test_twins_read_alike(c_link: CLink, data: bytes, capacity: int) -> None:
    assert c_link.events(data, capacity) == python_events(data, capacity)


@pytest.mark.parametrize("read", ["c", "python"])
def test_every_kind_of_broken_frame_is_named(c_link: CLink, read: str) -> None:
    def events(data: bytes) -> list[object]:
        return c_link.events(data, CAPACITY) if read == "c" else python_events(data, CAPACITY)

    good = encode(Type.AUDIO, 7, b"payload")
    frame = Frame(Type.AUDIO, 7, b"payload")
    body = bytes([VERSION + 1, Type.AUDIO, 1, 1, 1, 1])
    other = body + struct.pack("<I", zlib.crc32(body))
    assert 0 not in other
    damaged = good.replace(b"pay", b"pax")
    assert events(good[:-3] + b"\0" + good) == [Event.TRUNCATED, frame]
    assert events(b"\0\x05abcd\0" + good) == [Event.TRUNCATED, frame]
    assert events(encode(Type.AUDIO, 7, b"x" * CAPACITY) + good) == [Event.TOO_LONG, frame]
    assert events(damaged + good) == [Event.BAD_CRC, frame]
    assert events(b"\0" + bytes([len(other) + 1]) + other + b"\0" + good) == [Event.OTHER_VERSION, frame]
    assert events(b"\0\0\0" + good) == [frame]
    limit = CAPACITY - OVERHEAD_BYTES
    assert len(events(encode(1, 1, bytes(limit)))) == 1
    assert events(encode(1, 1, bytes(limit + 1))) == [Event.TOO_LONG]


def test_encode_refuses_a_wire_that_may_be_too_short(c_link: CLink) -> None:
    needed = 20 + OVERHEAD_BYTES + 3
    assert c_link.encode(1, 1, bytes(20), needed)
    assert not c_link.encode(1, 1, bytes(20), needed - 1)


@given(st.binary(max_size=300))
def test_crc_is_zlibs(c_link: CLink, data: bytes) -> None:
    assert c_link.lib.link_crc32(data, len(data)) == zlib.crc32(data)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_broken_frames_at_parser_and_app(tmp_path: Path, compiler: str) -> None:
    """Fifty thousand of them, or as many as the environment's FRAMES says."""
    frames = int(os.environ.get("FRAMES", "50000"))
    sources = [*APP_SOURCES, DOUBLES / "fuzz_link.c", *DOUBLE_SOURCES]
    flags = [*SANITIZE, "-Dmain=app_main", *models_of(tmp_path, ALL)]
    fuzz = compile_c(tmp_path / "fuzz", sources, flags, compiler)
    done = subprocess.run(
        [fuzz, str(frames), "2024"], capture_output=True, text=True, timeout=60 + frames / 1000
    )
    assert done.returncode == 0, done.stderr
    print(f"{compiler}, {frames} frames:\n{done.stdout}")
    counts = dict(line.rsplit(": ", 1) for line in done.stdout.splitlines())
    for name in (
        "good frame",
        "truncated frame",
        "frame longer than the limit",
        "frame with a wrong checksum",
        "RESULT",
        "LIVE",
        "EVENT",
        "SCORES",
        "ERROR",
    ):
        assert int(counts[name]) > frames / 100, name
    assert int(counts["exits"]) > 0


# The app, as a process of this computer.


@pytest.fixture
def port(board: Path) -> Iterator[SocketPort]:
    with running(board) as port:
        yield port


def quick(port: Port) -> Link:
    """A link that does not wait long for what is lost."""
    return Link(port, timeout=0.1, tries=20)


def test_board_says_what_it_is(port: SocketPort) -> None:
    hello = Link(port).hello()
    assert (hello.rate, hello.hop, hello.delay, hello.credits) == (16000, 160, 320, 4)
    assert (hello.board, hello.gate) == ("host process", 0)
    double = messages.Network(0, 0x12345678, 0x0F0F0F0F, 32, "enhance", None, "double", ())
    assert hello.networks == (double,)
    assert (hello.unit, hello.count_hz, hello.stack_bytes, hello.payload_limit) == (
        "instructions",
        0,
        8192,
        320,
    )


def test_stream_comes_back_whole(port: SocketPort) -> None:
    link, samples = Link(port), noise(300)
    given = Given()
    streamed = play(link, link.hello(), samples, given)
    np.testing.assert_array_equal(streamed.audio, double_output(samples))
    assert streamed.answered.all() and not streamed.silenced.any()
    np.testing.assert_array_equal(streamed.work, np.arange(300) + streamed.work[0])
    assert [hop.number for hop in given.hops] == list(range(300)) and given.end is streamed.end
    for hop, sent in zip(given.hops, samples.reshape(-1, 160), strict=True):
        np.testing.assert_array_equal(hop.sent, sent)
        np.testing.assert_array_equal(hop.heard, sent)
    stats = streamed.stats
    assert (stats.hops, stats.next_hop, stats.lost, stats.doubled, stats.broken) == (300, 300, 0, 0, 0)
    assert (stats.refused, stats.unsent, stats.worst) == (0, 0, streamed.work.max())
    # Twice the same: each stream starts from silence.
    np.testing.assert_array_equal(play(link, link.hello(), samples).audio, streamed.audio)


def check_faulty_stream(port: Port, samples: np.ndarray) -> Streamed:
    """Stream over a line with faults: every hop in its place, every loss counted."""
    link = quick(port)
    streamed = play(link, link.hello(), samples)
    heard = samples.reshape(-1, 160).copy()
    heard[streamed.silenced] = 0
    expected = double_output(heard).reshape(-1, 160)
    expected[~streamed.answered] = 0
    np.testing.assert_array_equal(streamed.audio.reshape(-1, 160), expected)
    assert streamed.stats.next_hop == len(heard)
    assert streamed.stats.lost == streamed.silenced.sum()
    return streamed


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_on_the_way_to_the_board(port: SocketPort, fault: Fault, seed: int) -> None:
    streamed = check_faulty_stream(FaultyPort(port, to_board=fault, seed=seed), noise(200))
    stats = streamed.stats
    lossless = fault.__name__ in ("double_chunks", "insert_noise")
    assert (stats.lost + streamed.end.resent == 0) == lossless
    assert (stats.broken > 0) == (fault.__name__ not in ("drop_chunks", "double_chunks"))
    assert (stats.doubled > 0) == (fault.__name__ == "double_chunks")
    assert streamed.answered.all()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_faults_on_the_way_back(port: SocketPort, fault: Fault, seed: int) -> None:
    streamed = check_faulty_stream(FaultyPort(port, to_host=fault, seed=seed), noise(200))
    assert not streamed.silenced.any()
    if fault.__name__ not in ("double_chunks", "insert_noise"):
        assert not streamed.answered.all()
    if fault.__name__ == "double_chunks":
        assert streamed.end.doubled > 0
    if fault.__name__ == "insert_noise":
        assert streamed.end.broken > 0


@pytest.mark.parametrize("seed", range(6))
def test_faults_both_ways(port: SocketPort, seed: int) -> None:
    fault = FAULTS[seed]
    check_faulty_stream(FaultyPort(port, fault, fault, seed=seed, quiet=0), noise(100))


def test_a_lost_tail_is_sent_again(port: SocketPort) -> None:
    class LosesEnd(FaultyPort):
        losing = 3

        def send(self, data: bytes) -> None:
            if data == encode(Type.AUDIO, 19, samples[-160:].tobytes()) and self.losing:
                self.losing -= 1
                return
            super().send(data)

    samples = noise(20)
    streamed = check_faulty_stream(LosesEnd(port), samples)
    assert (streamed.end.resent, streamed.stats.lost) == (3, 0)
    np.testing.assert_array_equal(streamed.audio, double_output(samples))


AUDIO = bytes(320)
FORMAT = messages.START.pack(16000, 160, 0)


def test_bad_commands_are_answered(port: SocketPort) -> None:
    raw = Raw(port)
    raw.send(77, 1)
    raw.expect_error(Error.TYPE, 1, "not known here (to type 77)")
    raw.send(Type.RESULT, 2)
    raw.expect_error(Error.TYPE, 2, "not known")
    raw.send(Type.AUDIO, 0, AUDIO)
    raw.expect_error(Error.NOT_STARTED, 0, "send START first (to AUDIO)")
    raw.send(Type.STOP, 4)
    raw.expect_error(Error.NOT_STARTED, 4, "no stream runs")
    raw.send(Type.START, 5, messages.START.pack(8000, 160, 0))
    raw.expect_error(Error.FORMAT, 5, "rate and hop of the HELLO")
    raw.send(Type.START, 6, messages.START.pack(16000, 128, 0))
    raw.expect_error(Error.FORMAT, 6, "rate and hop of the HELLO")
    for kind in (Type.HELLO, Type.START, Type.STOP, Type.RESET, Type.AUDIO, Type.STATS, Type.EXIT):
        raw.send(kind, 7, b"abc")
        raw.expect_error(Error.LENGTH, 7, f"another size (to {kind.name})")
    raw.send(Type.START, 8, FORMAT)
    raw.expect(Type.START, 8)
    raw.send(Type.START, 8, FORMAT)
    raw.expect(Type.START, 8)
    raw.send(Type.START, 9, FORMAT)
    raw.expect_error(Error.STARTED, 9, "a stream runs already")
    raw.send(Type.AUDIO, 4, AUDIO)
    raw.expect_error(Error.SEQUENCE, 4, "further ahead than the credits")
    raw.send(Type.AUDIO, 0, AUDIO)
    raw.expect(Type.RESULT, 0)
    raw.send(Type.AUDIO, 3, AUDIO)
    for hop, silenced in ((1, 0b1), (2, 0b11), (3, 0b110)):
        assert messages.RESULT.unpack_from(raw.expect(Type.RESULT, hop))[1] == silenced
    raw.send(Type.AUDIO, 1, AUDIO)  # doubled: no answer but in the counters
    raw.send(Type.STOP, 10)
    stats = messages.Stats.unpack(raw.expect(Type.STOP, 10))
    assert (stats.hops, stats.lost, stats.doubled, stats.refused) == (4, 2, 1, 2)
    raw.send(Type.STOP, 10)
    raw.expect(Type.STOP, 10)
    raw.send(Type.STOP, 11)
    raw.expect_error(Error.NOT_STARTED, 11, "no stream runs")


def test_broken_frames_are_reported_and_survived(port: SocketPort) -> None:
    raw = Raw(port)
    good = encode(Type.STATS, 3)
    for data, words in (
        (encode(Type.AUDIO, 0, bytes(321)), "longer than the limit"),
        (encode(Type.AUDIO, 0, bytes(100_000)), "longer than the limit"),
        (good[:-4] + b"\0", "truncated"),
        (good.replace(bytes([Type.STATS]), b"\x09", 1), "wrong checksum"),
    ):
        port.send(data)
        raw.expect_error(Error.BROKEN, 0, words)
        port.send(good)
        raw.expect(Type.STATS, 3)
    raw.send(Type.STATS, 5)
    assert messages.Stats.unpack(raw.expect(Type.STATS, 5)).broken == 4


@settings(max_examples=20, deadline=None)
@given(data=st.binary(max_size=3000))
def test_any_bytes_and_then_a_hello(board: Path, data: bytes) -> None:
    with running(board) as port:
        port.send(data)
        assert quick(port).hello().models == "double"


def test_a_host_that_does_not_read_blocks_nothing(port: SocketPort) -> None:
    Raw(port).send(Type.START, 1, FORMAT)
    for hop in range(4000):  # 1.4 MB of RESULTs: more than sockets keep
        port.send(encode(Type.AUDIO, hop, AUDIO))
    link = quick(port)
    link.request(Type.STATS)  # the flood of old RESULTs in front of the answer is read away
    stats = link.stats()
    assert stats.hops == 4000 and stats.unsent > 0
    samples = noise(30)
    np.testing.assert_array_equal(play(link, link.hello(), samples).audio, double_output(samples))


def test_a_host_that_left_in_mid_stream_hinders_no_other(port: SocketPort) -> None:
    Raw(port).send(Type.START, 1, FORMAT)
    port.send(encode(Type.AUDIO, 0, AUDIO)[:100])
    samples = noise(30)
    link = quick(port)
    np.testing.assert_array_equal(play(link, link.hello(), samples).audio, double_output(samples))


def test_exit_ends_the_program(board: Path) -> None:
    with running(board) as port:
        link = Link(port)
        link.exit()
        with pytest.raises(LinkLost, match="the board has gone: "):
            link.hello()


# Boards that are none, played by a thread.


@pytest.fixture
def line() -> Iterator[tuple[SocketPort, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield SocketPort(ours), theirs


def test_a_port_that_does_not_answer(line: tuple[SocketPort, socket.socket]) -> None:
    with pytest.raises(
        LinkLost, match=r"^test board: no answer to HELLO in 0\.2 s; is this the board's port"
    ):
        Link(line[0], timeout=0.05).hello()


def test_a_port_that_only_echoes(line: tuple[SocketPort, socket.socket]) -> None:
    port, other = line
    threading.Thread(target=lambda: other.sendall(other.recv(4096)), daemon=True).start()
    with pytest.raises(LinkLost, match=r"^test board: answers, but with not a HELLO.* another version"):
        Link(port, timeout=0.5).hello()


def said_hello(rate: int = 16000, hop: int = 160, unit: int = 0, gate: int = 0, networks: int = 0) -> bytes:
    """A HELLO up to its networks."""
    return messages.HELLO.pack(rate, hop, 320, 2, 320, 0, 0, unit, gate, networks) + b"\x06played\x00\x010"


def answer(other: socket.socket, hello: bytes, on_audio: bytes) -> None:
    """Answer requests as a board does, and the third AUDIO with something else."""
    parser = Parser()
    with suppress(OSError):  # the test has closed its end
        while data := other.recv(4096):
            for byte in data:
                if parser.push(byte) is Event.FRAME:
                    frame = parser.frame
                    answer = encode(frame.type, frame.sequence, hello if frame.type == Type.HELLO else b"")
                    if frame.type == Type.SET:
                        answer = encode(Type.SET, frame.sequence, bytes(4) + frame.payload)
                    if frame.type == Type.AUDIO:
                        result = messages.RESULT.pack(1, 0) + frame.payload
                        answer = encode(Type.RESULT, frame.sequence, result)
                        if frame.sequence == 2:
                            answer = on_audio
                    other.sendall(answer)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (encode(Type.HELLO, 0), r"restarted in the middle of the stream \(after 2 of 9 hops\)"),
        (
            encode(Type.ERROR, 0, struct.pack("<HBB", Error.FAULT, 0, 18) + b"UsageFault at 0x12"),
            r"the program on the board crashed: UsageFault at 0x12 \(after 2 of 9 hops\)",
        ),
        (
            encode(Type.ERROR, 2, struct.pack("<HBB", Error.NOT_STARTED, Type.AUDIO, 2) + b"no"),
            r"the board refuses hop 2: no \(to AUDIO\) \(after 2 of 9 hops\)",
        ),
    ],
)
def test_a_board_that_stops_in_mid_stream(
    line: tuple[SocketPort, socket.socket], said: bytes, sentence: str
) -> None:
    port, other = line
    hello = said_hello(networks=1) + messages.NETWORK.pack(0, 0, 0, 0, 0, 0, 0) + b"\x01m"
    threading.Thread(target=answer, args=(other, hello, said), daemon=True).start()
    link = Link(port)
    with pytest.raises(LinkLost, match=sentence):
        play(link, link.hello(), noise(9))


def test_a_refused_request_is_the_users_sentence(port: SocketPort) -> None:
    with pytest.raises(
        UserError, match=r"^test board: the board refuses START: the model runs at the rate and hop"
    ):
        Link(port).start(44100, 160)


NETWORK = messages.NETWORK.pack(7, 1, 2, 3, 1, 2, 2) + b"\x03kws\x04none\x03one"


def test_a_hello_of_one_network() -> None:
    hello = messages.Hello.unpack(said_hello(networks=1, gate=1) + NETWORK)
    network = messages.Network(7, 1, 2, 3, "classify", "event", "kws", ("none", "one"))
    assert hello.networks == hello.classifiers == (network,)
    assert (hello.enhancer, hello.gating, hello.models, hello.state_bytes) == (None, network, "kws", 3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        said_hello()[:20],
        said_hello(),
        said_hello(networks=1) + NETWORK[:-1],
        said_hello(networks=1) + NETWORK + b"\0",
        said_hello(networks=2) + NETWORK,
        said_hello(networks=1, unit=9) + NETWORK,
        said_hello(networks=1, gate=2) + NETWORK,
        said_hello(networks=1, hop=0) + NETWORK,
        said_hello(networks=1, rate=0) + NETWORK,
        said_hello(networks=1) + NETWORK.replace(b"\x01\x02\x02\0", b"\x01\x03\x02\0"),
        said_hello(networks=1) + NETWORK.replace(b"\x01\x02\x02\0", b"\x02\x02\x02\0"),
    ],
)
def test_what_is_no_hello(payload: bytes) -> None:
    with pytest.raises(ValueError):
        messages.Hello.unpack(payload)
