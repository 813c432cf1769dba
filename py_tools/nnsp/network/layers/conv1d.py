# SPDX-License-Identifier: BSD-3-Clause
"""A conv1d in Keras: frames before the first are zeros, and no output looks ahead."""

from typing import Any

from keras import ops

from nnsp.network.fake_quantisation import activate
from nnsp.network.kinds.kind import Layer


def initializers(layer: Layer) -> dict[str, Any]:
    return {"kernel": "glorot_uniform", "bias": "zeros"}


def zero_state(layer: Layer, inputs: int, batch: int) -> tuple[Any, ...]:
    """Return the last kernel_size - 1 frames, [batch, kernel_size - 1, inputs]."""
    return (ops.zeros((batch, layer.kernel_size - 1, inputs)),)


def step(
    layer: Layer, weights: dict[str, Any], x: Any, state: tuple[Any, ...], quantized: bool, place: Any
) -> tuple[Any, tuple[Any, ...]]:
    kernel, older, time = weights["kernel"], layer.kernel_size - 1, x.shape[1]
    x = ops.concatenate([state[0], x], axis=1)
    state = (x[:, x.shape[1] - older :],)
    if place is None:
        y = ops.conv(x, kernel, strides=layer.strides, padding="valid")
    else:
        # A frame of the clip before is no past of this one: its product is left out, tap by tap.
        taps = [
            ops.where(place[..., None] >= older - k, x[:, k : k + time], 0.0)[:, :: layer.strides]
            for k in range(older + 1)
        ]
        y = sum(ops.matmul(tap, kernel[k]) for k, tap in enumerate(taps))
    return activate(layer.activation, y + weights["bias"], quantized), state
