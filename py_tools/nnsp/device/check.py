# SPDX-License-Identifier: BSD-3-Clause
"""Hold what a board makes of a stream against what the C library on this computer makes of the same hops."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnsp.device.messages import Decision, Flag, Hello
from nnsp.device.reference import Reference
from nnsp.device.samples import amplify
from nnsp.device.session import Consumer, End, Hop, Samples

if TYPE_CHECKING:
    from nnsp.integer.c_streams import CEnhancer


@dataclass
class Differences:
    """What a board and the C library here do not agree in, of how many."""

    samples: int = 0
    samples_compared: int = 0
    scores: int = 0
    scores_compared: int = 0
    events: int = 0
    events_compared: int = 0

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.samples or self.scores or self.events)


class _Check(Consumer, ABC):
    """Compares hop by hop, up to the first of which nobody knows what the networks heard or were set to."""

    def __init__(self, hello: Hello) -> None:
        self.found = Differences()
        self._knows = True
        self._past = np.zeros(hello.delay + hello.hop, np.int16)

    def take(self, hop: Hop) -> None:
        """Compare a hop."""
        if hop.missed:
            return  # the networks have not heard of it either: they go on with the next one
        self._knows = self._knows and hop.heard is not None and hop.settings is not None
        if self._knows and hop.heard is not None:
            self._past = np.concatenate([self._past[len(hop.heard) :], hop.heard])
            self._compare(hop, hop.heard)

    @abstractmethod
    def _compare(self, hop: Hop, heard: Samples) -> None:
        """Compare a hop with what the library here makes of the samples heard."""

    def _compare_audio(self, hop: Hop, enhanced: Samples) -> None:
        """Compare what came out: enhanced or, bypassed, as it was heard and as late; then the gain."""
        if hop.enhanced is None or hop.settings is None:
            return
        out = self._past[: len(enhanced)] if hop.flags & Flag.BYPASS else enhanced
        expected = amplify(out, hop.settings.gain_out)
        self.found.samples += int((hop.enhanced != expected).sum())
        self.found.samples_compared += len(expected)


class EnhancerCheck(_Check):
    """Compares the sound of an enhancer that is never gated.

    Parameters
    ----------
    hello : Hello
    enhancer : CEnhancer
        As `nnsp.device.reference.enhancer_of` gives; starts from silence.
    """

    def __init__(self, hello: Hello, enhancer: "CEnhancer") -> None:
        super().__init__(hello)
        enhancer.reset()
        self._enhancer = enhancer

    def _compare(self, hop: Hop, heard: Samples) -> None:
        self._compare_audio(hop, np.asarray(self._enhancer.process(heard), np.int16))


class Check(_Check):
    """Compares sound, scores and events of all networks of an image.

    Parameters
    ----------
    hello : Hello
    reference : Reference
        From silence.
    counts_events : bool
        Whether the board makes no events but those of the hops that were compared, so that their number counts.
    """

    def __init__(self, hello: Hello, reference: Reference, counts_events: bool) -> None:
        super().__init__(hello)
        self._reference = reference
        self._counts_events = counts_events
        self._expected: list[Decision] = []
        self._last = -1

    def take(self, hop: Hop) -> None:
        """Compare a hop."""
        super().take(hop)
        for number, decision in hop.events.items():
            if decision.hop <= self._last:
                same = number < len(self._expected) and self._expected[number] == decision
                self.found.events += not same
                self.found.events_compared += 1

    def finish(self, end: End) -> None:
        """Compare the number of events."""
        if self._counts_events and end.stats is not None:
            self.found.events += abs(end.stats.events - len(self._expected))

    def _compare(self, hop: Hop, heard: Samples) -> None:
        assert hop.settings is not None
        expected = self._reference.step(hop.number, heard, hop.settings.gating)
        self._expected += expected.decisions
        self._last = hop.number
        self._compare_audio(hop, expected.audio)
        if hop.scores is not None:
            same = np.array_equal(expected.scores.given, hop.scores.given)
            differs = expected.scores.values != hop.scores.values
            self.found.scores += int(differs.sum()) if same else len(differs)
            self.found.scores_compared += len(differs)
