# SPDX-License-Identifier: BSD-3-Clause
"""From float weights to the integers of a network; the same rules that quantisation-aware training fakes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.errors import UserError
from nnsp.network.arch import Arch, Layer
from nnsp.network.kinds import KINDS


@dataclass(frozen=True)
class IntegerLayer:
    """One layer in integers; rows = units, or as many per unit as a kind has gates.

    weights int8 [rows, cols] (cols = kernel_size * inputs, oldest frame first), bias int32 [rows], multiplier
    int16 [rows]; a layer that sees its own last output adds recurrent int8 [rows, units] and its multiplier. ``scale``
    and ``recurrent_scale`` are the float value of one step of a weight, for reports.
    """

    kind: str
    activation: str
    inputs: int
    units: int
    kernel_size: int
    strides: int
    in_frac: int
    out_frac: int
    shift: int
    weights: Array
    multiplier: Array
    bias: Array
    scale: Array
    returns_last: bool = False
    recurrent: Array | None = None
    recurrent_multiplier: Array | None = None
    recurrent_scale: Array | None = None


@dataclass(frozen=True)
class IntegerNetwork:
    """A network in integers, and the text it came from."""

    arch: Arch
    layers: tuple[IntegerLayer, ...]


def quantize(
    arch: Arch, weights: list[dict[str, Array]], linear_peaks: dict[int, float] | None = None
) -> IntegerNetwork:
    """Turn a float network into integers.

    Parameters
    ----------
    arch : Arch
    weights : list of dict
        Per layer, in the shapes of `Kind.shapes`.
    linear_peaks : dict, optional
        Largest magnitude seen at the output of each linear layer (index -> peak); a layer without one keeps 11
        fraction bits.

    Raises
    ------
    UserError
        A weight is not finite or too large for the format; names layer and row.
    """
    layers = []
    inputs, in_frac = arch.input_neurons, arithmetic.FEATURE_FRAC
    for index, (layer, floats) in enumerate(zip(arch.layers, weights, strict=True)):
        if layer.activation == "linear":
            out_frac = fraction_bits((linear_peaks or {}).get(index, 8.0))
        else:
            out_frac = arithmetic.OUTPUT_FRAC[layer.activation]
        layers.append(_quantize_layer(index, layer, floats, inputs, in_frac, out_frac))
        inputs, in_frac = layer.units, out_frac
    return IntegerNetwork(arch, tuple(layers))


def fraction_bits(peak: float) -> int:
    """Return the most fraction bits, 0..15, with which int16 holds twice the peak that calibration saw."""
    return int(np.clip(15 - np.ceil(np.log2(max(2 * peak, 2.0**-20))), 0, 15))


def _quantize_layer(
    index: int, layer: Layer, floats: dict[str, Array], inputs: int, in_frac: int, out_frac: int
) -> IntegerLayer:
    where = f"layer {index + 1} ({layer.kind})"
    for name, values in floats.items():
        if not np.all(np.isfinite(values)):
            raise UserError(f"{where}: {name} holds NaN or infinity; train again, or take an earlier epoch")
    kernel = np.asarray(floats["kernel"], dtype=np.float32)
    rows = np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]).T)
    bias = np.asarray(floats["bias"], dtype=np.float32)
    matrices: list[tuple[Any, Any, int]] = [(rows, bias, in_frac)]
    if "recurrent" in floats:
        recurrent = np.ascontiguousarray(np.asarray(floats["recurrent"], dtype=np.float32).T)
        matrices.append((recurrent, None, arithmetic.HIDDEN_FRAC))
    row_frac = KINDS[layer.kind].row_frac(layer, out_frac)
    unit, scales = arithmetic.layer_scales(matrices, row_frac)
    integers = [_integers(where, m[0], scale) for m, (_, scale) in zip(matrices, scales, strict=True)]
    scale = scales[0][1].astype(np.float64)
    integer_bias = arithmetic.round_half_up(bias * 2.0**in_frac / scale).astype(np.int64)
    prove(where, integers[0], integer_bias)
    result: dict[str, Any] = {}
    if "recurrent" in floats:
        prove(where, integers[1], np.zeros(len(integer_bias), dtype=np.int64))
        result = {
            "recurrent": integers[1],
            "recurrent_multiplier": scales[1][0].astype(np.int16),
            "recurrent_scale": scales[1][1].astype(np.float64),
        }
    return IntegerLayer(
        kind=layer.kind,
        activation=layer.activation,
        inputs=inputs,
        units=layer.units,
        kernel_size=layer.kernel_size,
        strides=layer.strides,
        in_frac=in_frac,
        out_frac=out_frac,
        shift=round(float(-np.log2(unit))),
        weights=integers[0],
        multiplier=scales[0][0].astype(np.int16),
        bias=integer_bias.astype(np.int32),
        scale=scale,
        returns_last=layer.returns_last,
        **result,
    )


def _integers(where: str, weights: Array, scale: Array) -> Array:
    steps = np.floor(weights / scale[:, None] + np.float32(0.5))
    worst = int(np.argmax(np.max(np.abs(steps), axis=1)))
    if np.max(np.abs(steps[worst])) > arithmetic.WEIGHT_MAX + 1:
        raise UserError(
            f"{where} row {worst}: a weight of {np.max(np.abs(weights[worst])):.3g} does not fit the integer format; "
            "train with weight decay, or scale the layer down"
        )
    return np.clip(steps, -arithmetic.WEIGHT_MAX, arithmetic.WEIGHT_MAX).astype(np.int8)


def prove(where: str, weights: Array, bias: Array) -> None:
    """Refuse a row whose accumulator some input could overflow.

    The bound is the worst input, +-32768 with the signs of the weights: ``32768 * sum |w| + |bias| <= 2**31 - 1``.
    """
    load = 32768 * np.abs(weights.astype(np.int64)).sum(axis=1) + np.abs(bias)
    row = int(np.argmax(load))
    if load[row] > arithmetic.ACCUMULATOR_MAX:
        raise UserError(
            f"{where} row {row}: the accumulator could reach {load[row]}, more than 2^31 - 1; "
            "its bias or weights are too large: train with weight decay, or make the layer smaller"
        )
