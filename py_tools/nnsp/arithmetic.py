# SPDX-License-Identifier: BSD-3-Clause
"""The rounding rules and number formats; the twin of nnsp_lib/src/kernels/arithmetic.h (docs/numerics.md)."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FEATURE_FRAC = 12
"""Fraction bits of the normalised features."""

PREACTIVATION_FRAC = {"tanh": 12, "sigmoid": 11, "relu6": 12, "softmax": 11}
"""Fraction bits of the int16 number that goes into an activation; a linear output is calibrated."""

OUTPUT_FRAC = {"tanh": 15, "sigmoid": 15, "relu6": 12, "softmax": 15}
"""Fraction bits of an activation's int16 output."""

HIDDEN_FRAC = 15
"""Fraction bits of the output that a recurrent layer sees again in the next frame."""

CELL_FRAC = 23
"""Fraction bits of the int32 cell state of an LSTM."""

WEIGHT_MAX = 127
MULTIPLIER_MAX = 32767
MULTIPLIER_MIN = 32
"""A row's scale is never below 1/1024 of the layer's largest, so that the multiplier keeps five bits."""

ACCUMULATOR_MAX = 2**31 - 1


def round_half_up(x: Array | float) -> Array:
    """Return the nearest integer as float64, halves towards plus infinity."""
    return np.floor(np.asarray(x, dtype=np.float64) + 0.5)


def round_shift(x: Array, shift: int) -> Array:
    """Return x / 2**shift of int64, rounded half up; shift >= 1."""
    return (x + (np.int64(1) << np.int64(shift - 1))) >> np.int64(shift)


def saturate16(x: Array) -> Array:
    """Limit to the range of int16 and return int16."""
    return np.clip(x, -32768, 32767).astype(np.int16)


def saturate32(x: Array) -> Array:
    """Limit to the range of int32 and return int64."""
    return np.clip(x, -(2**31), 2**31 - 1)


def mulhr32(a: Array, b: Array) -> Array:
    """Return a * b / 2**32 of int32 values held in int64, rounded half up."""
    return (a * b + np.int64(2**31)) >> np.int64(32)


def tanh_table() -> Array:
    """Return Q16 values of tanh(k / 64), k = 0..513, uint16 [514]."""
    return np.minimum(round_half_up(np.tanh(np.arange(514) / 64) * 65536), 65535).astype(np.uint16)


def log2_table() -> Array:
    """Return Q16 values of log2(1 + k / 64), k = 0..64, int32 [65]."""
    return round_half_up(np.log2(1 + np.arange(65) / 64) * 65536).astype(np.int32)


def exp2_table() -> Array:
    """Return Q16 values of 1 - 2**(-k / 64), k = 0..64, uint16 [65]."""
    return round_half_up((1 - 2.0 ** (-np.arange(65) / 64)) * 65536).astype(np.uint16)


_TANH = tanh_table().astype(np.int64)
_LOG2 = log2_table().astype(np.int64)
_EXP2 = exp2_table().astype(np.int64)
_LOG2_E = 47274
"""Q15"""


def _tanh_magnitude(x: Array) -> Array:
    magnitude = np.abs(x.astype(np.int64))
    k, part = magnitude >> 6, magnitude & 63
    return _TANH[k] + (((_TANH[k + 1] - _TANH[k]) * part + 32) >> 6)


def tanh(x: Array) -> Array:
    """Return Q15 of a Q12 input, int16; linear interpolation between steps of 1/64."""
    y = np.minimum((_tanh_magnitude(x) + 1) >> 1, 32767)
    return np.where(x < 0, -y, y).astype(np.int16)


def sigmoid(x: Array) -> Array:
    """Return Q15 of a Q11 input, int16, by sigmoid(x) = (1 + tanh(x / 2)) / 2."""
    t = _tanh_magnitude(x)
    return np.minimum((65536 + np.where(x < 0, -t, t) + 2) >> 2, 32767).astype(np.int16)


def relu6(x: Array) -> Array:
    """Return Q12 of a Q12 input, int16, 0..6."""
    return np.clip(x, 0, 6 << 12).astype(np.int16)


def softmax(x: Array) -> Array:
    """Return Q15 of Q11 inputs [..., units], int16; exp(-d) below the largest is 2**-t, interpolated linearly."""
    distance = x.max(axis=-1, keepdims=True).astype(np.int64) - x
    t = (distance * _LOG2_E + (1 << 9)) >> 10
    octaves, k, part = t >> 16, (t & 0xFFFF) >> 10, t & 1023
    e = 65536 - (_EXP2[k] + (((_EXP2[k + 1] - _EXP2[k]) * part + 512) >> 10))
    e = (e + (np.int64(1) << octaves >> 1)) >> octaves
    total = e.sum(axis=-1, keepdims=True)
    return np.minimum((e * 32768 + total // 2) // total, 32767).astype(np.int16)


def log2(x: Array) -> Array:
    """Return Q16 of log2 of uint64 values >= 1, int64."""
    x = np.asarray(x, dtype=np.uint64)
    octave = np.zeros(x.shape, dtype=np.int64)
    rest = x.copy()
    for bits in (32, 16, 8, 4, 2, 1):
        high = rest >= (np.uint64(1) << np.uint64(bits))
        octave += np.where(high, bits, 0)
        rest = np.where(high, rest >> np.uint64(bits), rest)
    part = ((x << (np.int64(63) - octave).astype(np.uint64)) >> np.uint64(32)).astype(np.int64) & 0x7FFFFFFF
    k, within = part >> 25, (part >> 9) & 0xFFFF
    return octave * 65536 + _LOG2[k] + (((_LOG2[k + 1] - _LOG2[k]) * within + 0x8000) >> 16)


def layer_scales(
    matrices: list[tuple[Any, Any, int]], row_frac: Any, xp: Any = np
) -> tuple[Any, list[tuple[Any, Any]]]:
    """Choose the scales of the int8 weights of one layer, all of whose matrices share one shift.

    A row's weights are ``integer * scale`` with ``scale = multiplier * 2**-shift * 2**(in_frac - row_frac)``: the
    multiplier of the requantisation is the scale, so requantising adds no error of its own. A scale is the
    smallest for which 127 holds the largest weight and the accumulator holds any input:
    ``32768 * sum |integer| + |bias| <= 2**31 - 1``, half a step of rounding per weight included.

    Parameters
    ----------
    matrices : list of (weights, bias, in_frac)
        Float weights [rows, cols]; float bias [rows] or None; fraction bits of the input.
    row_frac : float array [rows]
        Fraction bits of each row's pre-activation.
    xp : module
        ``numpy``, or ``keras.ops`` inside a training graph.

    Returns
    -------
    unit : scalar
        2**-shift, shift in 1..46.
    scales : list of (multiplier, scale)
        Integer-valued multipliers in [32, 32767] and float scales, each [rows], for every matrix.
    """
    steps, ratios = [], []
    for weights, bias, in_frac in matrices:
        magnitude = xp.abs(weights)
        load = 32768.0 * xp.sum(magnitude, axis=1)
        if bias is not None:
            load = load + xp.abs(bias) * 2.0**in_frac
        room = ACCUMULATOR_MAX - 16384.0 * weights.shape[1] - 2.0**18
        steps.append(xp.maximum(xp.max(magnitude, axis=1) / WEIGHT_MAX, load / room))
        ratios.append(np.asarray(2.0 ** (np.asarray(row_frac) - in_frac), dtype="float32"))
    largest = xp.max(xp.stack([xp.max(step * ratio) for step, ratio in zip(steps, ratios, strict=True)]))
    exponent = xp.ceil(xp.log(xp.maximum(largest, 2.0**-40) / MULTIPLIER_MAX) / float(np.log(2.0)) - 1e-6)
    unit = 2.0 ** xp.clip(exponent, -46.0, -1.0)
    scales = []
    for step, ratio in zip(steps, ratios, strict=True):
        # Rounded up, so that no weight passes 127.
        multiplier = xp.clip(xp.ceil(step * ratio / unit - 1e-3), MULTIPLIER_MIN, MULTIPLIER_MAX)
        scales.append((multiplier, multiplier * unit / ratio))
    return unit, scales
