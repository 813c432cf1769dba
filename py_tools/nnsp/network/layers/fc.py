# SPDX-License-Identifier: BSD-3-Clause
"""An fc in Keras: y = activation(x @ kernel + bias)."""

from typing import Any

from keras import ops

from nnsp.network.fake_quantisation import activate
from nnsp.network.kinds.kind import Layer


def initializers(layer: Layer) -> dict[str, Any]:
    return {"kernel": "glorot_uniform", "bias": "zeros"}


def zero_state(layer: Layer, inputs: int, batch: int) -> tuple[Any, ...]:
    """Return nothing: an fc remembers nothing."""
    return ()


def step(
    layer: Layer, weights: dict[str, Any], x: Any, state: tuple[Any, ...], quantized: bool, place: Any
) -> tuple[Any, tuple[Any, ...]]:
    y = ops.matmul(x, weights["kernel"]) + weights["bias"]
    return activate(layer.activation, y, quantized), state
