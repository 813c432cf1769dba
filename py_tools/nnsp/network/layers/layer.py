# SPDX-License-Identifier: BSD-3-Clause
"""What a module of a kind of layer holds in Keras."""

from typing import Any, Protocol

from nnsp.network.kinds.kind import Layer


class KerasLayer(Protocol):
    """How a kind of layer begins and runs; the weights themselves belong to `streaming.StreamingLayer`."""

    def initializers(self, layer: Layer) -> dict[str, Any]:
        """Return Keras' initializer of each of the weights that `Kind.shapes` names."""

    def zero_state(self, layer: Layer, inputs: int, batch: int) -> tuple[Any, ...]:
        """Return the state of `batch` streams before the first frame."""

    def step(
        self,
        layer: Layer,
        weights: dict[str, Any],
        x: Any,
        state: tuple[Any, ...],
        quantized: bool,
        place: Any,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run some frames, as `streaming.StreamingLayer.step` says, with weights that are quantised already."""
