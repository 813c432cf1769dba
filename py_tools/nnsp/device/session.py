# SPDX-License-Identifier: BSD-3-Clause
"""One stream of hops through a board, with settings sent on the way; `playback` and `live` are the two kinds."""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.device.boards import MACHINES, open_board
from nnsp.device.link import Link, LinkLost
from nnsp.device.messages import (
    HELD,
    NEUTRAL,
    Decision,
    Flag,
    Hello,
    Scores,
    Settings,
    Stats,
    Type,
)
from nnsp.device.samples import GAIN_MAX
from nnsp.device.wire import Frame

Samples = NDArray[np.int16]
STALLS_MAX = 8  # silences in a row that a stream outlasts


@dataclass(frozen=True, eq=False)
class Hop:
    """One hop of a stream.

    Attributes
    ----------
    number : int
        Since the start of the stream, from 0; no number is left out.
    settings : Settings, optional
        What the board had set for this hop. None where nobody knows: the line was lost before the board had answered.
    settings_from : int
        The first hop for which they hold.
    came : bool
        Whether its RESULT or LIVE came; where not, it was lost on its way back, or the microphone missed it.
    silenced : bool
        It was lost on its way to the board, which took silence in its place.
    missed : bool
        The board's microphone missed it: the networks went on with the next one.
    sent : int16 [hop], optional
        What went to the board, of a recording.
    heard : int16 [hop], optional
        What the networks heard, where that is known: of a recording always, live where the board sends it.
    enhanced : int16 [hop], optional
        What came out, `Hello.delay` late, where the board sends it.
    work : int
        Counts, see `Hello.unit`.
    flags, level_in, level_out, late
        As in `nnsp.device.messages.LiveHop`; of a recording nothing.
    events : dict of int to Decision
        What detectors decided in this hop, by number; a number that never comes was lost.
    scores : Scores, optional
        Where they were asked for and came.
    """

    number: int
    settings: Settings | None
    settings_from: int
    came: bool = False
    silenced: bool = False
    missed: bool = False
    sent: Samples | None = None
    heard: Samples | None = None
    enhanced: Samples | None = None
    work: int = 0
    flags: Flag = Flag.NONE
    level_in: int = 0
    level_out: int = 0
    late: int = 0
    events: dict[int, Decision] = field(default_factory=dict)
    scores: Scores | None = None


@dataclass(frozen=True)
class End:
    """How a stream ended.

    Attributes
    ----------
    stats : Stats, optional
        The board's own counters. None where a live stream ended with the line.
    ended : LinkLost, optional
        Why a live stream ended before its time.
    seconds : float
        Wall-clock time.
    broken, doubled : int
        Frames that the host could not read; RESULTs or LIVEs that came twice.
    resent : int
        AUDIO frames sent again after the link had been silent.
    """

    stats: Stats | None
    ended: LinkLost | None
    seconds: float
    broken: int
    doubled: int
    resent: int


class Consumer:
    """What a session feeds: each hop in its order, then the end."""

    def take(self, hop: Hop) -> None:
        """Take the next hop."""

    def finish(self, end: End) -> None:
        """Take the end; not called where the stream fails."""


@dataclass
class _Request:
    """A SET without answer; no hop is given until it has one, for the answer says from which on it holds."""

    number: int
    settings: Settings
    tries: int = 0
    deadline: float = 0.0


class Session(ABC):
    """One stream through a board: iterate over its hops, once, or have `run` feed them to consumers.

    `Playback` and `Live` are the two kinds. A session keeps no hop after giving it.

    Parameters
    ----------
    link : Link
    hello : Hello
        The board's answer to `Link.hello`.
    settings : Settings
        At the start of the stream.
    scores : bool
        Whether the board sends all scores of its classifiers.

    Attributes
    ----------
    hops : int, optional
        How many there are to be, where that is known.
    end : End, optional
        After the last hop.

    Raises
    ------
    LinkLost, UserError
        From the iteration: the board does not answer, crashed, restarted or refuses.
    """

    hops: int | None

    def __init__(self, link: Link, hello: Hello, settings: Settings = NEUTRAL, scores: bool = False) -> None:
        self._check(settings)
        self.link, self.hello = link, hello
        self.end: End | None = None
        self.with_scores = scores
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._wanted = settings
        self._request: _Request | None = None
        self._held: deque[tuple[int, Settings | None]] = deque([(0, settings)])
        self._next = 0  # number of the next hop to give
        self._events: dict[int, Decision] = {}
        self._next_event = 0
        self._scores: dict[int, Scores] = {}
        self._doubled = self._resent = 0
        self._began = 0.0

    def set(self, **changes: Any) -> None:
        """Change some of the board's `Settings` from the next possible hop on; from any thread, at any time.

        Of changes that follow each other faster than the board answers, the last one counts.
        """
        with self._lock:
            settings = replace(self._wanted, **changes)
            self._check(settings)
            self._wanted = settings

    def stop(self) -> None:
        """End the stream with the hops that are on their way; from any thread or signal handler."""
        self._stopping.set()

    def run(self, *consumers: Consumer) -> End:
        """Feed the stream to consumers."""
        for hop in self:
            for consumer in consumers:
                consumer.take(hop)
        assert self.end is not None
        for consumer in consumers:
            consumer.finish(self.end)
        return self.end

    @abstractmethod
    def __iter__(self) -> Iterator[Hop]:
        """Stream, and yield every hop in its order."""

    def _check(self, settings: Settings) -> None:
        """Raise ValueError for settings that the board would refuse."""
        if not (0 <= settings.gain_in <= GAIN_MAX and 0 <= settings.gain_out <= GAIN_MAX):
            raise ValueError(f"{settings}: gains go from 0 to {GAIN_MAX}")

    def _prepare(self) -> None:
        """Reset the board, so that nothing of an earlier host is left, and send the settings."""
        with self._lock:
            settings = self._wanted
        self.link.reset()
        self.link.set(settings)
        self.link.broken = 0
        self._held[0] = (0, settings)
        self._began = time.monotonic()

    def _finish(self, stats: Stats | None, ended: LinkLost | None = None) -> None:
        seconds = time.monotonic() - self._began
        self.end = End(stats, ended, seconds, self.link.broken, self._doubled, self._resent)

    def _hop(self, **fields: Any) -> Hop:
        """Build the next hop, with what classifiers said of it."""
        number = self._next
        self._next += 1
        while len(self._held) > 1 and self._held[1][0] <= number:
            self._held.popleft()
        since, settings = self._held[0]
        events = {key: event for key, event in self._events.items() if event.hop <= number}
        for key in events:
            del self._events[key]
        scores = self._scores.pop(number, None)
        return Hop(number, settings, since, events=events, scores=scores, **fields)

    def _send_settings(self) -> None:
        """Send a SET that is due, for the first time or again."""
        if self._request is None:
            with self._lock:
                wanted = self._wanted
            if wanted == self._held[-1][1]:
                return
            self._request = _Request(self.link.number(), wanted)
        request = self._request
        if time.monotonic() < request.deadline:
            return
        if request.tries == self.link.tries:
            raise self.link.unanswered(Type.SET)
        request.tries += 1
        request.deadline = time.monotonic() + self.link.timeout
        self.link.send(Type.SET, request.number, request.settings.pack())

    def _take(self, frame: Frame) -> None:
        """Take whatever the board sends in mid-stream."""
        self.link.watch(frame)
        request = self._request
        if frame.type == Type.HELLO and frame.sequence == 0:
            raise self.link.lost("the board restarted in the middle of the stream")
        if request is not None and frame.sequence == request.number and frame.type == Type.SET:
            self._held.append((HELD.unpack(frame.payload)[0], request.settings))
            self._request = None
        elif request is not None and frame.sequence == request.number and frame.type == Type.ERROR:
            raise self.link.refused(Type.SET, frame)
        elif frame.type in (Type.EVENT, Type.SCORES):
            self._take_decision(frame)
        else:
            self._take_hop(frame)

    def _take_decision(self, frame: Frame) -> None:
        try:
            if frame.type == Type.SCORES:
                scores = Scores.unpack(frame.payload, self.hello)
                if frame.sequence >= self._next:
                    self._scores[frame.sequence] = scores
                return
            event = Decision.unpack(frame.payload, self.hello)
        except ValueError:
            self.link.broken += 1
            return
        if frame.sequence >= self._next_event:  # else it came twice
            self._events[frame.sequence] = event
            self._next_event = frame.sequence + 1

    @abstractmethod
    def _take_hop(self, frame: Frame) -> None:
        """Take a frame that brings a hop back."""


@contextmanager
def connected(
    board: str, image: Path | None = None, baud: int = 115200, microphone: Path | None = None
) -> Iterator[tuple[Link, Hello]]:
    """Open a board as `nnsp.device.boards.open_board` does, and ask what it is; end an emulator's program after.

    Raises
    ------
    UserError
        No board there, or nothing of ours on it.
    """
    with open_board(board, image, baud, microphone) as port:
        link = Link(port)
        yield link, link.hello()
        if board in MACHINES and not link.is_lost:
            with suppress(LinkLost):  # its answer may be lost; the emulator is ended in any case
                link.exit()
