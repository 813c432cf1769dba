# SPDX-License-Identifier: BSD-3-Clause
"""tanh, sigmoid, log2 and the scales: NumPy against the exact functions, and C against NumPy."""

from collections.abc import Callable

import numpy as np
import pytest

from nnsp import arithmetic
from nnsp.integer import clib, tables
from nnsp.places import ROOT

Function = Callable[[np.ndarray], np.ndarray]
EVERY_INT16 = np.arange(-32768, 32768, dtype=np.int16)


def c_activation(name: str) -> np.ndarray:
    library = clib.library()
    y = EVERY_INT16.copy()
    getattr(library.lib, name)(library.ffi.from_buffer("int16_t[]", y), len(y))
    return y


@pytest.mark.parametrize(
    ("ours", "exact", "frac", "kernel"),
    [
        (arithmetic.tanh, np.tanh, 12, "nnsp_tanh_s16"),
        (arithmetic.sigmoid, lambda x: 1 / (1 + np.exp(-x)), 11, "nnsp_sigmoid_s16"),
    ],
)
def test_activation_error(ours: Function, exact: Function, frac: int, kernel: str) -> None:
    y = ours(EVERY_INT16)
    error = np.abs(y / 2**15 - exact(EVERY_INT16 / 2**frac)).max()
    print(f"{kernel}: largest error over all 65 536 inputs {error:.3g} = 2^{np.log2(error):.2f}")
    assert error <= 2**-14
    assert np.all(np.diff(y.astype(int)) >= 0)
    np.testing.assert_array_equal(c_activation(kernel), y)


@pytest.mark.parametrize("units", [1, 2, 5, 11, 33, 128])
def test_softmax_error(units: int) -> None:
    """Against the exact softmax of the same integers: what small shares lose in Q16 adds up with the units."""
    rng = np.random.default_rng(units)
    drawn = rng.normal(0, 2048, (4000, units)) * 10 ** rng.uniform(-1, 1.5, (4000, 1))
    alone = np.zeros((len(EVERY_INT16[::8]), units))
    alone[:, 0] = EVERY_INT16[::8]
    x = np.clip(np.concatenate([drawn, alone]), -32768, 32767).astype(np.int16)
    y = arithmetic.softmax(x)
    exact = np.exp((x - x.max(axis=1, keepdims=True).astype(float)) / 2048)
    exact /= exact.sum(axis=1, keepdims=True)
    error = np.abs(y / 2**15 - exact).max()
    print(f"softmax of {units}: largest error {error:.3g} = 2^{np.log2(error):.2f}")
    assert error <= 2**-15 + units * 2**-17
    assert y.min() >= 0
    library = clib.library()
    some = x[::4].copy()
    for row in some:
        library.lib.nnsp_softmax_s16(library.ffi.from_buffer("int16_t[]", row), units)
    np.testing.assert_array_equal(some, y[::4])


def test_softmax_of_the_most_units_does_not_overflow() -> None:
    library = clib.library(checked=True)
    x = np.full(16383, 32767, dtype=np.int16)
    y = x.copy()
    library.lib.nnsp_softmax_s16(library.ffi.from_buffer("int16_t[]", y), len(y))
    np.testing.assert_array_equal(y, arithmetic.softmax(x))
    assert set(y) == {2}


def test_log2_error() -> None:
    library = clib.library()
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [
            np.arange(1, 4096, dtype=np.uint64),
            np.uint64(2) ** np.arange(64, dtype=np.uint64),
            np.uint64(2) ** np.arange(1, 64, dtype=np.uint64) - np.uint64(1),
            np.array([2**64 - 1], dtype=np.uint64),
            np.floor(2.0 ** rng.uniform(0, 63.9, 5000)).astype(np.uint64),
        ]
    )
    ours = arithmetic.log2(x)
    error = np.abs(ours / 65536 - np.log2(x.astype(np.float64))).max()
    print(f"log2: largest error {error:.3g} = 2^{np.log2(error):.2f}")
    assert error < 2**-14
    np.testing.assert_array_equal([library.lib.nnsp_log2_u64(int(v)) for v in x], ours)


def test_round_shift_rounds_halves_up() -> None:
    x = np.array([-3, -2, -1, 0, 1, 2, 3], dtype=np.int64)
    np.testing.assert_array_equal(arithmetic.round_shift(x, 1), [-1, -1, 0, 0, 1, 1, 2])


def test_committed_lookup_is_what_the_tool_writes() -> None:
    committed = ROOT / "nnsp_lib" / "src" / "kernels" / "lookup.c"
    assert committed.read_text() == tables.lookup_source(), "run python py_tools/make_lookup.py"


@pytest.mark.parametrize("magnitude", [1e-6, 0.02, 1.0, 30.0])
@pytest.mark.parametrize("bias", [0.0, 0.5, 100.0])
def test_scales_leave_the_accumulator_room(magnitude: float, bias: float) -> None:
    rng = np.random.default_rng(2)
    weights = (rng.standard_normal((20, 600)) * magnitude * 10.0 ** rng.uniform(-4, 0, (20, 1))).astype(
        np.float32
    )
    offsets = np.full(20, bias, dtype=np.float32)
    unit, [(multiplier, scale)] = arithmetic.layer_scales([(weights, offsets, 12)], np.full(20, 12))
    integers = np.floor(weights / scale[:, None] + 0.5)
    assert np.abs(integers).max() <= 127
    load = 32768 * np.abs(integers).sum(axis=1) + np.abs(np.round(offsets * 4096 / scale))
    assert load.max() <= 2**31 - 1
    assert multiplier.min() >= 32 and multiplier.max() <= 32767
    np.testing.assert_allclose(scale, multiplier * unit, rtol=1e-6)
