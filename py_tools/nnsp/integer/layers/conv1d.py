# SPDX-License-Identifier: BSD-3-Clause
"""The rule of a conv1d: windows of the last ``kernel_size`` frames through its rows, one every ``strides`` frames.

Frames before the first are zeros. The first frame gives an output, then each whose number since the start is a multiple
of ``strides``.
"""

import numpy as np

from nnsp.arithmetic import Array
from nnsp.integer.layers.layer import Requantise, State
from nnsp.integer.layers.rows import float_run_rows, run_rows
from nnsp.integer.quantization import IntegerLayer
from nnsp.network.kinds.kind import Layer


def zero_state(layer: IntegerLayer) -> State:
    """Return the last frames, int16 [kernel_size - 1, inputs], and how many frames came since an output."""
    return {"frames": np.zeros((layer.kernel_size - 1, layer.inputs), dtype=np.int16), "phase": 0}


def run(layer: IntegerLayer, state: State, x: Array, requantise: Requantise) -> Array:
    frames = np.concatenate([state["frames"], x])
    stacked = _windows(frames, layer.kernel_size, layer.strides, -state["phase"] % layer.strides)
    state["frames"] = frames[len(frames) - (layer.kernel_size - 1) :]
    state["phase"] = (state["phase"] + len(x)) % layer.strides
    return run_rows(layer, stacked, requantise)


def float_run(layer: Layer, weights: dict[str, Array], x: Array) -> Array:
    frames = np.concatenate([np.zeros((layer.kernel_size - 1, x.shape[1])), x])
    return float_run_rows(
        layer.activation, weights, _windows(frames, layer.kernel_size, layer.strides, first=0)
    )


def _windows(frames: Array, size: int, strides: int, first: int) -> Array:
    """Stack frames [size - 1 + time, inputs] to windows [outputs, size * inputs], oldest first, from `first` on."""
    starts = np.arange(first, len(frames) - (size - 1), strides)
    return frames[starts[:, None] + np.arange(size)].reshape(len(starts), size * frames.shape[1])
