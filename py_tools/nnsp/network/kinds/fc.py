# SPDX-License-Identifier: BSD-3-Clause
"""The text of an fc: a fully connected layer."""

from typing import Any, ClassVar

from nnsp.network.kinds.kind import ACTIVATIONS, Kind, Layer


class Fc(Kind):
    """Every unit sees every input of the same frame."""

    keys: ClassVar[dict[str, Any]] = {"layer_neurons": int, "activation": ACTIVATIONS, "dropprob": float}

    def layer(self, values: dict[str, Any]) -> Layer:
        return Layer("fc", values["layer_neurons"], values["activation"], dropprob=values["dropprob"])

    def values(self, layer: Layer) -> dict[str, Any]:
        return {"layer_neurons": layer.units, "activation": layer.activation, "dropprob": layer.dropprob}

    def shapes(self, layer: Layer, inputs: int) -> dict[str, tuple[int, ...]]:
        return {"kernel": (inputs, layer.units), "bias": (layer.units,)}
