"""The conversation with a board, over the frames of `nnsp.device.wire` and the payloads of `nnsp.device.messages`."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nnsp.device.messages import (
    HELD,
    NEUTRAL,
    RESULT,
    SET,
    SILENCED_BITS,
    START,
    START_LIVE,
    Decision,
    Decisions,
    Error,
    Hello,
    LiveHop,
    Settings,
    Stats,
    Type,
    error_text,
)
from nnsp.device.samples import Packing
from nnsp.device.wire import Event, Frame, Parser, Port, PortLost, encode
from nnsp.errors import UserError

STALLS_MAX = 8  # silences in a row that a stream outlasts


class LinkLost(UserError):
    """The board does not answer any more, or answers as no board of ours does."""


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
        settings: Settings = NEUTRAL,
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
