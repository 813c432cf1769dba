# SPDX-License-Identifier: BSD-3-Clause
"""What every kind of layer says of itself: the keys of its text, the shapes of its weights, and what it costs."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.network.layout import GATES_WORDS, GROUP_ROWS, ROWS_WORDS, padded, whole_groups

ACTIVATIONS = ("relu6", "tanh", "sigmoid", "linear", "softmax")


@dataclass(frozen=True)
class Layer:
    """One layer; ``units`` are neurons, or filters of a convolution.

    With ``returns_last`` a recurrent layer hands on its output at the end of a clip only.
    """

    kind: str
    units: int
    activation: str
    kernel_size: int = 1
    strides: int = 1
    dropprob: float = 0.0
    returns_last: bool = False


class Kind(ABC):
    """One kind of layer, as text and as numbers; it neither holds weights nor runs.

    Attributes
    ----------
    keys : dict
        Keys of its text in order, and what each takes: a tuple of words, ``int`` for a whole number from 1, ``float``
        for a probability.
    defaults : dict
        Values of the keys that may be left out.
    activations : tuple of str
        The activations that it takes; ``refusal`` is the error for another, ``{}``.
    remembers : bool
        Its output depends on earlier frames, so that it needs more than one.
    """

    keys: ClassVar[dict[str, Any]]
    defaults: ClassVar[dict[str, Any]] = {"dropprob": 0.0}
    activations: ClassVar[tuple[str, ...]] = ACTIVATIONS
    refusal: ClassVar[str] = ""
    remembers: ClassVar[bool] = False

    @abstractmethod
    def layer(self, values: dict[str, Any]) -> Layer:
        """Make a layer from a value for every key."""

    @abstractmethod
    def values(self, layer: Layer) -> dict[str, Any]:
        """Return the values from which `layer` makes the same layer, as its text lists them."""

    @abstractmethod
    def shapes(self, layer: Layer, inputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights in Keras' order.

        They are "kernel" [..., rows], for a layer that sees its own last output "recurrent" [units, rows], and
        "bias" [rows].
        """

    def row_frac(self, layer: Layer, linear_frac: int) -> Array:
        """Return the fraction bits of each row's pre-activation, [rows]; those of a linear output are given."""
        return np.full(layer.units, arithmetic.PREACTIVATION_FRAC.get(layer.activation, linear_frac))

    def describe(self, layer: Layer, inputs: int) -> str:
        """Return the sizes for a table of layers."""
        return f"{inputs} -> {layer.units}"

    def parameters(self, layer: Layer, inputs: int) -> int:
        """Count weights and biases."""
        return sum(map(math.prod, self.shapes(layer, inputs).values()))

    def macs(self, layer: Layer, inputs: int) -> int:
        """Count the multiply-accumulates each time the layer runs: one per weight."""
        return sum(math.prod(shape) for shape in self.shapes(layer, inputs).values() if len(shape) > 1)

    def table_bytes(self, layer: Layer, inputs: int) -> int:
        """Count the bytes of the C table: groups of rows in blocks, each with its biases and multipliers."""
        shapes = self.shapes(layer, inputs)
        cols, words = padded(math.prod(shapes["kernel"][:-1])), ROWS_WORDS
        if "recurrent" in shapes:
            cols, words = cols + padded(layer.units), GATES_WORDS
        return whole_groups(shapes["bias"][0]) // GROUP_ROWS * (GROUP_ROWS * cols + 4 * words)

    def state_bytes(self, layer: Layer, inputs: int) -> int:
        """Count the bytes that a stream remembers, as nnsp_layer_state_bytes does."""
        return 0

    def scratch_bytes(self, layer: Layer) -> int:
        """Count the bytes that the layer needs only while it runs, beside its input and output."""
        return 0
