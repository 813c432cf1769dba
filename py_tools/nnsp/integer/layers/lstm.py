# SPDX-License-Identifier: BSD-3-Clause
"""The rule of an lstm: the equations of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000).

    i, f, o = sigmoid(W x + U h + b), g = tanh(W x + U h + b)    rows of the gates in the order i, f, g, o
    c = f c + i g
    h = o tanh(c)

In integers the gates and h are Q15, c is Q23 in int32. Both matrices share one shift: their products are added before
the one rounding of a row.
"""

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import CELL_FRAC, Array
from nnsp.integer.layers.layer import Requantise, State
from nnsp.integer.layers.rows import float_sigmoid, product
from nnsp.integer.quantization import IntegerLayer
from nnsp.network.kinds.kind import Layer

SQUASHED_SHIFT = CELL_FRAC - arithmetic.PREACTIVATION_FRAC["tanh"]


def zero_state(layer: IntegerLayer) -> State:
    """Return c, Q23, and h, Q15, int64 [units]."""
    return {"c": np.zeros(layer.units, dtype=np.int64), "h": np.zeros(layer.units, dtype=np.int64)}


def run(layer: IntegerLayer, state: State, x: Array, requantise: Requantise) -> Array:
    assert layer.recurrent is not None and layer.recurrent_multiplier is not None
    from_x = (product(x, layer.weights) + layer.bias) * layer.multiplier
    c, h = state["c"], state["h"]
    out = np.empty((len(x), layer.units), dtype=np.int16)
    for t in range(len(x)):
        from_h = product(h, layer.recurrent) * layer.recurrent_multiplier
        i, f, g, o = np.split(requantise(from_x[t] + from_h, layer.shift), 4)
        i, f, o = (arithmetic.sigmoid(gate).astype(np.int64) for gate in (i, f, o))
        g = arithmetic.tanh(g).astype(np.int64)
        # f c is Q38; i g is Q30, times 2**8 as much.
        c = arithmetic.saturate32(arithmetic.round_shift(f * c + i * g * 256, 15))
        squashed = arithmetic.tanh(arithmetic.saturate16(arithmetic.round_shift(c, SQUASHED_SHIFT)))
        h = arithmetic.round_shift(o * squashed, 15)
        out[t] = h
    state["c"], state["h"] = c, h
    return out


def float_run(layer: Layer, weights: dict[str, Array], x: Array) -> Array:
    from_x = x @ weights["kernel"].astype(np.float64) + weights["bias"]
    recurrent = weights["recurrent"].astype(np.float64)
    c = h = np.zeros(layer.units)
    out = np.empty((len(x), layer.units))
    for t in range(len(x)):
        i, f, g, o = np.split(from_x[t] + h @ recurrent, 4)
        c = float_sigmoid(f) * c + float_sigmoid(i) * np.tanh(g)
        h = float_sigmoid(o) * np.tanh(c)
        out[t] = h
    return out
