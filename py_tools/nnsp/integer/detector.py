# SPDX-License-Identifier: BSD-3-Clause
"""From a classifier's scores to decisions, in NumPy: what nnsp_detector does, to the bit."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.errors import UserError

KINDS = ("state", "event")
SMOOTHED_FRAC = 8
"""Fraction bits of a smoothed score below the Q15 of the scores."""


@dataclass(frozen=True)
class DetectorTable:
    """Settings of a detector, in integers.

    kind : "state", on or off by one score, or "event", one of the labels after label 0, "none of these".
    smoothing : 0..7, a score's time constant is about 2**smoothing outputs.
    hold : 0..65535 outputs for which a state outlasts its cause, or no event follows another.
    threshold : Q15, 0..32767.
    """

    kind: str
    smoothing: int
    hold: int
    threshold: int

    @classmethod
    def quantized(cls, kind: str, smoothing: int, hold: int, threshold: float) -> Self:
        """Make the table of a threshold from 0 to 1.

        Raises
        ------
        UserError
            A setting is out of range.
        """
        if kind not in KINDS:
            raise UserError(f"detector: kind '{kind}'; expected {' or '.join(KINDS)}")
        for name, value, highest in [
            ("smoothing", smoothing, 7),
            ("hold", hold, 65535),
            ("threshold", threshold, 1),
        ]:
            if not 0 <= value <= highest:
                raise UserError(f"detector: {name} {value}; expected 0 to {highest}")
        level = min(int(arithmetic.round_half_up(threshold * 32768)), 32767)
        return cls(kind, int(smoothing), int(hold), level)

    def check_labels(self, labels: int) -> None:
        """Refuse a number of scores that this detector does not take."""
        if (self.kind == "state") != (labels == 1) or labels < 1:
            raise UserError(
                f"detector: {labels} labels; a state needs one, an event two or more, the first for none of these"
            )


class IntegerDetector:
    """A stream of scores through a detector.

    Parameters
    ----------
    table : DetectorTable
    labels : int
        Scores of one output.
    """

    def __init__(self, table: DetectorTable, labels: int) -> None:
        table.check_labels(labels)
        self.table = table
        self.labels = labels
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.smoothed = np.zeros(self.labels, dtype=np.int64)
        """Scores of the last output, Q23."""
        self._left = 0

    def process(self, scores: Array) -> Array:
        """Turn scores int16 [outputs, labels], Q15, into a decision each, int64 [outputs].

        A state is 1 or 0; an event is its label, 0 where there is none.
        """
        return self.decide(self.smooth(scores))

    def smooth(self, scores: Array) -> Array:
        """Return smoothed scores, Q23 int64 [outputs, labels]."""
        if scores.dtype != np.int16 or scores.ndim != 2 or scores.shape[1] != self.labels:
            raise ValueError(f"expected int16 scores [outputs, {self.labels}]")
        target = scores.astype(np.int64) << SMOOTHED_FRAC
        shift = self.table.smoothing
        if shift == 0:
            self.smoothed = target[-1] if len(target) else self.smoothed
            return target
        smoothed = np.empty_like(target)
        for t, to in enumerate(target):
            self.smoothed = self.smoothed + arithmetic.round_shift(to - self.smoothed, shift)
            smoothed[t] = self.smoothed
        return smoothed

    def decide(self, smoothed: Array) -> Array:
        """Return decisions, int64 [outputs], of smoothed scores."""
        event = self.table.kind == "event"
        label = 1 + np.argmax(smoothed[:, 1:], axis=1) if event else np.zeros(len(smoothed), dtype=np.int64)
        largest = smoothed[np.arange(len(smoothed)), label]
        over = largest >= self.table.threshold << SMOOTHED_FRAC
        decisions = np.zeros(len(smoothed), dtype=np.int64)
        for t in range(len(smoothed)):
            if event and self._left:
                self._left -= 1
            elif over[t]:
                decisions[t] = label[t] if event else 1
                self._left = self.table.hold
            elif not event and self._left:
                decisions[t] = 1
                self._left -= 1
        return decisions
