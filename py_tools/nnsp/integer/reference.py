"""The integer network in NumPy: the specification that every C kernel equals to the bit."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.integer.quantization import IntegerLayer, IntegerNetwork


@dataclass
class NetworkState:
    """What a stream remembers.

    How many frames of a clip have come; per layer the last frames of a conv1d and its phase, or c and h of an LSTM.
    """

    frames: int = 0
    layers: list[dict[str, Any]] = field(default_factory=list)


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
        self.state = NetworkState(layers=[_zero_state(layer) for layer in self.network.layers])

    def run(self, frames: Array) -> Array:
        """Run frames [time, inputs] int16, Q12 features or Q(in_frac) of the first layer.

        Returns
        -------
        int16 [outputs, units]
            One row per output: as many as frames for a network without strides, else those of the frames whose
            number since the start is a multiple of the total stride; of a network with clips, one for each that ends.
        """
        return self.activations(frames)[-1]

    def activations(self, frames: Array) -> list[Array]:
        """As `run`, but the outputs of every layer."""
        x, clip = np.asarray(frames, dtype=np.int16), self.network.arch.clip_frames
        ends = range(clip - self.state.frames, len(x), clip) if clip else []
        parts = [self._within_clip(part) for part in np.split(x, ends)]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _within_clip(self, x: Array) -> list[Array]:
        clip = self.network.arch.clip_frames
        self.state.frames += len(x) if clip else 0
        ends, outputs = clip > 0 and self.state.frames == clip, []
        for index, layer in enumerate(self.network.layers):
            x = self._layer(index, layer, x)
            if layer.returns_last:
                x = self.state.layers[index]["h"][None][: int(ends)].astype(np.int16)
            outputs.append(x)
        if ends:
            self.reset()
        return outputs

    def _layer(self, index: int, layer: IntegerLayer, x: Array) -> Array:
        state = self.state.layers[index]
        if layer.kind == "lstm":
            return self._lstm(index, layer, state, x)
        if layer.kind == "conv1d":
            x = _stack(layer, state, x)
        acc = _product(x, layer.weights) + layer.bias
        y = self._requantise(index, acc * layer.multiplier.astype(np.int64), layer.shift)
        return _activate(layer.activation, y)

    def _lstm(self, index: int, layer: IntegerLayer, state: dict[str, Any], x: Array) -> Array:
        assert layer.recurrent is not None and layer.recurrent_multiplier is not None
        from_x = (_product(x, layer.weights) + layer.bias) * layer.multiplier
        c, h = state["c"], state["h"]
        out = np.empty((len(x), layer.units), dtype=np.int16)
        for t in range(len(x)):
            product = from_x[t] + _product(h, layer.recurrent) * layer.recurrent_multiplier
            i, f, g, o = np.split(self._requantise(index, product, layer.shift), 4)
            i, f, o = (arithmetic.sigmoid(gate).astype(np.int64) for gate in (i, f, o))
            g = arithmetic.tanh(g).astype(np.int64)
            c = arithmetic.saturate32(arithmetic.round_shift(f * c + i * g * 256, 15))
            squashed = arithmetic.tanh(arithmetic.saturate16(arithmetic.round_shift(c, 11)))
            h = arithmetic.round_shift(o * squashed, 15)
            out[t] = h
        state["c"], state["h"] = c, h
        return out

    def _requantise(self, index: int, product: Array, shift: int) -> Array:
        y = arithmetic.round_shift(product, shift)
        self.saturations[index] += np.count_nonzero((y < -32768) | (y > 32767))
        return arithmetic.saturate16(y)


def _product(x: Array, weights: Array) -> Array:
    """Exact x @ weights.T as int64: every sum is proven below 2**31, where float64 (and its fast matmul) is exact."""
    return (x.astype(np.float64) @ weights.astype(np.float64).T).astype(np.int64)


def _zero_state(layer: IntegerLayer) -> dict[str, Any]:
    if layer.kind == "lstm":
        return {"c": np.zeros(layer.units, dtype=np.int64), "h": np.zeros(layer.units, dtype=np.int64)}
    if layer.kind == "conv1d":
        return {"frames": np.zeros((layer.kernel_size - 1, layer.inputs), dtype=np.int16), "phase": 0}
    return {}


def _stack(layer: IntegerLayer, state: dict[str, Any], x: Array) -> Array:
    """Frames [time, inputs] to windows [outputs, kernel_size * inputs], oldest frame first, by phase and strides."""
    frames = np.concatenate([state["frames"], x])
    first = -state["phase"] % layer.strides
    starts = np.arange(first, len(x), layer.strides)
    state["frames"] = frames[len(frames) - (layer.kernel_size - 1) :]
    state["phase"] = (state["phase"] + len(x)) % layer.strides
    windows = frames[starts[:, None] + np.arange(layer.kernel_size)]
    return windows.reshape(len(starts), layer.kernel_size * layer.inputs)


def _activate(activation: str, y: Array) -> Array:
    if activation == "linear":
        return y
    rules = {
        "tanh": arithmetic.tanh,
        "sigmoid": arithmetic.sigmoid,
        "relu6": arithmetic.relu6,
        "softmax": arithmetic.softmax,
    }
    return rules[activation](y)
