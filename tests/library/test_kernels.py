# SPDX-License-Identifier: BSD-3-Clause
"""The kernels of every target equal the portable C to the bit, on any size, address and value that kernels.h allows."""

import importlib
import re
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from measure import build, run_image
from networks import classifier, random_weights
from nnsp.device.boards import MACHINES
from nnsp.integer import frontend, quantization, tables
from nnsp.integer.classifier import IntegerClassifier
from nnsp.integer.detector import DetectorTable, IntegerDetector
from nnsp.integer.enhancer import IntegerEnhancer
from nnsp.integer.model import IntegerModel
from nnsp.network.arch import Arch, Layer
from nnsp.places import ROOT
from nnsp.signal.frontend import FrontEnd

SOURCE = ROOT / "tests" / "library" / "kernels_on_board.c"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
INCLUDE = [f"-I{ROOT / folder}" for folder in ("nnsp_lib/include", "nnsp_lib/src", "firmware/app", "bench")]
GUARDS = 32
BATCH_BYTES = 1 << 20

(
    MATVEC,
    GATES,
    TANH,
    SIGMOID,
    RELU6,
    LSTM_UPDATE,
    FFT,
    WINDOW,
    BIT_REVERSE,
    SPLIT_FORWARD,
    SPLIT_INVERSE,
    RFFT,
    IRFFT,
    MASK,
    BAND_MASK,
    OVERLAP_ADD,
    LOG2,
    FEATURES,
    ENHANCER,
    CLASSIFIER,
) = range(20)
"""As in kernels_on_board.c, which says what each takes."""

INT16_EXTREMES = np.array([-32768, -32767, -1, 0, 1, 32767], dtype=np.int16)
INT32_EXTREMES = np.array([-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1], dtype=np.int32)


@dataclass(frozen=True)
class Case:
    """One call of a kernel, and the bytes of each array that it gives back."""

    label: str
    kind: int
    arguments: tuple[int, ...]
    arrays: tuple[np.ndarray, ...]
    outputs: tuple[int, ...]

    @property
    def output_bytes(self) -> int:
        return sum(self.outputs) + GUARDS * len(self.outputs)

    def packed(self) -> bytes:
        """As cases.bin has it."""
        arrays = [array.tobytes() for array in self.arrays]
        body = b"".join(array + bytes(-len(array) % 8) for array in arrays)
        arguments = self.arguments + (0,) * (6 - len(self.arguments))
        return struct.pack("<10I", self.kind, *arguments, 0, len(body), self.output_bytes) + body


def padded(n: int) -> int:
    return -(-n // 8) * 8


# Cases.


def matrix(rng: np.random.Generator, rows: int, cols: int, mode: str) -> np.ndarray:
    """int8 weights, every row's sum of magnitudes at most 65 535: what 32 bits hold for any input."""
    if mode == "random":
        weights = rng.integers(-127, 128, (rows, cols))
    elif mode == "tiny":
        weights = rng.integers(-1, 2, (rows, cols))
    else:
        sign = {"positive": 1, "negative": -1}.get(mode, rng.choice([-1, 1], (rows, 1)))
        weights = np.broadcast_to(np.array(127) * sign, (rows, cols)).copy()
        if mode == "signs":
            weights *= rng.choice([-1, 1], (rows, cols))
    room = 65535 - np.cumsum(np.abs(weights), axis=1)
    return np.where(room >= 0, weights, 0).astype(np.int8)


def vector(rng: np.random.Generator, n: int, mode: str, weights: np.ndarray) -> np.ndarray:
    """int16 inputs [padded n]; what is behind n is noise."""
    x = rng.integers(-32768, 32768, padded(n)).astype(np.int16)
    if mode == "tiny":
        x[:n] = rng.integers(-2, 3, n)
    elif mode == "high":
        x[:n] = 32767
    elif mode == "low":
        x[:n] = -32768
    elif mode == "extreme":
        x[:n] = rng.choice(INT16_EXTREMES, n)
    elif mode == "matched":
        x[:n] = np.where(weights[0] < 0, -32768, 32767)
    return x


def biases(rng: np.random.Generator, weights: np.ndarray, mode: str) -> np.ndarray:
    """int32 biases: within, or at, the bound of the accumulator."""
    room = 2**31 - 1 - 32768 * np.abs(weights.astype(np.int64)).sum(axis=1)
    if mode == "tiny":
        return rng.integers(-3, 4, len(room)).astype(np.int32)
    # Most of the random ones small, as in a network, so that the products show behind the shift.
    share = rng.uniform(-1, 1, len(room)) ** 15 if mode == "random" else rng.choice([-1, 1], len(room))
    return np.trunc(room * share).clip(-room, room).astype(np.int32)


def multipliers(rng: np.random.Generator, rows: int, mode: str) -> np.ndarray:
    if mode == "extreme":
        return rng.choice(np.array([32, 32767], dtype=np.int16), rows)
    return rng.integers(32, 32768, rows).astype(np.int16)


def matvec(
    rng: np.random.Generator, rows: int, cols: int, modes: tuple[str, str, str], shift: int | None = None
) -> Case:
    """Without a shift: one that brings the largest output near the end of int16."""
    of_weights, of_x, of_rest = modes
    w = matrix(rng, rows, cols, of_weights)
    b, m, x = biases(rng, w, of_rest), multipliers(rng, rows, of_rest), vector(rng, cols, of_x, w)
    shift = shift or fitting_shift(rng, scaled(w, x, m, b))
    offsets = tuple(int(offset) for offset in rng.choice([0, 4, 8, 12], 2))
    return Case(
        f"matvec {rows}x{cols} shift {shift} {modes} at {offsets}",
        MATVEC,
        (rows, cols, shift, *offsets),
        (w, b, m, x),
        (2 * padded(rows),),
    )


def gates(
    rng: np.random.Generator, units: int, cols: int, modes: tuple[str, str, str], shift: int | None = None
) -> Case:
    of_weights, of_x, of_rest = modes
    w, u = (matrix(rng, 4 * units, n, of_weights) for n in (cols, units))
    b = biases(rng, w, of_rest)
    m, n = (multipliers(rng, 4 * units, of_rest) for _ in range(2))
    x, h = vector(rng, cols, of_x, w), vector(rng, units, of_x, u)
    shift = shift or fitting_shift(rng, scaled(w, x, m, b) + scaled(u, h, n, np.zeros_like(b)))
    offsets = tuple(int(offset) for offset in rng.choice([0, 4, 8, 12], 3))
    return Case(
        f"gates {units} of {cols} shift {shift} {modes} at {offsets}",
        GATES,
        (units, cols, shift, *offsets),
        (w, b, m, x, u, n, h),
        (2 * padded(4 * units),),
    )


def scaled(w: np.ndarray, x: np.ndarray, m: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (w.astype(np.int64) @ x[: w.shape[1]] + b) * m


def fitting_shift(rng: np.random.Generator, y: np.ndarray) -> int:
    bits = int(np.abs(y).max()).bit_length() - 15 + int(rng.integers(-1, 3))
    return min(max(bits, 1), 46)


MODES = [
    ("random", "random", "random"),
    ("random", "extreme", "extreme"),
    ("positive", "high", "extreme"),
    ("positive", "low", "extreme"),
    ("negative", "low", "extreme"),
    ("negative", "high", "extreme"),
    ("rows", "extreme", "extreme"),
    ("signs", "matched", "extreme"),
    ("signs", "matched", "random"),
]
TINY = ("tiny", "tiny", "tiny")


def matrix_cases(rng: np.random.Generator) -> Iterator[Case]:
    number = 0
    for cols in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 71, 72, 73, 127, 128, 129):
        for rows in (1, 2, 3, 4, 5, 7, 8, 9, 71, 72, 73):
            number += 1
            yield matvec(rng, rows, cols, MODES[number % len(MODES)])
    for cols in (257, 288, 431, 432, 433, 511, 515, 516, 517, 600, 1024):
        for rows, modes in enumerate(MODES, 5):
            yield matvec(rng, rows, cols, modes)
    yield matvec(rng, 257, 72, MODES[0])
    for shift in range(1, 47):
        for modes in (MODES[0], MODES[shift % len(MODES)], TINY):
            yield matvec(rng, 6, 11, modes, shift)
            yield matvec(rng, 5, 2, modes, shift)
            yield gates(rng, 3, 5, modes, shift)
            yield gates(rng, 2, 9, modes, shift)
    for units in (1, 2, 3, 5, 7, 8, 9, 16, 17, 71, 72, 73):
        for cols in (1, 2, 3, 5, 7, 8, 9, 71, 72, 73):
            number += 1
            yield gates(rng, units, cols, MODES[number % len(MODES)])
    for modes in MODES * 20:
        yield matvec(rng, int(rng.integers(1, 150)), int(rng.integers(1, 150)), modes)
        yield gates(rng, int(rng.integers(1, 40)), int(rng.integers(1, 150)), modes)
    for modes in MODES:
        yield gates(rng, 5, 516, modes)
    yield gates(rng, 128, 128, MODES[0])


def activation_cases(rng: np.random.Generator) -> Iterator[Case]:
    every = np.arange(-32768, 32768).astype(np.int16)
    for kind, name in ((TANH, "tanh"), (SIGMOID, "sigmoid"), (RELU6, "relu6")):
        for offset in (0, 2):
            yield Case(f"{name} of everything", kind, (65536, offset), (every,), (2 * 65536,))
        yield Case(f"{name} of everything, mixed", kind, (65536, 6), (rng.permutation(every),), (2 * 65536,))
        for n in [*range(18), 71, 72, 73]:
            for offset in (0, 2, 4, 6, 10, 14):
                x = rng.integers(-32768, 32768, n).astype(np.int16)
                yield Case(f"{name} of {n} at {offset}", kind, (n, offset), (x,), (2 * n,))


def lstm_cases(rng: np.random.Generator) -> Iterator[Case]:
    for n in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 71, 72, 73, 128, 500]:
        for mode in ("usual", "high", "extreme"):
            gate = rng.integers(0, 32768, 4 * n)
            gate[2 * n : 3 * n] = rng.integers(-32767, 32768, n)
            c = rng.integers(-(2**31), 2**31, n).astype(np.int32) if mode == "high" else None
            if c is None:
                c = rng.integers(-(1 << 24), 1 << 24, n).astype(np.int32)
            if mode == "extreme":
                gate = rng.choice([0, 1, 16384, 32766, 32767], 4 * n)
                gate[2 * n : 3 * n] = rng.choice([-32767, -1, 0, 1, 32767], n)
                c = rng.choice(INT32_EXTREMES, n)
            offsets = tuple(int(offset) for offset in rng.choice([0, 2, 4, 6], 2))
            yield Case(
                f"lstm_update {n} {mode} at {offsets}",
                LSTM_UPDATE,
                (n, *offsets),
                (gate.astype(np.int16), c),
                (4 * n, 2 * n),
            )


def twiddles(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Those of frontend.build for a transform of twice the points, and those of the split alone, of equal length."""
    angle = np.pi * frontend.twiddle_steps(points) / points
    w = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    w = np.minimum(np.floor(w * 2.0**31 + 0.5), 2**31 - 1).astype(np.int32)
    split = w[len(w) - points // 2 - 1 :]
    return np.resize(w, (3 * points // 2, 2)), np.resize(split, (3 * points // 2, 2))


def complex_points(rng: np.random.Generator, n: int, mode: str, bound: float) -> np.ndarray:
    """int32 [n, 2] whose magnitudes add up to at most `bound`: then no stage of a transform overflows."""
    z = rng.standard_normal((n, 2))
    if mode == "impulse":
        z[np.arange(n) != rng.integers(n)] = 0
    elif mode == "few":
        z[rng.random(n) > 3 / n] *= 1e-9
    elif mode == "tone":
        phase = 2 * np.pi * rng.integers(n) * np.arange(n) / n
        z = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    elif mode == "small":
        bound = min(bound, 40.0 * n)
    size = np.hypot(z[:, 0], z[:, 1]).sum()
    # Half a step of rounding in each point, and in each product of each stage.
    return np.rint(z / size * (bound - 16 * n)).astype(np.int32)


def transform_cases(rng: np.random.Generator) -> Iterator[Case]:
    for bits in range(5, 12):
        n = 1 << bits
        w, split = twiddles(n)
        for mode in ("noise", "impulse", "few", "tone", "small"):
            z = complex_points(rng, n, mode, 2.0**31 - 1)
            yield Case(f"fft {n} {mode}", FFT, (bits,), (z, w), (8 * n,))
        any_z = rng.integers(-(2**31), 2**31, (n, 2)).astype(np.int32)
        yield Case(f"bit_reverse {n}", BIT_REVERSE, (bits,), (any_z, w), (8 * n,))
        for mode in ("disc", "circle", "axes", "small"):
            # Magnitudes up to 2^30: the sum of two halves and a rotated half of two stays within 32 bits.
            angle = rng.uniform(0, 2 * np.pi, n + 1)
            if mode == "axes":
                angle = np.rint(angle / (np.pi / 2)) * (np.pi / 2)
            radius = rng.uniform(0, 1, n + 1) if mode == "disc" else np.ones(n + 1)
            radius = radius * (30 if mode == "small" else 2.0**30 - 16)
            z = np.rint(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.int32)
            yield Case(f"split_forward {n} {mode}", SPLIT_FORWARD, (bits,), (z, split), (8 * (n + 1),))
            z[[0, n], 1] = 0
            yield Case(f"split_inverse {n} {mode}", SPLIT_INVERSE, (bits,), (z, split), (8 * (n + 1),))


def window_cases(rng: np.random.Generator) -> Iterator[Case]:
    for bits in range(5, 12):
        full = 2 << bits
        for size in (2, 4, 6, 14, full // 2 - 2, full // 2, full // 2 + 2, full * 15 // 16, full - 2, full):
            shift = int(rng.integers(0, 31))
            offsets = tuple(int(offset) for offset in rng.choice([0, 2, 4, 6], 2))
            extreme = rng.random() < 0.3
            x, w = (
                rng.choice(INT16_EXTREMES, size)
                if extreme
                else rng.integers(-32768, 32768, size).astype(np.int16)
                for _ in range(2)
            )
            arguments = (size, shift, bits, *offsets)
            yield Case(f"window {arguments}", WINDOW, arguments, (x, w), (4 * full,))


def real_transform_cases(rng: np.random.Generator) -> Iterator[Case]:
    for bits in range(5, 12):
        n = 1 << bits
        w, _ = twiddles(n)
        for size in (2, n, n + 2, 3 * n // 2 - 2, 3 * n // 2, 3 * n // 2 + 2, 15 * n // 8, 2 * n):
            # 2^bits points of 2^30 * sqrt(2) >> shift: no sum of theirs needs 32 bits.
            shift = int(rng.integers(bits, 31))
            offsets = tuple(int(offset) for offset in rng.choice([0, 2, 4, 6], 2))
            x, window = (rng.integers(-32768, 32768, size).astype(np.int16) for _ in range(2))
            if rng.random() < 0.3:
                x = rng.choice(INT16_EXTREMES, size)
            arguments = (size, shift, bits, *offsets)
            yield Case(f"rfft {arguments}", RFFT, arguments, (x, window, w), (8 * (n + 1),))
        for shift in (15, 16, 17, 24, 30):
            floor = int(rng.choice([0, 1, 4915, 16384]))
            z = complex_points(rng, n + 1, "noise", 2.0**30)
            mask = rng.integers(0, 32768, n + 1).astype(np.int16)
            if rng.random() < 0.3:
                mask = rng.choice(np.array([0, 1, 32767], np.int16), n + 1)
            arguments = (bits, floor, shift, int(rng.choice([0, 2, 4, 6])))
            yield Case(f"irfft {arguments}", IRFFT, arguments, (z, mask, w), (8 * n,))


def mask_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shift in range(15, 31):
        for bins in (1, 2, 3, 4, 5, 7, 8, 9, 33, 257):
            floor = int(rng.choice([0, 1, 328, 3277, 16383, 16384]))
            z = rng.integers(-(2**31), 2**31, (bins, 2)).astype(np.int32)
            gain = rng.integers(0, 32768, bins).astype(np.int16)
            if rng.random() < 0.4:
                z, gain = (
                    rng.choice(INT32_EXTREMES, (bins, 2)),
                    rng.choice(np.array([0, 1, 32767], np.int16), bins),
                )
            arguments = (bins, floor, shift, int(rng.choice([0, 2, 4, 6])))
            yield Case(f"mask {arguments}", MASK, arguments, (z, gain), (8 * bins,))


def band_mask_cases(rng: np.random.Generator) -> Iterator[Case]:
    for number, count in enumerate([1, 2, 3, 4, 5, 8, 23, 24, 33, 71, 72, 73] * 6):
        bins = int(rng.integers(1, 7 * count + 2))
        # Some segments are empty, and some bins before and behind all of them.
        edge = np.sort(rng.integers(0, bins + 1, count + 2))
        band, rising = rng.integers(0, 32768, count), rng.integers(0, 32768, bins)
        if number % 3 == 0:
            band, rising = rng.choice([0, 1, 32767], count), rng.choice([0, 1, 32767], bins)
        arguments = (count, bins, *(int(offset) for offset in rng.choice([0, 2, 4, 6], 4)))
        types = (np.int16, np.uint16, np.int16)
        arrays = tuple(map(np.ndarray.astype, (band, edge, rising), types))
        yield Case(f"band_mask {arguments}", BAND_MASK, arguments, arrays, (2 * bins,))


def overlap_cases(rng: np.random.Generator) -> Iterator[Case]:
    sizes = [
        (2, 1),
        (2, 2),
        (4, 3),
        (6, 2),
        (8, 8),
        (14, 5),
        (16, 4),
        (64, 32),
        (66, 33),
        (240, 80),
        (480, 160),
    ]
    for number, shift in enumerate(range(1, 31)):
        for size, hop in (sizes[number % len(sizes)], sizes[(number * 3 + 1) % len(sizes)]):
            scale = 2.0 ** rng.uniform(10, 30) if shift > 8 else 2.0 ** (shift + 14)
            total, z = (rng.uniform(-scale, scale, size).astype(np.int32) for _ in range(2))
            w = rng.integers(0, 32768, size).astype(np.int16)
            if number % 3 == 0:
                total = rng.choice(np.array([-(2**30), 0, 2**30 - 1], np.int32), size)
                z, w = rng.choice(INT32_EXTREMES, size), rng.choice(np.array([0, 1, 32767], np.int16), size)
            arguments = (size, hop, shift, *(int(offset) for offset in rng.choice([0, 2, 4, 6], 2)))
            yield Case(f"overlap_add {arguments}", OVERLAP_ADD, arguments, (total, z, w), (4 * size, 2 * hop))


def log2_cases(rng: np.random.Generator) -> Iterator[Case]:
    near = [max(1, (1 << bit) + step) for bit in range(64) for step in (-1, 0, 1)]
    anywhere = [
        int(x) >> int(s) | 1
        for x, s in zip(rng.integers(0, 2**63, 3000), rng.integers(0, 63, 3000), strict=True)
    ]
    x = np.array([*near, *anywhere, 2**64 - 1], dtype=np.uint64)
    yield Case("log2", LOG2, (len(x),), (x,), (4 * len(x),))


def feature_cases(rng: np.random.Generator) -> Iterator[Case]:
    for number, count in enumerate([1, 2, 3, 4, 5, 6, 7, 8, 9, 23, 24, 71, 72, 73] * 6):
        mel = number % 3 != 0
        bins = int(rng.integers(count, 6 * count + 2)) if mel else count
        shift = (0, 1, 14, 24, 31, 32, 33, 62)[number % 8] if number % 2 else int(rng.integers(63))
        # The energy of all bins stays below 2^49, so that its Q15 fits 64 bits.
        peak = min(2.0**31 - 1, np.sqrt(2.0 ** (48 + shift) / bins))
        z = np.trunc(rng.uniform(-peak, peak, (bins, 2)) * 10 ** rng.uniform(-5, 0, (bins, 1)))
        rising = rng.integers(0, 32768, bins)
        mean, gain = rng.integers(10 << 16, 30 << 16, count), rng.integers(1 << 14, 1 << 17, count)
        if number % 4 == 1:
            z, rising = rng.choice([-peak, 0, peak], (bins, 2)), rng.choice([0, 1, 32767], bins)
            mean, gain = rng.choice([1 - 2**22, 0, 2**22 - 1], count), rng.choice([0, 1, 2**27 - 1], count)
        # Some bands are empty.
        edge = np.sort(rng.integers(0, bins + 1, count + 2))
        arguments = (
            count,
            int(not mel),
            shift,
            bins,
            *(int(offset) for offset in rng.choice([0, 2, 4, 6], 2)),
        )
        types = (np.int32, np.uint16, np.int16, np.int32, np.int32)
        arrays = tuple(map(np.ndarray.astype, (np.trunc(z), edge, rising, mean, gain), types))
        yield Case(f"features {arguments}", FEATURES, arguments, arrays, (2 * count,))


def kernel_cases() -> list[Case]:
    """All of them, the same at every call."""
    makers = (
        matrix_cases,
        activation_cases,
        lstm_cases,
        transform_cases,
        window_cases,
        real_transform_cases,
        mask_cases,
        band_mask_cases,
        overlap_cases,
        log2_cases,
        feature_cases,
    )
    return [case for seed, maker in enumerate(makers) for case in maker(np.random.default_rng(seed))]


# Networks.

SMALL = FrontEnd(rate=8000, window_size=240, hop=80, fft_size=256, bands=24)
NETWORKS = {
    "one": (SMALL, (Layer("conv1d", 7, "tanh", 3), Layer("lstm", 5, "tanh"), Layer("fc", 129, "sigmoid"))),
    "two": (
        SMALL,
        (
            Layer("fc", 9, "relu6"),
            Layer("lstm", 13, "tanh"),
            Layer("fc", 11, "linear"),
            Layer("fc", 129, "sigmoid"),
        ),
    ),
    "three": (FrontEnd(), (Layer("lstm", 1, "tanh"), Layer("lstm", 3, "tanh"), Layer("fc", 257, "sigmoid"))),
    "four": (
        FrontEnd(window_size=256, hop=128, fft_size=256, feat_type="pspec"),
        (Layer("conv1d", 10, "relu6", 2, 2), Layer("fc", 129, "sigmoid")),
    ),
    "five": (
        FrontEnd(window_size=66, hop=33, fft_size=128, bands=9),
        (Layer("fc", 72, "tanh"), Layer("fc", 65, "sigmoid")),
    ),
    "six": (
        FrontEnd(window_size=1024, hop=256, fft_size=1024),
        (Layer("conv1d", 8, "tanh", 5), Layer("fc", 513, "sigmoid")),
    ),
    "bands": (FrontEnd(), (Layer("lstm", 5, "tanh"), Layer("fc", 72, "sigmoid"))),
    "odd_bands": (
        replace(SMALL, bands=33, low_cut=200.0),
        (Layer("conv1d", 6, "tanh", 3, 2), Layer("conv1d", 33, "sigmoid", 2, 3)),
    ),
}
"""A front end and layers each: odd widths, strides, every activation, masks of bins and of bands, transforms of even
and odd powers of two."""

SMALL_MFCC = replace(SMALL, feat_type="mfcc", coefficients=13)
LAST = Layer("lstm", 6, "tanh", returns_last=True)
CLASSIFIERS = {
    "words": (
        SMALL,
        (Layer("lstm", 9, "tanh"), Layer("fc", 5, "softmax")),
        DetectorTable("event", 1, 2, 5000),
        0,
    ),
    "voice": (
        SMALL_MFCC,
        (Layer("conv1d", 7, "relu6", 3, 2), Layer("fc", 1, "sigmoid")),
        DetectorTable("state", 2, 3, 14000),
        0,
    ),
    "clips": (
        replace(SMALL_MFCC, bands=33, coefficients=33),
        (Layer("conv1d", 8, "tanh", 2, 3), LAST, Layer("fc", 7, "relu6"), Layer("fc", 12, "softmax")),
        DetectorTable("event", 0, 1, 3000),
        9,
    ),
    "loud_clips": (
        FrontEnd(window_size=1024, hop=256, fft_size=1024, feat_type="mfcc", bands=128),
        (LAST, Layer("fc", 3, "sigmoid")),
        DetectorTable("event", 7, 1, 0),
        7,
    ),
}
"""A front end, layers, detector and frames of a clip each: mel and cepstrum, softmax and sigmoid, strides and clips."""


def network_model(number: int, name: str) -> IntegerModel:
    if name in CLASSIFIERS:
        return classifier(*CLASSIFIERS[name], number, name)
    fe, layers = NETWORKS[name]
    arch = Arch(name, fe.feature_count, 0.0, layers)
    rng = np.random.default_rng(number)
    mean, deviation = rng.uniform(14, 22, fe.feature_count), rng.uniform(2, 5, fe.feature_count)
    network = quantization.quantize(arch, random_weights(arch, number, 0.7))
    return IntegerModel(network, frontend.build(fe, mean, deviation))


def network_cases(models: list[IntegerModel]) -> Iterator[tuple[Case, np.ndarray]]:
    """Every model on noise of three levels, and what it makes of it in NumPy."""
    rng = np.random.default_rng(20)
    for number, model in enumerate(models):
        samples = 12 * model.frontend.float_form.hop
        loud = rng.integers(-32768, 32768, samples)
        full = np.where(np.arange(samples) // 8 % 2, -32768, 32767)
        x = np.concatenate([loud, loud // 256, full]).astype(np.int16)
        name = model.network.arch.name
        if model.detector:
            scores = IntegerClassifier(model).process(x)
            decisions = IntegerDetector(model.detector, len(model.labels)).process(scores)
            wanted = np.concatenate([scores, decisions[:, None].astype(np.int16)], axis=1).ravel()
            assert 0 < np.count_nonzero(decisions) < len(decisions), name
            arguments = (number, len(x), len(scores))
            yield Case(f"classifier {name}", CLASSIFIER, arguments, (x,), (wanted.nbytes,)), wanted
            continue
        x[15 * len(x) // 36 : 22 * len(x) // 36] = 1  # silence to the enhancer
        for skip in (0, 3):
            active = np.arange(36) // skip % 2 == 0 if skip else None
            case = Case(f"network {name} {skip}", ENHANCER, (number, len(x), skip), (x,), (2 * len(x),))
            yield case, IntegerEnhancer(model).process(x, active)


# Builds and runs.


@dataclass(frozen=True)
class Program:
    """The program for a target, or with the portable kernels for this computer."""

    target: str
    path: Path
    folder: Path

    def run(self, cases: list[Case]) -> list[bytes]:
        """What every case gave."""
        results: list[bytes] = []
        for batch in batches(cases):
            (self.folder / "cases.bin").write_bytes(b"".join(case.packed() for case in batch))
            (self.folder / "results.bin").unlink(missing_ok=True)
            if self.target == "host":
                done = subprocess.run([self.path], cwd=self.folder, capture_output=True, text=True)
            else:
                done = run_image(self.target, self.path, self.folder)
            assert done.returncode == 0, f"{self.target}: status {done.returncode} {done.stderr}"
            data = (self.folder / "results.bin").read_bytes()
            for case in batch:
                results.append(data[: case.output_bytes])
                data = data[case.output_bytes :]
        return results


def batches(cases: Iterable[Case]) -> Iterator[list[Case]]:
    batch: list[Case] = []
    size = 0
    for case in cases:
        needs = max(len(case.packed()), case.output_bytes)
        if size + needs > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(case)
        size += needs
    yield batch


def compiled(compiler: str, output: Path, *options: str | Path) -> Path:
    done = subprocess.run([compiler, *map(str, options), "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def models() -> list[IntegerModel]:
    return [network_model(number, name) for number, name in enumerate([*NETWORKS, *CLASSIFIERS])]


@pytest.fixture(scope="module")
def tables_folder(tmp_path_factory: pytest.TempPathFactory, models: list[IntegerModel]) -> Path:
    """Generated tables of all models, and models.h, which names them."""
    import bench_image

    folder = tmp_path_factory.mktemp("tables")
    stems = []
    for number, model in enumerate(models):
        name = model.network.arch.name
        made = tables.Provenance("test", "test", "test")
        tables.write(folder, tables.model_files(model, number, name, made))
        stems.append(f"def_nn{number}_{name}")
    (folder / "models.h").write_text(bench_image.models_header(stems))
    return folder


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, tables_folder: Path) -> Program:
    """The portable kernels here, checked for overflow and undefined behaviour."""
    import library_sources

    folder = tmp_path_factory.mktemp("host")
    sources = [*library_sources.find(ROOT), *sorted(tables_folder.glob("*.c")), SOURCE]
    sanitize = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    options = [*STRICT, *sanitize, "-DNNSP_CHECKED", *INCLUDE, f"-I{tables_folder}", *sources]
    return Program("host", compiled("gcc", folder / "kernels", *options), folder)


@pytest.fixture(scope="module", params=list(MACHINES))
def board(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tables_folder: Path
) -> Program:
    """A target's own kernels, in the objects that scons built."""
    import cortex_m

    name = request.param
    folder, target = tmp_path_factory.mktemp(name), importlib.import_module(f"target_{name}")
    loaded = re.findall(
        r"^LOAD (\S+\.o)$", build(name, portable=False).with_suffix(".map").read_text(), re.MULTILINE
    )
    parts = ("nnsp_lib", "firmware/boards")
    objects = sorted({ROOT / path for path in loaded if any(part in path for part in parts)})
    options = [*target.MACHINE, *cortex_m.FLAGS, *INCLUDE, f"-I{tables_folder}"]
    for source in [*sorted(tables_folder.glob("*.c")), SOURCE]:
        objects.append(compiled("arm-none-eabi-gcc", folder / f"{source.stem}.o", "-c", *options, source))
    script = cortex_m.linker_script([ROOT / part for part in target.BOARD])
    link = [*target.MACHINE, *cortex_m.LINK, *script, *objects]
    return Program(name, compiled("arm-none-eabi-gcc", folder / "kernels.elf", *link), folder)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return kernel_cases()


@pytest.fixture(scope="module")
def expected(host: Program, cases: list[Case]) -> list[bytes]:
    return host.run(cases)


def differing(cases: list[Case], ours: list[bytes], theirs: list[bytes]) -> list[str]:
    """A line for every case where the bytes differ, with the first place of it."""
    lines = []
    for case, a, b in zip(cases, ours, theirs, strict=True):
        if a != b:
            first = next(
                (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
            )
            lines.append(f"{case.label}: byte {first - GUARDS // 2} of {len(a) - GUARDS}")
    return lines


@pytest.mark.slow
def test_kernels_equal_the_portable_ones(board: Program, cases: list[Case], expected: list[bytes]) -> None:
    wrong = differing(cases, board.run(cases), expected)
    assert not wrong, f"{board.target}: {len(wrong)} of {len(cases)} cases differ:\n" + "\n".join(wrong[:40])


def altered(case: Case) -> Case:
    """The case with one bit of one input turned."""
    number = {MATVEC: 3, GATES: 3}.get(case.kind, 0)
    array = case.arrays[number].copy()
    array.reshape(-1)[min(array.size // 2, 6) :][:1] ^= array.dtype.type(
        1 << {2: 9, 4: 8, 8: 3}[array.itemsize]
    )
    return replace(case, arrays=(*case.arrays[:number], array, *case.arrays[number + 1 :]))


@pytest.mark.slow
def test_a_planted_fault_is_seen(
    board: Program, host: Program, cases: list[Case], expected: list[bytes]
) -> None:
    """One bit of what a kernel gets on the board is wrong: every kind of kernel must be seen to differ."""
    for kind in range(ENHANCER):
        numbers = [i for i, case in enumerate(cases) if case.kind == kind][:60]
        wrong = [altered(cases[i]) for i in numbers]
        # A wrong bit may be lost in a saturation or a shift: take those that show.
        seen = [i for i, result in zip(numbers, host.run(wrong), strict=True) if result != expected[i]]
        assert seen, kind
        given = board.run([altered(cases[i]) for i in seen])
        assert len(differing([cases[i] for i in seen], given, [expected[i] for i in seen])) == len(seen)


@pytest.mark.slow
def test_random_networks(board: Program, host: Program, models: list[IntegerModel]) -> None:
    """Generated tables compiled for each target, whole enhancers and classifiers, against NumPy."""
    pairs = list(network_cases(models))
    cases = [case for case, _ in pairs]
    for program in (host, board):
        for (case, wanted), result in zip(pairs, program.run(cases), strict=True):
            given = np.frombuffer(result[GUARDS // 2 : -GUARDS // 2], dtype=np.int16)
            np.testing.assert_array_equal(given, wanted, err_msg=f"{program.target}: {case.label}")
    assert len(cases) == 2 * len(NETWORKS) + len(CLASSIFIERS)
