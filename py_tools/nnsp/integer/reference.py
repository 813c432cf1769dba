# SPDX-License-Identifier: BSD-3-Clause
"""The integer network in NumPy: the specification that every C kernel equals to the bit.

A frame goes through the layers in turn. `nnsp.integer.layers` has the rule of each kind of layer, a file a kind; this
file has what holds for all: the one rounding of a row, the state of a stream, and the end of a clip.

Formats (docs/numerics.md says more): features are Q12. A layer's int16 inputs, Q(in_frac), times its int8 weights add
up in an accumulator that the converter proved to stay below 2**31. A row's multiplier and the layer's shift bring the
sum to an int16 pre-activation: Q12 into tanh and relu6, Q11 into sigmoid and softmax, Q(out_frac) where the output is
linear. The activation is a function of that int16 number (`nnsp.arithmetic`): Q15, but Q12 of relu6.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.integer.layers import LAYERS
from nnsp.integer.layers.layer import State
from nnsp.integer.quantization import IntegerNetwork


@dataclass
class NetworkState:
    """What a stream remembers: how many frames of a clip have come, and the state of each layer."""

    frames: int = 0
    layers: list[State] = field(default_factory=list)


class ReferenceNetwork:
    """A streaming integer network.

    Parameters
    ----------
    network : IntegerNetwork
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self.saturations = np.zeros(len(network.layers), dtype=np.int64)
        """Pre-activations that were limited to int16, counted per layer since the start."""
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        layers = self.network.layers
        self.state = NetworkState(layers=[LAYERS[layer.kind].zero_state(layer) for layer in layers])

    def run(self, frames: Array) -> Array:
        """Run frames int16 [time, inputs], Q12.

        Returns
        -------
        int16 [outputs, units]
            One row per output: as many as frames for a network without strides, else those of the frames whose
            number since the start is a multiple of the total stride; of a network with clips, one for each that ends.
        """
        return self.activations(frames)[-1]

    def activations(self, frames: Array) -> list[Array]:
        """Run as `run` does, but return the outputs of every layer."""
        x, clip = np.asarray(frames, dtype=np.int16), self.network.arch.clip_frames
        ends = range(clip - self.state.frames, len(x), clip) if clip else []
        parts = [self._within_clip(part) for part in np.split(x, ends)]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _within_clip(self, x: Array) -> list[Array]:
        """Run frames of one clip and return the outputs of every layer; where they end it, reset the state."""
        clip = self.network.arch.clip_frames
        self.state.frames += len(x) if clip else 0
        ends, outputs = clip > 0 and self.state.frames == clip, []
        for index, layer in enumerate(self.network.layers):
            state = self.state.layers[index]
            x = LAYERS[layer.kind].run(layer, state, x, partial(self._requantise, index))
            if layer.returns_last:
                x = state["h"][None][: int(ends)].astype(np.int16)
            outputs.append(x)
        if ends:
            self.reset()
        return outputs

    def _requantise(self, index: int, product: Array, shift: int) -> Array:
        """Do the one rounding of a row: int64 product / 2**shift, half up, limited to int16."""
        y = arithmetic.round_shift(product, shift)
        self.saturations[index] += np.count_nonzero((y < -32768) | (y > 32767))
        return arithmetic.saturate16(y)
