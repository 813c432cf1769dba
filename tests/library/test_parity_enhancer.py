# SPDX-License-Identifier: BSD-3-Clause
"""The C enhancer equals the NumPy one to the bit; both keep to the float front end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import build_model, random_weights, signals
from nnsp import arithmetic
from nnsp.errors import UserError
from nnsp.integer import calibration, clib, frontend, quantization, tables
from nnsp.integer.c_streams import CEnhancer, TableEnhancer
from nnsp.integer.enhancer import IntegerEnhancer
from nnsp.integer.model import IntegerModel
from nnsp.network import sizes
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


MEL = [fe for fe in FRONT_ENDS if fe.feat_type == "mel"]
ODD_BANDS = FrontEnd(window_size=256, hop=128, fft_size=256, bands=33, low_cut=300.0)


@pytest.mark.parametrize(
    ("fe", "masks"),
    [*((fe, "bins") for fe in FRONT_ENDS), *((fe, "bands") for fe in MEL), (ODD_BANDS, "bands")],
    ids=str,
)
@pytest.mark.parametrize("strides", [1, 3])
def test_c_equals_numpy(fe: FrontEnd, masks: str, strides: int) -> None:
    model = build_model(fe, strides, outputs=getattr(fe, masks))
    library = clib.library(checked=True)
    library.lib.nnsp_checked.overflows = 0
    for name, x in signals(40 * fe.hop).items():
        expected = IntegerEnhancer(model).process(x)
        np.testing.assert_array_equal(CEnhancer(model).process(x), expected, err_msg=name)
        np.testing.assert_array_equal(CEnhancer(model, library).process(x), expected, err_msg=name)
        assert library.lib.nnsp_checked.overflows == 0, name


@pytest.mark.parametrize("outputs", [257, 72])
@pytest.mark.parametrize("strides", [1, 3])
def test_any_split_of_the_stream_gives_the_same(strides: int, outputs: int) -> None:
    model = build_model(FrontEnd(), strides, outputs=outputs)
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
@pytest.mark.parametrize("strides", [1, 3])
def test_skipped_hops_in_c_equal_numpy(fe: FrontEnd, strides: int) -> None:
    model = build_model(fe, strides)
    library = clib.library(checked=True)
    library.lib.nnsp_checked.overflows = 0
    active = np.random.default_rng(8).random(40) < 0.6
    for name, x in signals(40 * fe.hop).items():
        expected = IntegerEnhancer(model).process(x, active)
        np.testing.assert_array_equal(CEnhancer(model).process(x, active), expected, err_msg=name)
        np.testing.assert_array_equal(CEnhancer(model, library).process(x, active), expected, err_msg=name)
        assert library.lib.nnsp_checked.overflows == 0, name
        for stream in (IntegerEnhancer(model), CEnhancer(model)):
            parts = zip(np.split(x, [7 * fe.hop, 8 * fe.hop]), np.split(active, [7, 8]), strict=True)
            whole = np.concatenate([stream.process(part, on) for part, on in parts])
            np.testing.assert_array_equal(whole, expected, err_msg=name)


def test_halves_of_a_hop_are_the_whole() -> None:
    model = build_model(FrontEnd())
    x = signals(20 * 160)["noise"]
    enhancer = CEnhancer(model)
    out = []
    for hop in x.reshape(-1, 160):
        enhancer.analyse(hop)
        out.append(enhancer.finish())
    np.testing.assert_array_equal(np.concatenate(out), IntegerEnhancer(model).process(x))


def constant_model(fe: FrontEnd, mask: float) -> IntegerModel:
    """A network whose every mask is the same."""
    arch = Arch("constant", fe.feature_count, 0.0, (Layer("fc", fe.bins, "sigmoid"),))
    weights = {
        "kernel": np.zeros((fe.feature_count, fe.bins)),
        "bias": np.full(fe.bins, np.log(mask / (1 - mask))),
    }
    mean, std = np.full(fe.feature_count, 16.0), np.full(fe.feature_count, 3.0)
    return IntegerModel(quantization.quantize(arch, [weights]), frontend.build(fe, mean, std))


@pytest.mark.parametrize("floor", [0.0, 0.15, 0.5])
@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_gain_glides_into_skipped_hops_and_out(fe: FrontEnd, floor: float) -> None:
    """Each sample is the input times the sum of the squared windows, each times the gain of its hop: no clicks."""
    model = constant_model(replace(fe, low_cut=0.0, mask_floor=floor), 0.7)
    active = np.random.default_rng(9).random(100) < 0.5
    active[60:] = False
    delay = fe.window_size - fe.hop
    gain = np.zeros(100 * fe.hop + delay)
    squared = float_frontend.window(fe) ** 2
    for t, on in enumerate(active):
        gain[t * fe.hop : t * fe.hop + fe.window_size] += squared * (floor + (1 - floor) * 0.7 * on)
    for name in ("noise", "sweep", "constant"):
        x = signals(100 * fe.hop)[name]
        wanted = x[:-delay].astype(float) * gain[delay : len(x)]
        error = CEnhancer(model).process(x, active)[delay:] - wanted
        print(f"{fe} {floor}: {name} within {np.abs(error).max():.2f} steps")
        assert np.abs(error).max() <= 3
        assert np.abs(error[61 * fe.hop :]).max() <= 1.5


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_analysis_and_synthesis_alone_give_back_the_input(fe: FrontEnd) -> None:
    model = build_model(replace(fe, low_cut=0.0))
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


@pytest.mark.parametrize("fe", [*MEL, ODD_BANDS], ids=str)
def test_masks_of_bands_keep_to_the_float_ones(fe: FrontEnd) -> None:
    fixed = build_model(fe).frontend
    masks = np.random.default_rng(2).integers(0, 32768, (50, fe.bands)).astype(np.int16)
    masks[0], masks[1], masks[2] = 0, 32767, np.where(np.arange(fe.bands) % 2, 32767, 0)
    found = frontend.bin_masks(fixed, masks).astype(int)
    assert (found[0] == 0).all()
    assert (found[1] == 32767).all()
    error = found - masks @ float_frontend.band_interpolation(fe)
    # Half a step of the weight, and the step that rounding down may take.
    assert error.min() >= -1.5
    assert error.max() <= 0.5


@pytest.mark.parametrize("strides", [1, 3])
def test_after_silence_the_network_starts_anew(strides: int) -> None:
    """After a window of zeros or of a step of noise, with skipped hops and without, in any split of the stream."""
    model, hop = build_model(FrontEnd(), strides), FrontEnd().hop
    x, rng = signals(60 * hop)["noise"], np.random.default_rng(3)
    for start, stop, step in ((0, 2, 0), (9, 12, 1), (20, 31, 0), (40, 42, 0), (57, 60, 1)):
        x[start * hop : stop * hop] = rng.integers(-step, step + 1, (stop - start) * hop)
    skipping = np.arange(60) // 5 % 3 != 1
    cuts = np.array([1, 10, 11, 12, 13, 25, 26])
    for active in (np.ones(60, dtype=bool), skipping):
        whole = IntegerEnhancer(model).process(x, active)
        for make in (IntegerEnhancer, CEnhancer):
            stream = make(model)
            parts = zip(np.split(x, cuts * hop), np.split(active, cuts), strict=True)
            found = np.concatenate([stream.process(part, on) for part, on in parts])
            np.testing.assert_array_equal(found, whole)
    heard, fresh = (IntegerEnhancer(model).process(part) for part in (x, x[31 * hop :]))
    np.testing.assert_array_equal(heard[31 * hop :], fresh)
    # Two hops of zeros, less than a window, are part of the sound.
    assert not np.array_equal(IntegerEnhancer(model).process(x[42 * hop :])[3 * hop :], fresh[14 * hop :])


@pytest.mark.parametrize("outputs", [257, 72])
def test_audio_keeps_to_the_float_network(outputs: int) -> None:
    """From the waveform on: the float front end, the float network, the float masks; the integers in C."""
    fe = FrontEnd()
    layers = (Layer("lstm", 12, "tanh"), Layer("fc", outputs, "sigmoid"))
    arch = Arch("small", fe.feature_count, 0.0, layers)
    weights = random_weights(arch, 1, 0.7)
    mean, std = np.linspace(18, 22, 72), np.full(72, 3.0)
    model = IntegerModel(quantization.quantize(arch, weights), frontend.build(fe, mean, std))
    x = signals(100 * fe.hop)["noise"]
    re, im = float_frontend.analyse(fe, float_frontend.with_history(fe, x.astype(np.float64)))
    features = float_frontend.features(float_frontend.levels(fe, re, im), mean, std)
    gain = float_frontend.gain(fe, calibration.float_activations(arch, weights, features)[-1])
    wanted = float_frontend.synthesise(fe, re * gain, im * gain)
    assert calibration.sqnr_db(wanted, CEnhancer(model).process(x)) > 35


@pytest.mark.parametrize("low_cut", [0.0, 50.0, 300.0])
def test_nothing_below_the_low_cut_comes_through(low_cut: float) -> None:
    """Tones in the middle of bins: those below the cut are gone, the others are as without it."""
    model = build_model(replace(FrontEnd(), low_cut=low_cut))
    for hertz in (0.0, 250.0, 437.5):
        x = (8000 * np.cos(2 * np.pi * hertz / 16000 * np.arange(16000))).astype(np.int16)
        left = np.square(CEnhancer(model).process(x)[8000:].astype(float)).mean()
        # A window of three hops spreads a tone over two bins to either side.
        if hertz + 2 * 31.25 < low_cut:
            assert left < 300
        elif hertz - 2 * 31.25 > low_cut or low_cut == 0:
            assert left > 1e5


def test_masks_of_neither_bins_nor_bands_are_refused_in_c() -> None:
    library = clib.library()
    for fe, outputs in [(FrontEnd(), 100), (FrontEnd(feat_type="pspec"), 72), (FrontEnd(), 300)]:
        model = build_model(fe)
        arch = Arch("wrong", fe.feature_count, 0.0, (Layer("fc", outputs, "sigmoid"),))
        network = quantization.quantize(arch, random_weights(arch, 1, 0.5))
        c = clib.CTables(library)
        table = c.new("nnsp_model *", {"frontend": c.frontend(model.frontend), "network": c.network(network)})
        state = library.ffi.new("uint64_t[]", 4000)
        status = library.lib.nnsp_enhancer_init(library.ffi.new("nnsp_enhancer *"), table, state, 32000)
        assert status == library.lib.NNSP_ERR_SHAPE


def test_networks_of_clips_and_too_little_state_are_refused_in_c() -> None:
    library = clib.library()
    ffi, lib = library.ffi, library.lib
    model, fe = build_model(FrontEnd()), FrontEnd()
    layers = (Layer("lstm", 4, "tanh", returns_last=True), Layer("fc", 257, "sigmoid"))
    arch = Arch("wrong", 72, 0.0, layers, clip_frames=5)
    c, clips = clib.CTables(library), quantization.quantize(arch, random_weights(arch, 1, 0.5))
    table, state, enhancer = c.model(model), ffi.new("uint64_t[]", 4000), ffi.new("nnsp_enhancer *")
    needed = sizes.enhancer_state_bytes(model.network.arch, fe)
    assert lib.nnsp_enhancer_init(enhancer, table, state, needed) == lib.NNSP_OK
    for less in (8, 500, needed - 4000, needed - 2000, needed):
        assert lib.nnsp_enhancer_init(enhancer, table, state, needed - less) == lib.NNSP_ERR_STATE
    table.network = c.network(clips)
    assert lib.nnsp_enhancer_init(enhancer, table, state, 32000) == lib.NNSP_ERR_SHAPE


def test_compiled_tables_equal_the_model(tmp_path: Path) -> None:
    model = build_model(FrontEnd(), outputs=72)
    made = tables.Provenance("command", "arch", "weights")
    tables.write(tmp_path, tables.model_files(model, 7, "tiny", made))
    x = signals(20 * 160)["noise"]
    compiled = TableEnhancer(tmp_path / "def_nn7_tiny.c")
    assert compiled.state_bytes == sizes.enhancer_state_bytes(model.network.arch, FrontEnd())
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
        ((Layer("fc", 257, "sigmoid"),), 40, "input_neurons 40, but `feat_type=mel` gives 72 features"),
        (
            (Layer("fc", 100, "sigmoid"),),
            72,
            r"must be an fc or conv1d of 257 sigmoid neurons \(a gain per frequency bin\) or 72 "
            r"\(a gain per mel band\), not fc 100 sigmoid",
        ),
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


def test_low_cut_of_everything_is_refused() -> None:
    with pytest.raises(UserError, match=r"low_cut 8000\.0 must lie between 0 and 8000 Hz"):
        frontend.build(FrontEnd(low_cut=8000.0), np.zeros(72), np.ones(72))


def test_feature_that_never_moves_is_refused() -> None:
    std = np.ones(72)
    std[5] = 1e-4
    with pytest.raises(UserError, match=r"feature 5 has mean 0 and deviation 0\.0001; expected"):
        frontend.build(FrontEnd(), np.zeros(72), std)
