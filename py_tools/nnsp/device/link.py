"""Frames between host and board; ``docs/link.md`` is the specification, ``firmware/app/link.c`` the twin."""

import enum
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnsp.device.samples import GAIN_ONE, Packing, block_bytes, unpack
from nnsp.errors import UserError

VERSION = 3
HEADER = struct.Struct("<BBI")  # version, type, sequence
CRC = struct.Struct("<I")
OVERHEAD_BYTES = HEADER.size + CRC.size
FRAME_BYTES = 4096  # the largest frame that the host takes
START = struct.Struct("<IHB")  # rate, hop, whether scores are sent
START_LIVE = struct.Struct("<IHBBB")  # the same, streams, packing
SET = struct.Struct("<HHBB")  # gain before the network, gain behind it, bypass, gating
HELD = struct.Struct("<IHHBB")  # the answer to SET: from which hop on, and the same
LIVE = struct.Struct("<IHHBHH")  # work, late, missed, flags, level in, level out; then the packed hops
RESULT = struct.Struct("<II")  # work, silenced; then the samples
EVENT = struct.Struct("<IHHHB")  # hop, model, label, probability, edge
HELLO = struct.Struct("<IHHHHIIBBB")
NETWORK = struct.Struct("<HIIIBBH")
STATS = struct.Struct("<16I")
SILENCED_BITS = 32
RAW, ENHANCED = 1, 2  # streams of LIVE
STALLS_MAX = 8  # silences in a row that a stream outlasts


class Type(enum.IntEnum):
    """Frame types; ``link_type`` in C."""

    HELLO = 1
    START = 2
    STOP = 3
    RESET = 4
    AUDIO = 5
    RESULT = 6
    STATS = 7
    EXIT = 8
    ERROR = 9
    SET = 10
    LIVE = 11
    EVENT = 12
    SCORES = 13


class Error(enum.IntEnum):
    """Codes of an ERROR frame; ``link_error`` in C."""

    BROKEN = 1
    TYPE = 2
    LENGTH = 3
    STARTED = 4
    NOT_STARTED = 5
    FORMAT = 6
    SEQUENCE = 7
    MODEL = 8
    FAULT = 9
    MICROPHONE = 10
    LINE = 11
    RANGE = 12


class Flag(enum.IntFlag):
    """Flags of LIVE."""

    BYPASS = 1
    LATE = 2
    CLIPPED_IN = 4
    CLIPPED_OUT = 8


class Edge(enum.IntEnum):
    """What an EVENT says of its label; ``networks_edge`` in C."""

    EVENT = 0
    BEGIN = 1
    END = 2


class Event(enum.IntEnum):
    """What a byte completes; ``link_event`` in C."""

    NONE = 0
    FRAME = 1
    TRUNCATED = 2
    TOO_LONG = 3
    BAD_CRC = 4
    OTHER_VERSION = 5


class LinkLost(UserError):
    """The board does not answer any more, or answers as no board of ours does."""


class PortLost(Exception):
    """What a port raises when its other end has gone; the text says how."""


class Port(Protocol):
    """A way for bytes. `boards.open_board` gives one."""

    name: str

    def receive(self, timeout: float) -> bytes:
        """Give what has come in, waiting at most `timeout` s for the first byte; may raise `PortLost`."""

    def send(self, data: bytes) -> None:
        """Send all of `data`. May raise `PortLost`."""


@dataclass(frozen=True)
class Frame:
    """One good frame."""

    type: int
    sequence: int
    payload: bytes


def encode(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """Give the bytes on the wire of one frame, a zero at both ends; ``link_encode`` in C."""
    body = HEADER.pack(VERSION, kind, sequence) + payload
    body += CRC.pack(zlib.crc32(body))
    wire = bytearray(1)
    runs = body.split(b"\0")
    for number, run in enumerate(runs, 1):
        while len(run) > 254 or (len(run) == 254 and number < len(runs)):
            wire += b"\xff" + run[:254]
            run = run[254:]
        wire += bytes([len(run) + 1]) + run
    return bytes(wire) + b"\0"


class Parser:
    """Reads frames byte by byte; ``link_parser`` in C.

    Parameters
    ----------
    capacity : int
        Largest decoded frame in bytes, header and CRC included.
    """

    def __init__(self, capacity: int = FRAME_BYTES) -> None:
        self.capacity = capacity
        self.frame = Frame(0, 0, b"")  # the last good one
        self._begin()

    def _begin(self) -> None:
        self._bytes = bytearray()
        self._remaining = 0
        self._zero_due = False
        self._started = False
        self._too_long = False

    def _append(self, byte: int) -> None:
        if len(self._bytes) < self.capacity:
            self._bytes.append(byte)
        else:
            self._too_long = True

    def _end(self) -> Event:
        if not self._started:
            return Event.NONE
        if self._too_long:
            return Event.TOO_LONG
        if self._remaining or len(self._bytes) < OVERHEAD_BYTES:
            return Event.TRUNCATED
        body, crc = self._bytes[: -CRC.size], self._bytes[-CRC.size :]
        if zlib.crc32(body) != CRC.unpack(crc)[0]:
            return Event.BAD_CRC
        version, kind, sequence = HEADER.unpack_from(body)
        if version != VERSION:
            return Event.OTHER_VERSION
        self.frame = Frame(kind, sequence, bytes(body[HEADER.size :]))
        return Event.FRAME

    def push(self, byte: int) -> Event:
        """Take one byte, any byte. After anything broken, the next good frame is read."""
        if byte == 0:
            event = self._end()
            self._begin()
            return event
        self._started = True
        if self._remaining == 0:
            if self._zero_due:
                self._append(0)
            self._remaining = byte - 1
            self._zero_due = byte != 0xFF
        else:
            self._append(byte)
            self._remaining -= 1
        return Event.NONE


@dataclass(frozen=True)
class Network:
    """One network of an image, as its HELLO says; `detector` is None, "state" or "event"."""

    model_id: int
    network_checksum: int
    frontend_checksum: int
    state_bytes: int
    task: str
    detector: str | None
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Hello:
    """What a board says of itself.

    `delay` is in samples, `unit` is what the work counter counts, `count_hz` how many of it pass per second
    (0: counts are not time). `gate` is the number of the network that gates the others, from 1; 0: none does.
    """

    rate: int
    hop: int
    delay: int
    credits: int
    payload_limit: int
    stack_bytes: int
    count_hz: int
    unit: str
    gate: int
    board: str
    reset_cause: str
    library: str
    networks: tuple[Network, ...]

    @property
    def models(self) -> str:
        """Names of the networks in the order of the image, as ``scons model=`` takes them."""
        return ",".join(network.name for network in self.networks)

    @property
    def state_bytes(self) -> int:
        """Bytes of state of all networks together."""
        return sum(network.state_bytes for network in self.networks)

    @property
    def enhancer(self) -> Network | None:
        """The network that makes the audio, where there is one."""
        return next((network for network in self.networks if network.task == "enhance"), None)

    @property
    def classifiers(self) -> tuple[Network, ...]:
        """The networks that give scores, in the order of SCORES."""
        return tuple(network for network in self.networks if network.task == "classify")

    @property
    def gating(self) -> Network | None:
        """The network that gates the others, where there is one."""
        return self.networks[self.gate - 1] if self.gate else None

    @classmethod
    def unpack(cls, payload: bytes) -> "Hello":
        """Read a payload; raises ValueError where it is none."""
        try:
            *numbers, unit, gate, count = HELLO.unpack_from(payload)
            at = HELLO.size
            texts = []
            for _ in range(3):
                text, at = _text(payload, at)
                texts.append(text)
            networks = []
            for _ in range(count):
                network, at = _network(payload, at)
                networks.append(network)
            fields: list[Any] = [*numbers, ("instructions", "cycles")[unit], gate, *texts, tuple(networks)]
            hello = cls(*fields)
        except (struct.error, IndexError) as error:
            raise ValueError(f"not a HELLO: {error}") from error
        if not (hello.rate and hello.hop and hello.credits and networks and gate <= count):
            raise ValueError("a HELLO without rate, hop, credits or network")
        if at != len(payload):
            raise ValueError("a HELLO of another length than it says")
        return hello


def _text(payload: bytes, at: int) -> tuple[str, int]:
    """Text at a place of a payload, and the place behind it."""
    end = at + 1 + payload[at]
    if end > len(payload):
        raise ValueError("a text runs over the end of its payload")
    return payload[at + 1 : end].decode("utf-8", "replace"), end


def _network(payload: bytes, at: int) -> tuple[Network, int]:
    *numbers, task, detector, count = NETWORK.unpack_from(payload, at)
    name, at = _text(payload, at + NETWORK.size)
    labels = []
    for _ in range(count):
        label, at = _text(payload, at)
        labels.append(label)
    kind = (None, "state", "event")[detector]
    fields: list[Any] = [*numbers, ("enhance", "classify")[task], kind, name, tuple(labels)]
    return Network(*fields), at


@dataclass(frozen=True)
class Stats:
    """Counters of a board since START or RESET; `silenced` bit i: hop ``next_hop - 1 - i`` was lost.

    `events` are EVENTs sent or not, `rested` hops in which the gate was closed.
    """

    next_hop: int
    silenced: int
    frames: int
    hops: int
    lost: int
    doubled: int
    broken: int
    refused: int
    unsent: int
    overrun: int
    worst: int
    stack_bytes: int
    stack_left: int
    late: int
    events: int
    rested: int

    @classmethod
    def unpack(cls, payload: bytes) -> "Stats":
        """Read a payload; raises ValueError where it is none."""
        try:
            return cls(*STATS.unpack(payload))
        except struct.error as error:
            raise ValueError(f"not a STATS: {error}") from error


def error_text(payload: bytes) -> tuple[int, str]:
    """Give code and sentence of an ERROR payload."""
    if len(payload) < 4:
        return 0, "an ERROR without text"
    code, kind = struct.unpack_from("<HB", payload)
    try:
        text, _ = _text(payload, 3)
    except ValueError:
        return code, "an ERROR whose text is cut short"
    answered = Type(kind).name if kind in Type.__members__.values() else f"type {kind}"
    return code, f"{text} (to {answered})" if kind else text


@dataclass(frozen=True)
class Decision:
    """One EVENT: what a detector has decided; `label` counts from 0, `probability` is Q15."""

    hop: int
    model_id: int
    label: int
    probability: int
    edge: Edge

    @classmethod
    def unpack(cls, payload: bytes) -> "Decision":
        """Read a payload; raises ValueError where it is none."""
        try:
            hop, model_id, label, probability, edge = EVENT.unpack(payload)
        except struct.error as error:
            raise ValueError(f"not an EVENT: {error}") from error
        return cls(hop, model_id, label, probability, Edge(edge))


@dataclass
class Decisions:
    """What classifiers said in the course of a stream, each in its place however it came.

    Attributes
    ----------
    events : dict of int to Decision
        By number; numbers that are missing up to `Stats.events` were lost.
    scores : dict of int to (bool [classifiers], int16 [labels])
        By hop: whether each classifier gave scores in this hop, and the last ones of all, Q15.
    """

    events: dict[int, Decision] = field(default_factory=dict)
    scores: dict[int, tuple[NDArray[np.bool_], NDArray[np.int16]]] = field(default_factory=dict)

    def take(self, frame: Frame, hello: Hello) -> Decision | None:
        """Take an EVENT, which is given back where it is new, or a SCORES; raises ValueError where it is none."""
        if frame.type == Type.EVENT:
            decision = Decision.unpack(frame.payload)
            labels = {network.model_id: len(network.labels) for network in hello.classifiers}
            if decision.label >= labels.get(decision.model_id, 0):
                raise ValueError("an EVENT of a label that the board does not have")
            if frame.sequence in self.events:
                return None
            self.events[frame.sequence] = decision
            return decision
        given, scores, at = [], [], 0
        for network in hello.classifiers:
            part = frame.payload[at : at + 1 + 2 * len(network.labels)]
            if len(part) != 1 + 2 * len(network.labels):
                raise ValueError("a SCORES that is too short")
            given.append(bool(part[0]))
            scores.append(np.frombuffer(part, "<i2", offset=1).astype(np.int16))
            at += len(part)
        if at != len(frame.payload):
            raise ValueError("a SCORES that is too long")
        self.scores[frame.sequence] = np.array(given), np.concatenate(scores)
        return None


@dataclass
class Streamed:
    """What came back of a stream of ``hops`` hops.

    Attributes
    ----------
    audio : int16 [hops * hop]
        Enhanced samples, `Hello.delay` late; silence where `answered` is false.
    work : uint32 [hops]
        Counts (see `Hello.unit`) per hop; 0 where not answered.
    answered : bool [hops]
        The RESULT came.
    silenced : bool [hops]
        The AUDIO was lost on its way, the board took silence in its place.
    broken, doubled : int
        Frames that the host could not read; RESULTs that came twice.
    resent : int
        AUDIO frames sent again after the link had been silent.
    stats : Stats
        The board's own counters at the end.
    seconds : float
        Wall-clock time.
    decisions : Decisions
        Of the classifiers.
    """

    audio: NDArray[np.int16]
    work: NDArray[np.uint32]
    answered: NDArray[np.bool_]
    silenced: NDArray[np.bool_]
    broken: int
    doubled: int
    resent: int
    stats: Stats
    seconds: float
    decisions: Decisions


@dataclass
class _Arrivals:
    """Results as they come, in any order."""

    audio: NDArray[np.int16]
    work: NDArray[np.uint32]
    answered: NDArray[np.bool_]
    silenced: NDArray[np.bool_]
    acknowledged: int = 0  # hops below need no more waiting
    doubled: int = 0
    resent: int = 0
    decisions: Decisions = field(default_factory=Decisions)

    def mark(self, last: int, bits: int) -> None:
        for back in range(min(SILENCED_BITS, last + 1)):
            self.silenced[last - back] |= bool(bits >> back & 1)

    def take(self, hop: int, payload: bytes) -> None:
        work, bits = RESULT.unpack_from(payload)
        if self.answered[hop]:
            self.doubled += 1
            return
        self.audio[hop] = np.frombuffer(payload, "<i2", offset=RESULT.size)
        self.work[hop] = work
        self.answered[hop] = True
        self.mark(hop, bits)
        self.acknowledged = max(self.acknowledged, hop + 1)


@dataclass(frozen=True)
class Settings:
    """What SET sets; gains as in `nnsp.device.samples.gain_of`."""

    gain_in: int = GAIN_ONE
    gain_out: int = GAIN_ONE
    bypass: bool = False
    gating: bool = True


@dataclass(frozen=True)
class LiveHop:
    """One LIVE frame: `late` and `missed` are counts since START, modulo 65536; `audio` by stream."""

    hop: int
    work: int
    late: int
    missed: int
    flags: Flag
    level_in: int
    level_out: int
    audio: dict[int, NDArray[np.int16]]

    @classmethod
    def unpack(cls, frame: Frame, hop: int, streams: int, packing: Packing) -> "LiveHop":
        """Read a frame; raises ValueError where it is none of this kind."""
        asked = [stream for stream in (RAW, ENHANCED) if streams & stream]
        block = block_bytes(packing, hop)
        if len(frame.payload) != LIVE.size + len(asked) * block:
            raise ValueError("a LIVE of another size than was asked for")
        work, late, missed, flags, level_in, level_out = LIVE.unpack_from(frame.payload)
        audio = {
            stream: unpack(packing, frame.payload[LIVE.size + i * block :][:block], hop)
            for i, stream in enumerate(asked)
        }
        return cls(frame.sequence, work, late, missed, Flag(flags & 15), level_in, level_out, audio)


@dataclass
class Recorded:
    """What came of a live stream: hops in the order they came, lost ones missing.

    `broken` frames the host could not read; `stats` are the board's counters at the end. Where the board was gone
    by then, `stats` is None and `ended` says why.
    """

    hops: list[LiveHop] = field(default_factory=list)
    broken: int = 0
    stats: Stats | None = None
    ended: LinkLost | None = None
    seconds: float = 0.0
    decisions: Decisions = field(default_factory=Decisions)


@dataclass
class Link:
    """A conversation with one board.

    Parameters
    ----------
    port : Port
    timeout : float
        Seconds to wait for an answer before asking again.
    tries : int
        How often to ask.
    """

    port: Port
    timeout: float = 1.0
    tries: int = 4
    broken: int = field(default=0, init=False)
    _parser: Parser = field(default_factory=Parser, init=False)
    _numbers: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        # A number that no answer left over from an earlier conversation is likely to have.
        self._numbers = iter(range(random.randrange(1, 1 << 30), 1 << 32))

    def _frames(self, timeout: float) -> list[Frame]:
        """Wait for a frame; an empty list where none came in `timeout` seconds."""
        frames: list[Frame] = []
        deadline = time.monotonic() + timeout
        while not frames and (left := deadline - time.monotonic()) > 0:
            try:
                data = self.port.receive(left)
            except PortLost as error:
                raise LinkLost(f"{self.port.name}: the board has gone: {error}") from error
            for byte in data:
                event = self._parser.push(byte)
                if event is Event.FRAME:
                    frames.append(self._parser.frame)
                elif event is not Event.NONE:
                    self.broken += 1
        return frames

    def _send(self, kind: Type, sequence: int, payload: bytes = b"") -> None:
        try:
            self.port.send(encode(kind, sequence, payload))
        except PortLost as error:
            # A program that crashed says why before it ends: that may still be there to read.
            while frames := self._frames(self.timeout):
                for frame in frames:
                    self._watch(frame)
            raise LinkLost(f"{self.port.name}: the board has gone: {error}") from error

    def _watch(self, frame: Frame) -> None:
        """Raise on what a board says unasked: a fault, or that it has started anew."""
        if frame.type == Type.ERROR:
            code, text = error_text(frame.payload)
            if code == Error.FAULT:
                raise LinkLost(f"{self.port.name}: the program on the board crashed: {text}")

    def request(
        self, kind: Type, payload: bytes = b"", on_frame: Callable[[Frame], None] | None = None
    ) -> bytes:
        """Send a request until it is answered and give the answer's payload.

        Parameters
        ----------
        kind : Type
        payload : bytes
        on_frame : callable, optional
            Takes the frames that are not the answer.

        Raises
        ------
        LinkLost
            No answer, or the board crashed.
        UserError
            The board refuses; the sentence is the board's.
        """
        number = next(self._numbers)
        for _ in range(self.tries):
            self._send(kind, number, payload)
            deadline = time.monotonic() + self.timeout
            while (left := deadline - time.monotonic()) > 0:
                for frame in self._frames(left):
                    self._watch(frame)
                    if frame.sequence == number and frame.type == kind:
                        return frame.payload
                    if frame.sequence == number and frame.type == Type.ERROR:
                        _, text = error_text(frame.payload)
                        raise UserError(f"{self.port.name}: the board refuses {kind.name}: {text}")
                    if on_frame is not None:
                        on_frame(frame)
        raise LinkLost(
            f"{self.port.name}: no answer to {kind.name} in {self.tries * self.timeout:g} s; "
            "is this the board's port, and is the nnsp firmware on it?"
        )

    def hello(self) -> Hello:
        """Ask the board what it is. Raises `LinkLost` where nothing of ours answers."""
        try:
            return Hello.unpack(self.request(Type.HELLO))
        except ValueError as error:
            raise LinkLost(
                f"{self.port.name}: answers, but with {error}; its firmware is of another version"
            ) from error

    def reset(self) -> None:
        """End any stream and forget it."""
        self.request(Type.RESET)

    def start(self, rate: int, hop: int, scores: bool = False) -> None:
        """Start a stream from silence; `rate` in Hz, `hop` in samples."""
        self.request(Type.START, START.pack(rate, hop, scores))

    def set(self, settings: Settings) -> int:
        """Set gains and bypass of live streams, and gating, and give the hop from which on they hold."""
        payload = SET.pack(settings.gain_in, settings.gain_out, settings.bypass, settings.gating)
        return int(HELD.unpack(self.request(Type.SET, payload))[0])

    def live(
        self,
        hello: Hello,
        streams: int,
        packing: Packing,
        settings: Settings,
        on_hop: Callable[[LiveHop], bool],
        scores: bool = False,
        on_decision: Callable[[Decision], None] | None = None,
    ) -> Recorded:
        """Have the board enhance its microphone, until `on_hop` says that it is enough.

        Parameters
        ----------
        hello : Hello
            The board's answer to `hello()`.
        streams : int
            `RAW`, `ENHANCED`, both or 0: what the board sends.
        packing : Packing
        settings : Settings
        on_hop : callable
            Takes each hop and says whether to go on.
        scores : bool
            Whether the board sends all scores of its classifiers, too.
        on_decision : callable, optional
            Takes each decision of a classifier as it comes.

        Returns
        -------
        Recorded
            Also where the board goes in the middle: `Recorded.ended` has the sentence.

        Raises
        ------
        LinkLost, UserError
            The board does not answer or refuses, before the stream.
        """
        got, going, asked = Recorded(), True, False

        def take(frame: Frame) -> None:
            nonlocal going, asked
            self._watch(frame)
            if frame.type == Type.HELLO and frame.sequence == 0:
                raise LinkLost(f"{self.port.name}: the board has started anew in the middle of the stream")
            self._take_decision(frame, got.decisions, hello, on_decision)
            if frame.type == Type.LIVE:
                asked = False
                try:
                    hop = LiveHop.unpack(frame, hello.hop, streams, packing)
                except ValueError:
                    self.broken += 1
                    return
                if not got.hops or hop.hop > got.hops[-1].hop:
                    got.hops.append(hop)
                    going = on_hop(hop) and going

        self.reset()
        self.set(settings)
        self.broken = 0
        # Hops may come in front of the answer to START, where that is lost and asked for again.
        self.request(Type.START, START_LIVE.pack(hello.rate, hello.hop, scores, streams, packing), take)
        began = time.monotonic()
        try:
            while going:
                frames = self._frames(self.timeout)
                for frame in frames:
                    take(frame)
                if not frames:
                    if asked:
                        raise LinkLost(
                            f"{self.port.name}: the board answers, but its microphone gives nothing"
                        )
                    asked = True
                    self.request(Type.STATS, on_frame=take)
            got.stats = Stats.unpack(self.request(Type.STOP, on_frame=take))
        except LinkLost as error:
            got.ended = LinkLost(f"{error} (after {len(got.hops)} hops)")
        got.seconds = time.monotonic() - began
        got.broken = self.broken
        return got

    def stats(self) -> Stats:
        """Ask for the board's counters."""
        return Stats.unpack(self.request(Type.STATS))

    def exit(self) -> None:
        """End the program on the board: an emulator exits, hardware restarts."""
        self.request(Type.EXIT)

    def stream(
        self,
        hello: Hello,
        samples: NDArray[np.int16],
        progress: Callable[[int], None] | None = None,
        settings: Settings = Settings(),
        scores: bool = False,
        on_decision: Callable[[Decision], None] | None = None,
    ) -> Streamed:
        """Send samples through the board, from START to STOP.

        Parameters
        ----------
        hello : Hello
            The board's answer to `hello()`.
        samples : int16 [hops * hop]
        progress : callable, optional
            Takes the number of hops done since its last call.
        settings : Settings
            Of which gating is what matters here.
        scores : bool
            Whether the board sends all scores of its classifiers, too.
        on_decision : callable, optional
            Takes each decision of a classifier as it comes.

        Returns
        -------
        Streamed

        Raises
        ------
        LinkLost
            The board stopped answering, crashed or started anew; the sentence says after which hop.
        """
        if len(samples) % hello.hop:
            raise ValueError(f"{len(samples)} samples are no whole number of hops of {hello.hop}")
        hops = samples.astype("<i2", copy=False).reshape(-1, hello.hop)
        total = len(hops)
        got = _Arrivals(
            np.zeros((total, hello.hop), np.int16),
            np.zeros(total, np.uint32),
            np.zeros(total, np.bool_),
            np.zeros(total, np.bool_),
        )

        def take(frame: Frame) -> None:
            self._take_decision(frame, got.decisions, hello, on_decision)
            self._take(frame, got, hello)

        self.reset()
        self.set(settings)
        self.broken = 0
        began = time.monotonic()
        self.start(hello.rate, hello.hop, scores)
        sent = reported = stalls = 0
        try:
            while got.acknowledged < total:
                while sent < min(total, got.acknowledged + hello.credits):
                    self._send(Type.AUDIO, sent, hops[sent].tobytes())
                    sent += 1
                frames = self._frames(self.timeout)
                for frame in frames:
                    take(frame)
                if frames:
                    stalls = 0
                else:
                    # What is not answered by now is lost; STATS, answered behind it, tells where.
                    stats = Stats.unpack(self.request(Type.STATS, on_frame=take))
                    got.acknowledged = max(got.acknowledged, min(stats.next_hop, total))
                    got.resent += max(0, sent - got.acknowledged)
                    sent = got.acknowledged
                    stalls += 1
                    if stalls > STALLS_MAX:
                        raise LinkLost(
                            f"{self.port.name}: the board answers, but no AUDIO gets through to it"
                        )
                if progress is not None:
                    progress(got.acknowledged - reported)
                    reported = got.acknowledged
            stats = Stats.unpack(self.request(Type.STOP, on_frame=take))
        except LinkLost as error:
            raise LinkLost(f"{error} (after {got.acknowledged} of {total} hops)") from error
        got.mark(total - 1, stats.silenced)
        return Streamed(
            got.audio.reshape(-1),
            got.work,
            got.answered,
            got.silenced,
            self.broken,
            got.doubled,
            got.resent,
            stats,
            time.monotonic() - began,
            got.decisions,
        )

    def _take_decision(
        self,
        frame: Frame,
        decisions: Decisions,
        hello: Hello,
        on_decision: Callable[[Decision], None] | None,
    ) -> None:
        if frame.type not in (Type.EVENT, Type.SCORES):
            return
        try:
            decision = decisions.take(frame, hello)
        except ValueError:
            self.broken += 1
            return
        if decision is not None and on_decision is not None:
            on_decision(decision)

    def _take(self, frame: Frame, got: _Arrivals, hello: Hello) -> None:
        self._watch(frame)
        if frame.type == Type.HELLO and frame.sequence == 0:
            raise LinkLost(f"{self.port.name}: the board has started anew in the middle of the stream")
        if frame.type == Type.RESULT:
            if frame.sequence < len(got.answered) and len(frame.payload) == RESULT.size + 2 * hello.hop:
                got.take(frame.sequence, frame.payload)
            else:
                self.broken += 1
        elif frame.type == Type.ERROR:
            code, text = error_text(frame.payload)
            if code != Error.BROKEN:  # a broken frame shows as a lost hop, and is in the board's counters
                raise LinkLost(f"{self.port.name}: the board refuses hop {frame.sequence}: {text}")
