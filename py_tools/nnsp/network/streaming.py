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

LINEAR_FRAC = 11  # assumed of a linear output while training; calibration comes later


def fake_quantise(x: Any, frac: int) -> Any:
    """Round to `frac` fraction bits and limit to int16; the gradient passes straight through the rounding."""
    limited = ops.clip(x, -(2.0 ** (15 - frac)), 32767 * 2.0**-frac)
    return limited + ops.stop_gradient(ops.floor(limited * 2.0**frac + 0.5) * 2.0**-frac - limited)


def _activate(activation: str, x: Any, quantized: bool) -> Any:
    """Activation; quantised, with the formats of the integer network before and after it."""
    if activation == "linear":
        return x
    if quantized:
        x = fake_quantise(x, arithmetic.PREACTIVATION_FRAC[activation])
    functions = {"tanh": ops.tanh, "sigmoid": ops.sigmoid, "relu6": ops.relu6, "softmax": ops.softmax}
    y = functions[activation](x)
    return fake_quantise(y, arithmetic.OUTPUT_FRAC[activation]) if quantized else y


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
        self.spec, self.in_frac = layer, in_frac
        rows = layer.units * (4 if layer.kind == "lstm" else 1)
        shape = (layer.kernel_size, inputs, rows) if layer.kind == "conv1d" else (inputs, rows)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")
        self.recurrent = None
        if layer.kind == "lstm":
            self.recurrent = self.add_weight(
                shape=(layer.units, rows), initializer="orthogonal", name="recurrent"
            )
        self.bias = self.add_weight(shape=(rows,), initializer=self._first_bias, name="bias")
        self.inputs = inputs
        self.built = True

    def _first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Zeros, but 1 for forget gates, so that an untrained LSTM remembers."""
        bias = np.zeros(shape, dtype="float32")
        if self.spec.kind == "lstm":
            bias[self.spec.units : 2 * self.spec.units] = 1.0
        return ops.convert_to_tensor(bias, dtype=dtype)

    def zero_state(self, batch: int) -> tuple[Any, ...]:
        """State before the first frame: (h, c), the last kernel_size - 1 frames, or nothing."""
        if self.spec.kind == "lstm":
            return (ops.zeros((batch, self.spec.units)), ops.zeros((batch, self.spec.units)))
        if self.spec.kind == "conv1d":
            return (ops.zeros((batch, self.spec.kernel_size - 1, self.inputs)),)
        return ()

    def step(
        self, x: Any, state: tuple[Any, ...], quantized: bool, place: Any = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run some frames.

        Parameters
        ----------
        x : float [batch, time, inputs]
            As many frames as a multiple of the strides.
        state : tuple
            Of `zero_state` or the step before.
        quantized : bool
            With fake-quantised weights and activations.
        place : int [batch, time], optional
            How many frames of its clip are before each frame: they are all it sees of the past.

        Returns
        -------
        y : float [batch, time / strides, units]
        state : tuple
        """
        kernel, recurrent, bias = self._weights(quantized)
        if self.spec.kind == "lstm":
            return self._lstm(x, state, kernel, recurrent, bias, quantized, place)
        if self.spec.kind == "conv1d":
            older, time = self.spec.kernel_size - 1, x.shape[1]
            x = ops.concatenate([state[0], x], axis=1)
            state = (x[:, x.shape[1] - older :],)
            if place is None:
                y = ops.conv(x, kernel, strides=self.spec.strides, padding="valid")
            else:
                taps = [
                    ops.where(place[..., None] >= older - k, x[:, k : k + time], 0.0)[:, :: self.spec.strides]
                    for k in range(older + 1)
                ]
                y = sum(ops.matmul(tap, kernel[k]) for k, tap in enumerate(taps))
        else:
            y = ops.matmul(x, kernel)
        return _activate(self.spec.activation, y + bias, quantized), state

    def _lstm(
        self,
        x: Any,
        state: tuple[Any, ...],
        kernel: Any,
        recurrent: Any,
        bias: Any,
        quantized: bool,
        place: Any,
    ) -> tuple[Any, tuple[Any, ...]]:
        def one_frame(carry: Any, frame: Any) -> Any:
            h, c = carry
            from_x, *remembers = frame
            if remembers:
                h, c = h * remembers[0], c * remembers[0]
            i, f, g, o = ops.split(from_x + ops.matmul(h, recurrent), 4, axis=-1)
            i, f, o = (_activate("sigmoid", gate, quantized) for gate in (i, f, o))
            c = f * c + i * _activate("tanh", g, quantized)
            h = o * _activate("tanh", c, quantized)
            if quantized:
                h = fake_quantise(h, arithmetic.OUTPUT_FRAC["tanh"])
            return (h, c), (h, c)

        # One product for all frames; only h's own product has to wait for the frame before.
        frames = [ops.transpose(ops.matmul(x, kernel) + bias, (1, 0, 2))]
        if place is not None:
            frames.append(ops.cast(ops.transpose(place)[..., None] > 0, x.dtype))
        state, (h, _) = ops.scan(one_frame, state, tuple(frames))
        return ops.transpose(h, (1, 0, 2)), state

    def _weights(self, quantized: bool) -> tuple[Any, Any, Any]:
        """Kernel, recurrent kernel and bias; quantised, on the grid that the converter will choose."""
        kernel, bias = ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.bias)
        recurrent = None if self.recurrent is None else ops.convert_to_tensor(self.recurrent)
        if not quantized:
            return kernel, recurrent, bias
        rows = ops.transpose(ops.reshape(kernel, (-1, kernel.shape[-1])))
        matrices = [(rows, bias, self.in_frac)]
        if recurrent is None:
            frac = arithmetic.PREACTIVATION_FRAC.get(self.spec.activation, LINEAR_FRAC)
            row_frac = np.full(self.spec.units, frac)
        else:
            matrices.append((ops.transpose(recurrent), None, arithmetic.OUTPUT_FRAC["tanh"]))
            row_frac = arithmetic.gate_frac(self.spec.units)
        _, scales = arithmetic.layer_scales(matrices, row_frac, ops)
        limit = float(arithmetic.WEIGHT_MAX)
        kernel = _straight_through(kernel, scales[0][1], limit)
        bias = _straight_through(bias, scales[0][1] * 2.0**-self.in_frac, arithmetic.ACCUMULATOR_MAX)
        if recurrent is not None:
            recurrent = _straight_through(recurrent, scales[1][1], limit)
        return kernel, recurrent, bias


def _straight_through(weights: Any, scale: Any, limit: float) -> Any:
    """Weights [..., rows] on the grid of `scale` [rows], with the gradient of the weights themselves."""
    grid = ops.clip(ops.floor(weights / scale + 0.5), -limit, limit) * scale
    return weights + ops.stop_gradient(grid - weights)


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
        """State of a stream before its first frame; behind that of the layers, how many frames of a clip have come."""
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
            Of `zero_state` or the step before.
        quantized : bool
            With fake-quantised weights and activations, as the integer network will have.
        dropout : SeedGenerator, optional
            Drop activations as the text says; without it none are.

        Returns
        -------
        outputs : float [batch, time, units of the last layer]
            Behind strides, each output stands until the next. A network with clips gives in every frame what it
            would give if the clip ended there: that of the clip is the last.
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
    """An untrained network; the seed decides its first weights."""
    keras.utils.set_random_seed(seed)
    return Network(arch)


def float_weights(model: Network) -> list[dict[str, NDArray[np.float32]]]:
    """Weights of every layer in Keras' shapes.

    Returns
    -------
    list of dict
        kernel (in, out), for a conv1d (kernel_size, in, out); bias (out); an LSTM's kernel (in, 4u),
        recurrent (u, 4u), bias (4u) with gates i, f, g, o. float32.
    """
    result = []
    for block in model.blocks:
        named = {"kernel": block.kernel, "recurrent": block.recurrent, "bias": block.bias}
        result.append(
            {name: ops.convert_to_numpy(weight) for name, weight in named.items() if weight is not None}
        )
    return result
