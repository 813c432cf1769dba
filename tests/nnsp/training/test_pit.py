# SPDX-License-Identifier: BSD-3-Clause
"""Permutation-invariant losses against brute force in NumPy, and their gradients."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from nnsp.training.pit import permutation_invariant

BATCH, LENGTH = 5, 40


def squared(estimate: Any, target: Any) -> Any:
    return ops.mean(ops.square(estimate - target), axis=-1)


def ratio(estimate: Any, target: Any) -> Any:
    """A loss that is not symmetric, and may be negative."""
    error = ops.sum(ops.square(estimate - target), axis=-1)
    return ops.log(error) - ops.log(ops.sum(ops.square(target), axis=-1))


def sounds(count: int, seed: int) -> np.ndarray:
    """Some [count, batch, length]."""
    return np.random.default_rng(seed).normal(size=(count, BATCH, LENGTH)).astype("float32")


@pytest.mark.parametrize("pairwise", [squared, ratio])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_brute_force(pairwise: Any, count: int) -> None:
    estimates, targets = sounds(count, 0), sounds(count, 1)
    loss, order = (
        ops.convert_to_numpy(x) for x in permutation_invariant(pairwise, list(estimates), list(targets))
    )
    assert loss.shape == (BATCH,) and order.shape == (BATCH, count)
    for row in range(BATCH):
        found = {
            tried: np.mean([float(pairwise(estimates[e, row], targets[t, row])) for t, e in enumerate(tried)])
            for tried in permutations(range(count))
        }
        best = min(found, key=lambda tried: found[tried])
        assert tuple(order[row]) == best
        assert loss[row] == pytest.approx(found[best], rel=1e-5)


def test_finds_each_rows_own_order() -> None:
    targets = sounds(3, 1)
    orders = [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0], [0, 2, 1]]
    estimates = np.empty_like(targets)
    for row, order in enumerate(orders):
        estimates[order, row] = targets[:, row]
    loss, order = permutation_invariant(squared, list(estimates), list(targets))
    np.testing.assert_array_equal(ops.convert_to_numpy(order), orders)
    np.testing.assert_allclose(ops.convert_to_numpy(loss), 0, atol=1e-12)


def test_gradient_is_that_of_the_best_order() -> None:
    targets = sounds(3, 1)
    orders = np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0], [0, 2, 1]])
    rows = np.arange(BATCH)[:, None]
    estimates = np.empty_like(targets)
    estimates[orders.T, rows.T] = targets + 0.1 * sounds(3, 2)
    start = tf.Variable(estimates)
    with tf.GradientTape() as tape:
        loss = ops.sum(permutation_invariant(squared, tf.unstack(start), list(targets))[0])
    expected = np.empty_like(targets)
    expected[orders.T, rows.T] = 2 * 0.1 * sounds(3, 2) / LENGTH / 3
    np.testing.assert_allclose(tape.gradient(loss, start), expected, atol=1e-6)


def test_one_estimate_for_each_target() -> None:
    with pytest.raises(ValueError, match="2 estimates of 3 targets; expected one for each"):
        permutation_invariant(squared, list(sounds(2, 0)), list(sounds(3, 1)))
