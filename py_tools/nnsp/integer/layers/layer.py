# SPDX-License-Identifier: BSD-3-Clause
"""What a module of a kind of layer holds in NumPy: its rule in integers, the specification, and in floating point."""

from collections.abc import Callable
from typing import Any, Protocol

from nnsp.arithmetic import Array
from nnsp.integer.quantization import IntegerLayer
from nnsp.network.kinds.kind import Layer

State = dict[str, Any]
Requantise = Callable[[Array, int], Array]
"""Products int64 [..., rows] and the layer's shift to pre-activations int16 [..., rows]."""


class ReferenceLayer(Protocol):
    """The rule of a kind of layer."""

    def zero_state(self, layer: IntegerLayer) -> State:
        """Return what a stream remembers before its first frame.

        A kind whose text knows ``returns`` keeps its last output as "h".
        """

    def run(self, layer: IntegerLayer, state: State, x: Array, requantise: Requantise) -> Array:
        """Run frames int16 [time, inputs], Q(in_frac), and update the state.

        Returns
        -------
        int16 [outputs, units], Q(out_frac)
        """

    def float_run(self, layer: Layer, weights: dict[str, Array], x: Array) -> Array:
        """Run frames float64 [time, inputs] in floating point, from a start in silence.

        Parameters
        ----------
        layer : Layer
        weights : dict
            In the shapes of `Kind.shapes`.

        Returns
        -------
        float64 [outputs, units]
        """
