# SPDX-License-Identifier: BSD-3-Clause
"""Receiver operating characteristic: how well scores separate two kinds of frames."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Rates of true and false detections at each threshold.

    Parameters
    ----------
    threshold, false, true : [points]
        From the highest threshold on; shares of the frames without and with.
    """

    threshold: Array
    false: Array
    true: Array

    @property
    def auc(self) -> float:
        """Return the area under the curve: how often a positive frame scores above a negative one."""
        return float(np.trapezoid(self.true, self.false))

    @property
    def equal_error_rate(self) -> float:
        """Return the rate at the threshold where misses and false detections are equally frequent."""
        missed = 1 - self.true
        after = int(np.argmax(self.false >= missed))
        span = (self.false[after] - self.false[after - 1]) + (missed[after - 1] - missed[after])
        part = (missed[after - 1] - self.false[after - 1]) / span
        return float(self.false[after - 1] + part * (self.false[after] - self.false[after - 1]))


def roc(scores: NDArray[Any], there: NDArray[np.bool_]) -> Curve:
    """Compute the curve of scores [n] of positive and negative frames; NaN where one kind is missing."""
    order = np.argsort(-scores, kind="stable")
    ordered = np.asarray(scores, np.float64)[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)  # of those that score alike
    true, false = np.cumsum(there[order])[last], np.cumsum(~there[order])[last]
    with np.errstate(invalid="ignore"):
        shares = [np.append(0, found) / found[-1] for found in (false, true)]
    return Curve(np.append(np.inf, ordered[last]), *shares)
