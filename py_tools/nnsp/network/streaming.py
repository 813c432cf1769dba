# SPDX-License-Identifier: BSD-3-Clause
"""A network in Keras, with its streaming state in the open: frames and state in, outputs and new state out.

Everything is written in ``keras.ops`` and runs on every backend that Keras trains on.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nnsp import arithmetic
from nnsp.network import arch as arch_text
from nnsp.network.arch import Arch, Layer
from nnsp.network.fake_quantisation import LINEAR_FRAC, fake_quantise, fake_quantised_weights
from nnsp.network.kinds import KINDS
from nnsp.network.layers import LAYERS


class StreamingLayer(keras.layers.Layer):
    """One layer of an `Arch`.

    Parameters
    ----------
    layer : Layer
    inputs : int
        Width of its input.
    in_frac : int
        Fraction bits of its input in the integer network.
    """

    def __init__(self, layer: Layer, inputs: int, in_frac: int) -> None:
        super().__init__()
        self.spec, self.inputs, self.in_frac = layer, inputs, in_frac
        self.shapes = KINDS[layer.kind].shapes(layer, inputs)
        initializers = LAYERS[layer.kind].initializers(layer)
        for name, shape in self.shapes.items():
            setattr(self, name, self.add_weight(shape=shape, initializer=initializers[name], name=name))
        self.built = True

    def zero_state(self, batch: int) -> tuple[Any, ...]:
        """Return the state before the first frame."""
        return LAYERS[self.spec.kind].zero_state(self.spec, self.inputs, batch)

    def step(
        self, x: Any, state: tuple[Any, ...], quantized: bool, place: Any = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run some frames.

        Parameters
        ----------
        x : float [batch, time, inputs]
            As many frames as a multiple of the strides.
        state : tuple
            That of `zero_state`, or what the step before returned.
        quantized : bool
            With fake-quantised weights and activations.
        place : int [batch, time], optional
            How many frames of its clip are before each frame: they are all it sees of the past.

        Returns
        -------
        y : float [batch, time / strides, units]
        state : tuple
        """
        weights = {name: ops.convert_to_tensor(getattr(self, name)) for name in self.shapes}
        if quantized:
            weights = fake_quantised_weights(self.spec, weights, self.in_frac)
        return LAYERS[self.spec.kind].step(self.spec, weights, x, state, quantized, place)


class Network(keras.Model):
    """All layers of an `Arch`, made with `build`. It is a `nnsp.network.network.Network`."""

    quantisable = True

    def __init__(self, arch: Arch) -> None:
        super().__init__(name=arch.name)
        self.arch = arch
        self.blocks = []
        in_frac = arithmetic.FEATURE_FRAC
        for layer, inputs in zip(arch.layers, arch.inputs, strict=True):
            self.blocks.append(StreamingLayer(layer, inputs, in_frac))
            in_frac = arithmetic.OUTPUT_FRAC.get(layer.activation, LINEAR_FRAC)
        self.built = True

    @property
    def stride(self) -> int:
        """Return the number that the frames of a step must be a multiple of."""
        return self.arch.stride

    def describe(self) -> str:
        """Return its text."""
        return arch_text.to_text(self.arch)

    def matches(self, path: Path) -> bool:
        """Tell whether a text describes the same weights: dropout may differ.

        Raises
        ------
        UserError
            It is no text of a network.
        """
        return arch_text.without_dropout(arch_text.load(path)) == arch_text.without_dropout(self.arch)

    def zero_state(self, batch: int) -> list[tuple[Any, ...]]:
        """Return the state before the first frame: that of each layer, then how many frames of a clip have come."""
        place = [(ops.zeros((batch,), "int32"),)] if self.arch.clip_frames else []
        return [block.zero_state(batch) for block in self.blocks] + place

    def step(
        self,
        features: Any,
        state: list[tuple[Any, ...]],
        quantized: bool = False,
        dropout: keras.random.SeedGenerator | None = None,
    ) -> tuple[Any, list[tuple[Any, ...]]]:
        """Run some frames of a batch of streams.

        Parameters
        ----------
        features : float [batch, time, input_neurons]
            As many frames as a multiple of `Arch.stride`.
        state : list
            That of `zero_state`, or what the step before returned.
        quantized : bool
            With fake-quantised weights and activations, as the integer network will have.
        dropout : SeedGenerator, optional
            Drop activations as the text says; without it none are.

        Returns
        -------
        outputs : float [batch, time, units of the last layer]
            After strides, each output stands until the next. A network with clips has in every frame the output
            that it would have if the clip ended there: that of the clip is the last.
        state : list
        """
        clip = self.arch.clip_frames
        place: Any = None
        if clip:
            came = state[-1][0]
            place = (came[:, None] + ops.arange(features.shape[1], dtype="int32")) % clip

        def drop(x: Any, probability: float) -> Any:
            return keras.random.dropout(x, probability, seed=dropout) if dropout and probability else x

        x = fake_quantise(features, arithmetic.FEATURE_FRAC) if quantized else features
        x = drop(x, self.arch.dropprob)
        after = []
        for block, before in zip(self.blocks, state, strict=not clip):
            x, new = block.step(x, before, quantized, place)
            x = drop(x, block.spec.dropprob)
            after.append(new)
            if clip:
                place = place[:, :: block.spec.strides] // block.spec.strides
        if clip:
            after.append(((came + features.shape[1]) % clip,))
        return (x if self.arch.stride == 1 else ops.repeat(x, self.arch.stride, axis=1)), after


def build(arch: Arch, seed: int = 0) -> Network:
    """Make an untrained network; the seed decides its first weights."""
    keras.utils.set_random_seed(seed)
    return Network(arch)


def float_weights(model: Network) -> list[dict[str, NDArray[np.float32]]]:
    """Return the weights of every layer, float32, in the shapes of `Kind.shapes`."""
    return [
        {name: ops.convert_to_numpy(getattr(block, name)) for name in block.shapes} for block in model.blocks
    ]
