# SPDX-License-Identifier: BSD-3-Clause
"""The text of an lstm: a long short-term memory with gates i, f, g, o."""

from typing import Any, ClassVar

import numpy as np

from nnsp.arithmetic import PREACTIVATION_FRAC, Array
from nnsp.network.kinds.kind import ACTIVATIONS, Kind, Layer
from nnsp.network.layout import padded


class Lstm(Kind):
    """Every unit sees all inputs and the last output of all units, through four gates of a row each."""

    keys: ClassVar[dict[str, Any]] = {
        "layer_neurons": int,
        "activation": ACTIVATIONS,
        "dropprob": float,
        "returns": ("all", "last"),
    }
    defaults: ClassVar[dict[str, Any]] = {"activation": "tanh", "dropprob": 0.0, "returns": "all"}
    activations = ("tanh",)
    refusal = "the activation of an lstm is tanh, not {}; write tanh or leave the line out"
    remembers = True

    def layer(self, values: dict[str, Any]) -> Layer:
        return Layer(
            "lstm",
            values["layer_neurons"],
            values["activation"],
            dropprob=values["dropprob"],
            returns_last=values["returns"] == "last",
        )

    def values(self, layer: Layer) -> dict[str, Any]:
        returns = {"returns": "last"} if layer.returns_last else {}
        return {
            "layer_neurons": layer.units,
            "activation": layer.activation,
            "dropprob": layer.dropprob,
            **returns,
        }

    def shapes(self, layer: Layer, inputs: int) -> dict[str, tuple[int, ...]]:
        rows = 4 * layer.units
        return {"kernel": (inputs, rows), "recurrent": (layer.units, rows), "bias": (rows,)}

    def row_frac(self, layer: Layer, linear_frac: int) -> Array:
        """Return those of sigmoid for the gates i, f and o, of tanh for g; [4 * units]."""
        sigmoid, tanh = PREACTIVATION_FRAC["sigmoid"], PREACTIVATION_FRAC["tanh"]
        return np.repeat([sigmoid, sigmoid, tanh, sigmoid], layer.units)

    def state_bytes(self, layer: Layer, inputs: int) -> int:
        """Count c as int32 and h as int16."""
        return (4 + 2) * padded(layer.units)

    def scratch_bytes(self, layer: Layer) -> int:
        """Count the four gates as int16."""
        return 2 * 4 * padded(layer.units)
