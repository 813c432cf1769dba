# SPDX-License-Identifier: BSD-3-Clause
"""Permutation-invariant losses, for networks that separate sources without knowing which comes first."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from keras import ops

Pairwise = Callable[[Any, Any], Any]
"""Loss [batch] of one estimate and one target."""


def permutation_invariant(
    pairwise: Pairwise, estimates: Sequence[Any], targets: Sequence[Any]
) -> tuple[Any, Any]:
    """Compare estimates with targets in the order that fits best.

    Every order is tried, n! of them from n x n pairwise losses: meant for n up to about 5.

    Parameters
    ----------
    pairwise : callable
        From an estimate and a target to their loss [batch].
    estimates, targets : sequence
        n of each, in the form that ``pairwise`` takes.

    Returns
    -------
    loss : [batch]
        Mean over the targets, of the best order of each row. Its gradient is that of this order.
    order : int [batch, n]
        Which estimate belongs to each target.
    """
    count = len(targets)
    if len(estimates) != count:
        raise ValueError(f"{len(estimates)} estimates of {count} targets; expected one for each")
    pairs = [[pairwise(estimate, target) for estimate in estimates] for target in targets]
    orders = np.array(list(permutations(range(count))), "int32")
    means = ops.stack([sum(pairs[t][e] for t, e in enumerate(order)) / count for order in orders], axis=-1)
    return ops.min(means, axis=-1), ops.take(orders, ops.argmin(means, axis=-1), axis=0)
