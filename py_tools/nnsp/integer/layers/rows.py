# SPDX-License-Identifier: BSD-3-Clause
"""Rows of weights times inputs, and the activation of the sums: what the rules of all layers are made of."""

from collections.abc import Callable

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.integer.layers.layer import Requantise
from nnsp.integer.quantization import IntegerLayer


def product(x: Array, weights: Array) -> Array:
    """Return x @ weights.T, int64: a sum is proven below 2**31, where float64 and its fast matmul are exact."""
    return (x.astype(np.float64) @ weights.astype(np.float64).T).astype(np.int64)


def run_rows(layer: IntegerLayer, x: Array, requantise: Requantise) -> Array:
    """Return an output a row: activation(saturate16((weights . x + bias) * multiplier >> shift, rounded half up)).

    Parameters
    ----------
    x : int16 [outputs, cols], Q(in_frac)

    Returns
    -------
    int16 [outputs, units], Q(out_frac)
    """
    acc = product(x, layer.weights) + layer.bias
    y = requantise(acc * layer.multiplier.astype(np.int64), layer.shift)
    return y if layer.activation == "linear" else ACTIVATIONS[layer.activation](y)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": arithmetic.tanh,
    "sigmoid": arithmetic.sigmoid,
    "relu6": arithmetic.relu6,
    "softmax": arithmetic.softmax,
}


def float_sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def _float_softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


FLOAT_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": float_sigmoid,
    "relu6": lambda x: np.clip(x, 0, 6),
    "linear": lambda x: x,
    "softmax": _float_softmax,
}


def float_run_rows(activation: str, weights: dict[str, Array], x: Array) -> Array:
    """Do as `run_rows` in floating point, with a kernel of any shape [..., units]; float64 [outputs, units]."""
    kernel = weights["kernel"]
    y = x @ kernel.reshape(-1, kernel.shape[-1]).astype(np.float64) + weights["bias"]
    return FLOAT_ACTIVATIONS[activation](y)
