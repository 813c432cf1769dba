# SPDX-License-Identifier: BSD-3-Clause
"""The text of a conv1d: a causal convolution over time."""

from typing import Any, ClassVar

from nnsp.network.kinds.kind import ACTIVATIONS, Kind, Layer
from nnsp.network.layout import padded


class Conv1d(Kind):
    """Every filter sees the last ``kernel_size`` frames, and gives an output every ``strides`` frames."""

    keys: ClassVar[dict[str, Any]] = {
        "num_filters": int,
        "kernel_size": int,
        "strides": int,
        "activation": ACTIVATIONS,
        "dropprob": float,
    }
    defaults: ClassVar[dict[str, Any]] = {"strides": 1, "dropprob": 0.0}
    activations = tuple(name for name in ACTIVATIONS if name != "softmax")
    refusal = "{} in a conv1d; expected in an fc only"
    remembers = True

    def layer(self, values: dict[str, Any]) -> Layer:
        return Layer(
            "conv1d",
            values["num_filters"],
            values["activation"],
            kernel_size=values["kernel_size"],
            strides=values["strides"],
            dropprob=values["dropprob"],
        )

    def values(self, layer: Layer) -> dict[str, Any]:
        return {
            "num_filters": layer.units,
            "kernel_size": layer.kernel_size,
            "strides": layer.strides,
            "activation": layer.activation,
            "dropprob": layer.dropprob,
        }

    def shapes(self, layer: Layer, inputs: int) -> dict[str, tuple[int, ...]]:
        return {"kernel": (layer.kernel_size, inputs, layer.units), "bias": (layer.units,)}

    def describe(self, layer: Layer, inputs: int) -> str:
        strides = f" / {layer.strides}" if layer.strides > 1 else ""
        return f"{inputs} x {layer.kernel_size} -> {layer.units}{strides}"

    def state_bytes(self, layer: Layer, inputs: int) -> int:
        """Count the phase of the strides, and the frames of one window as int16."""
        return 8 + 2 * padded(layer.kernel_size * inputs)
