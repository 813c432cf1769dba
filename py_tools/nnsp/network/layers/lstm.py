# SPDX-License-Identifier: BSD-3-Clause
"""An lstm in Keras, with the gates i, f, g, o side by side in its matrices."""

from typing import Any

import numpy as np
from keras import ops

from nnsp import arithmetic
from nnsp.network.fake_quantisation import activate, fake_quantise
from nnsp.network.kinds.kind import Layer


def initializers(layer: Layer) -> dict[str, Any]:
    """Return zeros for the bias, but 1 for forget gates, so that an untrained LSTM remembers."""

    def first_bias(shape: tuple[int, ...], dtype: Any = None) -> Any:
        bias = np.zeros(shape, dtype="float32")
        bias[layer.units : 2 * layer.units] = 1.0
        return ops.convert_to_tensor(bias, dtype=dtype)

    return {"kernel": "glorot_uniform", "recurrent": "orthogonal", "bias": first_bias}


def zero_state(layer: Layer, inputs: int, batch: int) -> tuple[Any, ...]:
    """Return h and c, [batch, units] each."""
    return (ops.zeros((batch, layer.units)), ops.zeros((batch, layer.units)))


def step(
    layer: Layer, weights: dict[str, Any], x: Any, state: tuple[Any, ...], quantized: bool, place: Any
) -> tuple[Any, tuple[Any, ...]]:
    def one_frame(carry: Any, frame: Any) -> Any:
        h, c = carry
        from_x, *remembers = frame
        if remembers:
            h, c = h * remembers[0], c * remembers[0]
        i, f, g, o = ops.split(from_x + ops.matmul(h, weights["recurrent"]), 4, axis=-1)
        i, f, o = (activate("sigmoid", gate, quantized) for gate in (i, f, o))
        c = f * c + i * activate("tanh", g, quantized)
        h = o * activate("tanh", c, quantized)
        if quantized:
            h = fake_quantise(h, arithmetic.HIDDEN_FRAC)
        return (h, c), (h, c)

    # One product for all frames; only h's own product has to wait for the frame before.
    frames = [ops.transpose(ops.matmul(x, weights["kernel"]) + weights["bias"], (1, 0, 2))]
    if place is not None:
        frames.append(ops.cast(ops.transpose(place)[..., None] > 0, x.dtype))
    state, (h, _) = ops.scan(one_frame, state, tuple(frames))
    return ops.transpose(h, (1, 0, 2)), state
