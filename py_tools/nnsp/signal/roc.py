"""How well scores tell frames with something from those without."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Receiver operating characteristic: what each threshold finds, and finds where there is nothing.

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
        """Area under the curve: how often a frame with scores above one without."""
        return float(np.trapezoid(self.true, self.false))

    @property
    def equal_error_rate(self) -> float:
        """Where as large a share is missed as falsely found."""
        missed = 1 - self.true
        after = int(np.argmax(self.false >= missed))
        span = (self.false[after] - self.false[after - 1]) + (missed[after - 1] - missed[after])
        part = (missed[after - 1] - self.false[after - 1]) / span
        return float(self.false[after - 1] + part * (self.false[after] - self.false[after - 1]))


def roc(scores: NDArray[Any], there: NDArray[np.bool_]) -> Curve:
    """The curve of scores [n] of frames with and without; NaN where one kind is missing."""
    order = np.argsort(-scores, kind="stable")
    ordered = np.asarray(scores, np.float64)[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)  # of those that score alike
    true, false = np.cumsum(there[order])[last], np.cumsum(~there[order])[last]
    with np.errstate(invalid="ignore"):
        shares = [np.append(0, found) / found[-1] for found in (false, true)]
    return Curve(np.append(np.inf, ordered[last]), *shares)
