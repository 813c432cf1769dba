# SPDX-License-Identifier: BSD-3-Clause
"""What training sees of the integers: weights and activations on their grid, with gradients straight through it."""

from typing import Any

from keras import ops

from nnsp import arithmetic
from nnsp.network.kinds import KINDS
from nnsp.network.kinds.kind import Layer

LINEAR_FRAC = 11  # assumed of a linear output while training; calibration comes later


def fake_quantise(x: Any, frac: int) -> Any:
    """Round to `frac` fraction bits and limit to int16; the gradient passes straight through the rounding."""
    limited = ops.clip(x, -(2.0 ** (15 - frac)), 32767 * 2.0**-frac)
    return limited + ops.stop_gradient(ops.floor(limited * 2.0**frac + 0.5) * 2.0**-frac - limited)


def activate(activation: str, x: Any, quantized: bool) -> Any:
    """Apply an activation; quantised, with the formats of the integer network before and after it."""
    if activation == "linear":
        return x
    if quantized:
        x = fake_quantise(x, arithmetic.PREACTIVATION_FRAC[activation])
    functions = {"tanh": ops.tanh, "sigmoid": ops.sigmoid, "relu6": ops.relu6, "softmax": ops.softmax}
    y = functions[activation](x)
    return fake_quantise(y, arithmetic.OUTPUT_FRAC[activation]) if quantized else y


def fake_quantised_weights(layer: Layer, weights: dict[str, Any], in_frac: int) -> dict[str, Any]:
    """Put weights, shaped as `Kind.shapes` says, on the grid that the converter will choose.

    Parameters
    ----------
    layer : Layer
    weights : dict
        Name -> tensor.
    in_frac : int
        Fraction bits of the layer's input.
    """
    kernel, bias = weights["kernel"], weights["bias"]
    matrices = [(ops.transpose(ops.reshape(kernel, (-1, kernel.shape[-1]))), bias, in_frac)]
    if "recurrent" in weights:
        matrices.append((ops.transpose(weights["recurrent"]), None, arithmetic.HIDDEN_FRAC))
    row_frac = KINDS[layer.kind].row_frac(layer, LINEAR_FRAC)
    _, scales = arithmetic.layer_scales(matrices, row_frac, ops)
    limit = float(arithmetic.WEIGHT_MAX)
    grid = {
        "kernel": _straight_through(kernel, scales[0][1], limit),
        "bias": _straight_through(bias, scales[0][1] * 2.0**-in_frac, arithmetic.ACCUMULATOR_MAX),
    }
    if "recurrent" in weights:
        grid["recurrent"] = _straight_through(weights["recurrent"], scales[1][1], limit)
    return grid


def _straight_through(weights: Any, scale: Any, limit: float) -> Any:
    """Put weights [..., rows] on the grid of `scale` [rows], with the gradient of the weights themselves."""
    grid = ops.clip(ops.floor(weights / scale + 0.5), -limit, limit) * scale
    return weights + ops.stop_gradient(grid - weights)
