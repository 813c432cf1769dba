# SPDX-License-Identifier: BSD-3-Clause
"""Consumers of a session that keep in memory what a stream was."""

from array import array

import numpy as np
from numpy.typing import NDArray

from nnsp.device.link import Link
from nnsp.device.messages import NEUTRAL, Decision, Hello, Scores, Settings, Stats
from nnsp.device.playback import Playback
from nnsp.device.session import Consumer, End, Hop, Samples

COLUMNS = {"number": "I", "work": "I", "flags": "B", "level_in": "H", "level_out": "H"}


class Decisions(Consumer):
    """What classifiers said.

    Attributes
    ----------
    events : dict of int to Decision
        By number; numbers that are missing up to `Stats.events` were lost.
    scores : dict of int to Scores
        By hop.
    """

    def __init__(self) -> None:
        self.events: dict[int, Decision] = {}
        self.scores: dict[int, Scores] = {}

    def take(self, hop: Hop) -> None:
        """Keep a hop's events and scores."""
        self.events |= hop.events
        if hop.scores is not None:
            self.scores[hop.number] = hop.scores


class Log(Consumer):
    """A few numbers of each hop that came, a column of `COLUMNS` each, and counts of the others.

    Attributes
    ----------
    hops, silenced, missed : int
        Hops of the stream; of these, lost on the way to the board, and missed by its microphone.
    """

    def __init__(self) -> None:
        self.hops = self.silenced = self.missed = 0
        self._columns = {name: array(kind) for name, kind in COLUMNS.items()}

    def take(self, hop: Hop) -> None:
        """Count a hop."""
        self.hops += 1
        self.silenced += hop.silenced
        self.missed += hop.missed
        if hop.came:
            for name, column in self._columns.items():
                column.append(int(getattr(hop, name)))

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        """Return one column, int64 [hops that came]."""
        return np.array(self._columns[name], np.int64)

    @property
    def came(self) -> int:
        """How many hops came."""
        return len(self._columns["number"])

    @property
    def lost(self) -> int:
        """How many hops were lost on the way back."""
        return self.hops - self.missed - self.came


class Heard(Consumer):
    """What the networks heard, as far as it is known."""

    def __init__(self) -> None:
        self._hops: list[Samples] = []

    def take(self, hop: Hop) -> None:
        """Keep a hop's samples."""
        if hop.heard is not None:
            self._hops += [np.zeros_like(hop.heard)] * (hop.number - len(self._hops))
            self._hops.append(hop.heard)

    @property
    def samples(self) -> Samples:
        """Every hop in its place, silence where one is missing, int16 [samples]."""
        return np.concatenate([np.zeros(0, np.int16), *self._hops])


class Streamed(Consumer):
    """What came back of a recording.

    Attributes
    ----------
    audio : int16 [hops * hop]
        Enhanced samples, `Hello.delay` late; silence where `answered` is false.
    heard : int16 [hops * hop]
        What the board heard: silence where `silenced` is true.
    work : uint32 [hops]
        Counts (see `Hello.unit`) per hop; 0 where not answered.
    answered : bool [hops]
        The RESULT came.
    silenced : bool [hops]
        The AUDIO was lost on its way, the board took silence in its place.
    decisions : Decisions
    stats : Stats
        The board's own counters at the end.
    end : End
    """

    stats: Stats
    end: End

    def __init__(self, hello: Hello, hops: int) -> None:
        self.audio = np.zeros(hops * hello.hop, np.int16)
        self.heard = np.zeros_like(self.audio)
        self.work = np.zeros(hops, np.uint32)
        self.answered = np.zeros(hops, np.bool_)
        self.silenced = np.zeros(hops, np.bool_)
        self.decisions = Decisions()
        self._hop = hello.hop

    def take(self, hop: Hop) -> None:
        """Put a hop in its place."""
        place = slice(hop.number * self._hop, (hop.number + 1) * self._hop)
        self.decisions.take(hop)
        self.answered[hop.number], self.silenced[hop.number] = hop.came, hop.silenced
        self.work[hop.number] = hop.work
        if hop.heard is not None:
            self.heard[place] = hop.heard
        if hop.enhanced is not None:
            self.audio[place] = hop.enhanced

    def finish(self, end: End) -> None:
        """Take the counters."""
        assert end.stats is not None
        self.stats, self.end = end.stats, end


def play(
    link: Link,
    hello: Hello,
    samples: Samples,
    *consumers: Consumer,
    settings: Settings = NEUTRAL,
    scores: bool = False,
) -> Streamed:
    """Stream a recording, int16 [hops * hop], and return all that came back; consumers take it, too."""
    streamed = Streamed(hello, len(samples) // hello.hop)
    Playback(link, hello, samples, settings, scores).run(streamed, *consumers)
    return streamed
