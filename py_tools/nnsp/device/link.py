# SPDX-License-Identifier: BSD-3-Clause
"""The conversation with a board, over the frames of `nnsp.device.wire` and the payloads of `nnsp.device.messages`."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nnsp.device.messages import HELD, START, Error, Hello, Settings, Stats, Type, error_text
from nnsp.device.wire import Event, Frame, Parser, Port, PortLost, encode
from nnsp.errors import UserError


class LinkLost(UserError):
    """The board does not answer any more, or answers as no nnsp firmware does."""


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

    Attributes
    ----------
    broken : int
        Frames that could not be read.
    is_lost : bool
        The board has been lost once.
    """

    port: Port
    timeout: float = 1.0
    tries: int = 4
    broken: int = field(default=0, init=False)
    is_lost: bool = field(default=False, init=False)
    _parser: Parser = field(default_factory=Parser, init=False)
    _numbers: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        # A number that no answer left over from an earlier conversation is likely to have.
        self._numbers = iter(range(random.randrange(1, 1 << 30), 1 << 32))

    def lost(self, sentence: str) -> LinkLost:
        """Return the error of a board that is lost, with the port's name, and remember that it is."""
        self.is_lost = True
        return LinkLost(f"{self.port.name}: {sentence}")

    def number(self) -> int:
        """Return the number of a new request."""
        return next(self._numbers)

    def frames(self, timeout: float) -> list[Frame]:
        """Wait for a frame; an empty list where none came in `timeout` seconds. Raises `LinkLost`."""
        frames: list[Frame] = []
        deadline = time.monotonic() + timeout
        while not frames and (left := deadline - time.monotonic()) > 0:
            try:
                data = self.port.receive(left)
            except PortLost as error:
                raise self.lost(f"the board has gone: {error}") from error
            for byte in data:
                event = self._parser.push(byte)
                if event is Event.FRAME:
                    frames.append(self._parser.frame)
                elif event is not Event.NONE:
                    self.broken += 1
        return frames

    def send(self, kind: Type, sequence: int, payload: bytes = b"") -> None:
        """Send one frame. Raises `LinkLost`."""
        try:
            self.port.send(encode(kind, sequence, payload))
        except PortLost as error:
            # A program that crashed says why before it ends: that may still be there to read.
            while frames := self.frames(self.timeout):
                for frame in frames:
                    self.watch(frame)
            raise self.lost(f"the board has gone: {error}") from error

    def watch(self, frame: Frame) -> None:
        """Raise `LinkLost` where a frame says that the program on the board crashed."""
        if frame.type == Type.ERROR:
            code, text = error_text(frame.payload)
            if code == Error.FAULT:
                raise self.lost(f"the program on the board crashed: {text}")

    def refused(self, kind: Type, frame: Frame) -> UserError:
        """Return the error of a request that the board answers with an ERROR."""
        return UserError(f"{self.port.name}: the board refuses {kind.name}: {error_text(frame.payload)[1]}")

    def request(
        self, kind: Type, payload: bytes = b"", on_frame: Callable[[Frame], None] | None = None
    ) -> bytes:
        """Send a request until it is answered, and return the answer's payload.

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
        number, answer = self.number(), None
        for _ in range(self.tries):
            self.send(kind, number, payload)
            deadline = time.monotonic() + self.timeout
            while (left := deadline - time.monotonic()) > 0:
                for frame in self.frames(left):
                    self.watch(frame)
                    if frame.sequence == number and frame.type == kind:
                        answer = frame.payload
                    elif frame.sequence == number and frame.type == Type.ERROR:
                        raise self.refused(kind, frame)
                    elif on_frame is not None:
                        on_frame(frame)
                if answer is not None:
                    return answer
        raise self.unanswered(kind)

    def unanswered(self, kind: Type) -> LinkLost:
        """Return the error of a request that was sent `tries` times."""
        return self.lost(
            f"no answer to {kind.name} in {self.tries * self.timeout:g} s; "
            "is this the board's port, and is the nnsp firmware on it?"
        )

    def hello(self) -> Hello:
        """Ask the board what it is. Raises `LinkLost` where nothing of ours answers."""
        try:
            return Hello.unpack(self.request(Type.HELLO))
        except ValueError as error:
            raise self.lost(f"answers, but with {error}; its firmware is of another version") from error

    def reset(self) -> None:
        """End any stream and forget it."""
        self.request(Type.RESET)

    def start(self, rate: int, hop: int, scores: bool = False) -> None:
        """Start a stream from silence; `rate` in Hz, `hop` in samples."""
        self.request(Type.START, START.pack(rate, hop, scores))

    def set(self, settings: Settings) -> int:
        """Set gains and bypass of live streams, and gating, and return the hop from which on they hold."""
        return int(HELD.unpack(self.request(Type.SET, settings.pack()))[0])

    def stats(self) -> Stats:
        """Ask for the board's counters."""
        return Stats.unpack(self.request(Type.STATS))

    def exit(self) -> None:
        """End the program on the board: an emulator exits, hardware restarts."""
        self.request(Type.EXIT)
