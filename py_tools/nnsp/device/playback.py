# SPDX-License-Identifier: BSD-3-Clause
"""A recording through a board, at the board's pace."""

from collections.abc import Iterator

import numpy as np

from nnsp.device.link import Link, LinkLost
from nnsp.device.messages import (
    NEUTRAL,
    RESULT,
    SILENCED_BITS,
    Error,
    Hello,
    Settings,
    Stats,
    Type,
    error_text,
)
from nnsp.device.samples import GAIN_ONE
from nnsp.device.session import Hop, Samples, Session
from nnsp.device.wire import Frame

STALLS_MAX = 8  # silences in a row that a stream outlasts


class Playback(Session):
    """A recording through a board, from START to STOP.

    A recording goes through as it is: of the settings only gating may change. Where the line is lost the iteration
    raises `LinkLost`, whose sentence says after which hop.

    Parameters
    ----------
    samples : int16 [hops * hop]
    """

    def __init__(
        self,
        link: Link,
        hello: Hello,
        samples: Samples,
        settings: Settings = NEUTRAL,
        scores: bool = False,
    ) -> None:
        super().__init__(link, hello, settings, scores)
        if len(samples) % hello.hop:
            raise ValueError(f"{len(samples)} samples are no whole number of hops of {hello.hop}")
        self._samples = samples.astype("<i2", copy=False).reshape(-1, hello.hop)
        self.hops: int = len(self._samples)
        self._results: dict[int, tuple[int, Samples]] = {}  # that are not given yet: work and samples
        self._silenced: set[int] = set()
        self._acknowledged = 0  # hops below need no more waiting

    def __iter__(self) -> Iterator[Hop]:
        link, hello = self.link, self.hello
        self._prepare()
        link.start(hello.rate, hello.hop, self.with_scores)
        total = self.hops
        sent = stalls = 0
        try:
            while True:
                while not self._stopping.is_set() and sent < min(total, self._acknowledged + hello.credits):
                    link.send(Type.AUDIO, sent, self._samples[sent].tobytes())
                    sent += 1
                yield from self._ready()
                if self._stopping.is_set():
                    total = sent
                if self._acknowledged >= total and self._request is None:
                    break
                self._send_settings()
                frames = link.frames(link.timeout)
                for frame in frames:
                    self._take(frame)
                if frames:
                    stalls = 0
                    continue
                # What is not answered by now is lost; STATS, answered after it, tells where.
                stats = Stats.unpack(link.request(Type.STATS, on_frame=self._take))
                self._mark(stats.next_hop - 1, stats.silenced)
                self._acknowledged = max(self._acknowledged, min(stats.next_hop, total))
                self._resent += max(0, sent - self._acknowledged)
                sent = self._acknowledged
                stalls += 1
                if stalls > STALLS_MAX:
                    raise link.lost("the board answers, but no AUDIO gets through to it")
            stats = Stats.unpack(link.request(Type.STOP, on_frame=self._take))
        except LinkLost as error:
            raise LinkLost(f"{error} (after {self._acknowledged} of {self.hops} hops)") from error
        self._finish(stats)

    def _check(self, settings: Settings) -> None:
        if (settings.gain_in, settings.gain_out, settings.bypass) != (GAIN_ONE, GAIN_ONE, False):
            raise ValueError(f"{settings}: a recording has no gains and no bypass")

    def _mark(self, last: int, bits: int) -> None:
        """Mark the hops that the board says were lost on their way to it: bit i is that of hop `last` - i."""
        self._silenced |= {
            last - back for back in range(SILENCED_BITS) if bits >> back & 1 and last - back >= self._next
        }

    def _take_hop(self, frame: Frame) -> None:
        number = frame.sequence
        if frame.type == Type.RESULT:
            if number >= self.hops or len(frame.payload) != RESULT.size + 2 * self.hello.hop:
                self.link.broken += 1
            elif number < self._next or number in self._results:
                self._doubled += 1
            else:
                work, bits = RESULT.unpack_from(frame.payload)
                enhanced = np.frombuffer(frame.payload, "<i2", offset=RESULT.size).astype(np.int16)
                self._results[number] = work, enhanced
                self._mark(number, bits)
                self._acknowledged = max(self._acknowledged, number + 1)
        elif frame.type == Type.ERROR:
            code, text = error_text(frame.payload)
            if code != Error.BROKEN:  # a broken frame shows as a lost hop, and is in the board's counters
                raise self.link.lost(f"the board refuses hop {number}: {text}")

    def _ready(self) -> Iterator[Hop]:
        """Yield the hops that are complete."""
        while self._request is None and self._next < self._acknowledged:
            number = self._next
            result, silenced = self._results.pop(number, None), number in self._silenced
            self._silenced.discard(number)
            sent = self._samples[number].astype(np.int16, copy=False)
            yield self._hop(
                came=result is not None,
                silenced=silenced,
                sent=sent,
                heard=np.zeros_like(sent) if silenced else sent,
                enhanced=result[1] if result else None,
                work=result[0] if result else 0,
            )
