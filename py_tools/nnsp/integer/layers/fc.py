# SPDX-License-Identifier: BSD-3-Clause
"""The rule of an fc: each frame through its rows."""

from nnsp.arithmetic import Array
from nnsp.integer.layers.layer import Requantise, State
from nnsp.integer.layers.rows import float_run_rows, run_rows
from nnsp.integer.quantization import IntegerLayer
from nnsp.network.kinds.kind import Layer


def zero_state(layer: IntegerLayer) -> State:
    return {}


def run(layer: IntegerLayer, state: State, x: Array, requantise: Requantise) -> Array:
    return run_rows(layer, x, requantise)


def float_run(layer: Layer, weights: dict[str, Array], x: Array) -> Array:
    return float_run_rows(layer.activation, weights, x)
