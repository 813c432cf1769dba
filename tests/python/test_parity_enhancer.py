"""The C enhancer equals the NumPy one to the bit; both keep to the float front end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import random_weights
from nnsp import arithmetic
from nnsp.errors import UserError
from nnsp.integer import clib, frontend, quantization, tables
from nnsp.integer.clib import CEnhancer, TableEnhancer
from nnsp.integer.enhancer import IntegerEnhancer, IntegerModel
from nnsp.network.arch import Arch, Layer
from nnsp.signal import frontend as float_frontend
from nnsp.signal.frontend import FrontEnd

FRONT_ENDS = [
    FrontEnd(),
    FrontEnd(feat_type="pspec"),
    FrontEnd(window_size=256, hop=128, fft_size=256, bands=32),
    FrontEnd(rate=8000, window_size=240, hop=80, fft_size=256, bands=24),
    FrontEnd(window_size=1024, hop=256, fft_size=1024, bands=72),
]


def build_model(fe: FrontEnd, strides: int = 1, seed: int = 1) -> IntegerModel:
    """An untrained network on a front end with made-up statistics."""
    layers = (
        Layer("conv1d", 16, "tanh", kernel_size=3, strides=strides),
        Layer("lstm", 12, "tanh"),
        Layer("fc", fe.bins, "sigmoid"),
    )
    arch = Arch("small", fe.feature_count, 0.0, layers)
    rng = np.random.default_rng(seed)
    mean, std = rng.uniform(14, 22, fe.feature_count), rng.uniform(2, 5, fe.feature_count)
    network = quantization.quantize(arch, random_weights(arch, seed, 0.7))
    return IntegerModel(network, frontend.build(fe, mean, std))


def signals(samples: int) -> dict[str, np.ndarray]:
    """Quiet, usual and worst-case sounds, int16 [samples]."""
    rng = np.random.default_rng(5)
    t = np.arange(samples)
    full = np.where(rng.random(samples) < 0.5, -32768, 32767)
    return {
        "silence": np.zeros(samples, dtype=np.int16),
        "one bit": rng.integers(-1, 2, samples).astype(np.int16),
        "noise": np.clip(rng.normal(0, 3000, samples), -32768, 32767).astype(np.int16),
        "sweep": (20000 * np.sin(0.5 * np.pi * t**2 / samples)).astype(np.int16),
        "full-scale noise": full.astype(np.int16),
        "square": np.where(t // 8 % 2, -32768, 32767).astype(np.int16),
        "constant": np.full(samples, -32768, dtype=np.int16),
    }


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
@pytest.mark.parametrize("strides", [1, 3])
def test_c_equals_numpy(fe: FrontEnd, strides: int) -> None:
    model = build_model(fe, strides)
    library = clib.library(checked=True)
    library.lib.nnsp_checked.overflows = 0
    for name, x in signals(40 * fe.hop).items():
        expected = IntegerEnhancer(model).process(x)
        np.testing.assert_array_equal(CEnhancer(model).process(x), expected, err_msg=name)
        np.testing.assert_array_equal(CEnhancer(model, library).process(x), expected, err_msg=name)
        assert library.lib.nnsp_checked.overflows == 0, name


@pytest.mark.parametrize("strides", [1, 3])
def test_any_split_of_the_stream_gives_the_same(strides: int) -> None:
    model = build_model(FrontEnd(), strides)
    x = signals(30 * 160)["noise"]
    whole = IntegerEnhancer(model).process(x)
    for make in (IntegerEnhancer, CEnhancer):
        stream = make(model)
        cuts = [160, 320, 5 * 160, 5 * 160, 16 * 160]
        np.testing.assert_array_equal(
            np.concatenate([stream.process(part) for part in np.split(x, cuts)]), whole
        )


def test_save_restore_and_interleave() -> None:
    model = build_model(FrontEnd())
    x, y = signals(20 * 160)["noise"], signals(20 * 160)["sweep"]
    one, two = CEnhancer(model), CEnhancer(model)
    one.process(x[:1600])
    saved = one.save()
    two.process(y)
    rest = one.process(x[1600:])
    two.restore(saved)
    np.testing.assert_array_equal(two.process(x[1600:]), rest)
    one.reset()
    np.testing.assert_array_equal(one.process(y), IntegerEnhancer(model).process(y))


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_analysis_and_synthesis_alone_give_back_the_input(fe: FrontEnd) -> None:
    model = build_model(fe)
    fixed = model.frontend
    delay = fe.window_size - fe.hop
    for name in ("noise", "sweep"):
        x = signals(200 * fe.hop)[name]
        re, im = frontend.analyse(fixed, frontend.framed(fixed, x))
        parts = frontend.synthesise(fixed, re, im, np.full((len(re), fe.bins), 32767, dtype=np.int16))
        total = np.zeros(len(x) + delay, dtype=np.int64)
        for t, part in enumerate(parts):
            total[t * fe.hop : t * fe.hop + fe.window_size] += part
        y = arithmetic.saturate16(arithmetic.round_shift(total, fixed.output_shift))[delay : len(x)].astype(
            float
        )
        wanted = x[: len(y)].astype(float)
        snr = 10 * np.log10(np.sum(wanted**2) / np.sum((y - wanted) ** 2))
        print(f"{fe}: {name} analysis-synthesis {snr:.1f} dB")
        assert snr >= 80


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_features_keep_to_the_float_front_end(fe: FrontEnd) -> None:
    model = build_model(fe)
    mean, std = model.frontend.mean / 65536, 65536 / model.frontend.gain
    for name in ("noise", "sweep", "one bit", "silence"):
        frames = frontend.framed(model.frontend, signals(50 * fe.hop)[name])
        re, im = frontend.analyse(model.frontend, frames)
        power = np.abs(np.fft.rfft(frames * float_frontend.window(fe), fe.fft_size)) ** 2
        energy = power @ float_frontend.mel_matrix(fe) if fe.feat_type == "mel" else power
        wanted = np.clip((np.log2(np.maximum(energy, 1)) - mean) / std, -8, 8 - 2**-12)
        error = np.abs(frontend.features(model.frontend, re, im) / 4096 - wanted)
        # The window is rounded to 16 bits, which is heard 70 dB below a frame's peak; energies are whole numbers.
        silent = energy < 1
        heard = (energy >= 1e-7 * energy.max(axis=1, keepdims=True)) & (energy >= 100)
        assert np.all(error[silent] < 1e-3), name
        if name == "silence":
            continue
        error = error[heard]
        assert error.size > 50, name
        assert np.mean(error) < 5e-3, name
        assert error.max() < 0.05, name


def test_compiled_tables_equal_the_model(tmp_path: Path) -> None:
    model = build_model(FrontEnd())
    made = tables.Provenance("command", "arch", "weights")
    tables.write(tmp_path, tables.model_files(model, 7, "tiny", made))
    x = signals(20 * 160)["noise"]
    compiled = TableEnhancer(tmp_path / "def_nn7_tiny.c")
    assert compiled.state_bytes == tables.enhancer_state_bytes(model)
    np.testing.assert_array_equal(compiled.process(x), IntegerEnhancer(model).process(x))


def test_tables_of_another_version_do_not_compile(tmp_path: Path) -> None:
    made = tables.Provenance("command", "arch", "weights")
    files = tables.model_files(build_model(FrontEnd()), 7, "old", made)
    stale = {
        name: text.replace(f"NNSP_TABLE_VERSION != {tables.TABLE_VERSION}", "NNSP_TABLE_VERSION != 0")
        for name, text in files.items()
    }
    tables.write(tmp_path, stale)
    with pytest.raises(UserError, match="convert the network again"):
        TableEnhancer(tmp_path / "def_nn7_old.c")


def test_network_must_fit_the_front_end() -> None:
    fixed = build_model(FrontEnd()).frontend
    for layers, neurons, sentence in [
        ((Layer("fc", 257, "sigmoid"),), 40, "input_neurons 40, but --feat_type=mel gives 72 features"),
        ((Layer("fc", 100, "sigmoid"),), 72, "must be an fc or conv1d of 257 sigmoid neurons"),
        ((Layer("fc", 257, "tanh"),), 72, "not fc 257 tanh"),
        ((Layer("lstm", 257, "tanh"),), 72, "not lstm 257 tanh"),
    ]:
        arch = Arch("wrong", neurons, 0.0, layers)
        with pytest.raises(UserError, match=sentence):
            IntegerModel(quantization.quantize(arch, random_weights(arch, 1, 0.5)), fixed)


@pytest.mark.parametrize(
    "change", [{"fft_size": 500}, {"window_size": 481}, {"window_size": 640}, {"hop": 600}]
)
def test_sizes_that_the_transform_cannot_take_are_refused(change: dict[str, Any]) -> None:
    fe = replace(FrontEnd(), **change)
    with pytest.raises(UserError, match="front end: fft_size"):
        frontend.build(fe, np.zeros(72), np.ones(72))


def test_feature_that_never_moves_is_refused() -> None:
    std = np.ones(72)
    std[5] = 1e-4
    with pytest.raises(UserError, match=r"feature 5 has mean 0 and deviation 0\.0001; expected"):
        frontend.build(FrontEnd(), np.zeros(72), std)
