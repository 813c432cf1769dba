# SPDX-License-Identifier: BSD-3-Clause
"""Means with the interval that 95 % of resampled test sets fall into (percentile bootstrap)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 0
SHARE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over `clips` values, and its interval; NaN where there is no value."""

    mean: float
    low: float
    high: float
    clips: int


def estimate(values: Sequence[float] | Floats, units: Sequence[str]) -> Estimate:
    """Return the mean of the values that are not NaN, with its interval.

    Parameters
    ----------
    values : sequence of float
    units : sequence of str
        Values of one unit come from the same speech and are drawn together. The same units are drawn alike.
    """
    x = np.asarray(values, np.float64)
    defined = ~np.isnan(x)
    names, index = np.unique(np.asarray(units)[defined], return_inverse=True)
    clips = int(defined.sum())
    if not clips:
        return Estimate(np.nan, np.nan, np.nan, 0)
    # Infinite values are kept apart: with weights of zero they would become NaN.
    counts = np.bincount(index)
    draws = np.random.default_rng(SEED).integers(len(names), size=(RESAMPLES, len(names)))
    with np.errstate(invalid="ignore"):
        sums = np.zeros(len(names))
        np.add.at(sums, index, x[defined])
        means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
        edges = np.quantile(means, [(1 - SHARE) / 2, (1 + SHARE) / 2], method="inverted_cdf")
        return Estimate(float(x[defined].mean()), float(edges[0]), float(edges[1]), clips)
