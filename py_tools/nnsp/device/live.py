# SPDX-License-Identifier: BSD-3-Clause
"""A board's own microphone, as it enhances it."""

from collections import deque
from collections.abc import Iterator

from nnsp.device.link import Link, LinkLost
from nnsp.device.messages import ENHANCED, NEUTRAL, RAW, START_LIVE, Hello, LiveHop, Settings, Stats, Type
from nnsp.device.samples import Packing
from nnsp.device.session import Hop, Session
from nnsp.device.wire import Frame


class Live(Session):
    """The board's own microphone, from START until `stop`, a number of hops, or the end of the line.

    Where the board is lost in the middle the iteration ends like any other; `End.ended` has the sentence.

    Parameters
    ----------
    streams : int
        `RAW`, `ENHANCED`, both or 0: what the board sends.
    packing : Packing
    hops : int, optional
        How many; a few more may come.
    """

    def __init__(
        self,
        link: Link,
        hello: Hello,
        streams: int = RAW | ENHANCED,
        packing: Packing = Packing.PCM16,
        settings: Settings = NEUTRAL,
        scores: bool = False,
        hops: int | None = None,
    ) -> None:
        super().__init__(link, hello, settings, scores)
        self.streams, self.packing, self.hops = streams, packing, hops
        self._waiting: deque[LiveHop] = deque()  # that came and are not given yet
        self._came = 0
        self._last = -1  # number of the last that came
        self._missed = 0  # what the last one given counts
        self._asked = False  # nothing has come since the board was asked whether it is there

    def __iter__(self) -> Iterator[Hop]:
        link, hello = self.link, self.hello
        self._prepare()
        start = START_LIVE.pack(hello.rate, hello.hop, self.with_scores, self.streams, self.packing)
        # Hops may come in front of the answer to START, where that is lost and asked for again.
        link.request(Type.START, start, self._take)
        stats = ended = None
        try:
            while True:
                yield from self._ready()
                enough = self.hops is not None and self._last + 1 >= self.hops
                if (enough or self._stopping.is_set()) and self._request is None:
                    break
                self._send_settings()
                frames = link.frames(link.timeout)
                for frame in frames:
                    self._take(frame)
                if not frames:
                    if self._asked:
                        raise link.lost("the board answers, but its microphone gives nothing")
                    self._asked = True
                    link.request(Type.STATS, on_frame=self._take)
            stats = Stats.unpack(link.request(Type.STOP, on_frame=self._take))
        except LinkLost as error:
            ended = LinkLost(f"{error} (after {self._came} hops)")
        if self._request is not None:
            self._held.append((self._next, None))
            self._request = None
        self._finish(stats, ended)
        yield from self._ready()
        # What classifiers said of a hop came, and the hop did not.
        while self._events or self._scores:
            yield self._hop()

    def _take_hop(self, frame: Frame) -> None:
        if frame.type != Type.LIVE:
            return
        self._asked = False
        try:
            hop = LiveHop.unpack(frame, self.hello.hop, self.streams, self.packing)
        except ValueError:
            self.link.broken += 1
            return
        if hop.hop > self._last:
            self._waiting.append(hop)
            self._last = hop.hop
            self._came += 1
        else:
            self._doubled += 1

    def _ready(self) -> Iterator[Hop]:
        """Yield the hops that came, and those in front of them that did not."""
        while self._request is None and self._waiting:
            hop = self._waiting.popleft()
            missed = (hop.missed - self._missed) & 0xFFFF
            self._missed = hop.missed
            while self._next < hop.hop:
                yield self._hop(missed=self._next >= hop.hop - missed)
            yield self._hop(
                came=True,
                heard=hop.audio.get(RAW),
                enhanced=hop.audio.get(ENHANCED),
                work=hop.work,
                flags=hop.flags,
                level_in=hop.level_in,
                level_out=hop.level_out,
                late=hop.late,
            )
