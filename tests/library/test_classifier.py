# SPDX-License-Identifier: BSD-3-Clause
"""From audio to scores: the C classifier equals the NumPy one to the bit; both keep to the float front end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import build_model, classifier, random_weights, signals
from nnsp.errors import UserError
from nnsp.integer import clib, frontend, quantization, tables
from nnsp.integer.c_streams import CClassifier, CDetector, CEnhancer, TableClassifier
from nnsp.integer.classifier import IntegerClassifier
from nnsp.integer.detector import DetectorTable, IntegerDetector
from nnsp.integer.model import IntegerModel
from nnsp.network import sizes
from nnsp.network.arch import Arch, Layer
from nnsp.signal import frontend as float_frontend
from nnsp.signal.frontend import FrontEnd

MEL = FrontEnd(bands=24)
MFCC = FrontEnd(feat_type="mfcc", bands=40)
FRONT_ENDS = [
    MEL,
    MFCC,
    FrontEnd(window_size=256, hop=128, fft_size=256, feat_type="pspec"),
    FrontEnd(8000, 240, 80, 256, "mfcc", bands=23, coefficients=23),
    FrontEnd(window_size=1024, hop=256, fft_size=1024, feat_type="mfcc", bands=128, coefficients=40),
]
LAST = Layer("lstm", 9, "tanh", returns_last=True)
NETWORKS = {
    "stream": ((Layer("conv1d", 16, "tanh", 3), Layer("lstm", 12, "tanh"), Layer("fc", 5, "softmax")), 0),
    "strides": ((Layer("conv1d", 16, "relu6", 3, 3), Layer("fc", 1, "sigmoid")), 0),
    "clips": ((Layer("lstm", 10, "tanh"), LAST, Layer("fc", 4, "softmax")), 10),
    "strided clips": ((Layer("conv1d", 8, "tanh", 2, 2), LAST, Layer("fc", 3, "sigmoid")), 8),
}
EVENT = DetectorTable("event", 2, 5, 7000)


def outputs(network: str, hops: int) -> int:
    """How many outputs a network of that name gives."""
    return {"stream": hops, "strides": -(-hops // 3), "clips": hops // 10, "strided clips": hops // 8}[
        network
    ]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_c_equals_numpy(fe: FrontEnd, network: str) -> None:
    model = classifier(fe, *NETWORKS[network][:1], clip_frames=NETWORKS[network][1])
    library = clib.library(checked=True)
    library.lib.nnsp_checked.overflows = 0
    for name, x in signals(44 * fe.hop).items():
        expected = IntegerClassifier(model).process(x)
        assert expected.shape == (outputs(network, 44), len(model.labels))
        np.testing.assert_array_equal(CClassifier(model).process(x), expected, err_msg=name)
        np.testing.assert_array_equal(CClassifier(model, library).process(x), expected, err_msg=name)
        assert library.lib.nnsp_checked.overflows == 0, name
    assert len(np.unique(expected, axis=0)) > 1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("fe", [MEL, MFCC], ids=str)
def test_any_split_of_the_stream_gives_the_same(fe: FrontEnd, network: str) -> None:
    layers, clip_frames = NETWORKS[network]
    model = classifier(fe, layers, clip_frames=clip_frames)
    x = signals(44 * fe.hop)["noise"]
    whole = IntegerClassifier(model).process(x)
    for make in (IntegerClassifier, CClassifier):
        stream = make(model)
        parts = np.split(x, np.array([1, 2, 9, 9, 10, 31]) * fe.hop)
        np.testing.assert_array_equal(np.concatenate([stream.process(part) for part in parts]), whole)


@pytest.mark.parametrize("network", ["stream", "strided clips"])
def test_save_restore_and_reset(network: str) -> None:
    layers, clip_frames = NETWORKS[network]
    model = classifier(MFCC, layers, clip_frames=clip_frames)
    x, y = signals(20 * 160)["noise"], signals(20 * 160)["sweep"]
    one, two = CClassifier(model), CClassifier(model)
    one.process(x[:1600])
    saved = one.save()
    two.process(y)
    rest = one.process(x[1600:])
    two.restore(saved)
    np.testing.assert_array_equal(two.process(x[1600:]), rest)
    for stream in (one, IntegerClassifier(model)):
        stream.process(x[:1120])
        stream.reset()
        np.testing.assert_array_equal(stream.process(y), IntegerClassifier(model).process(y))


@pytest.mark.parametrize("fe", [MFCC, MEL, FrontEnd(feat_type="pspec"), FrontEnd()], ids=str)
def test_classifiers_listen_to_an_enhancer(fe: FrontEnd) -> None:
    """They hear what they would hear alone, whether it finishes or skips, and it enhances as it would alone."""
    model, enhancer_model = classifier(fe, NETWORKS["stream"][0]), build_model(FrontEnd())
    clip = classifier(MFCC, NETWORKS["clips"][0], clip_frames=10)
    x = signals(40 * fe.hop)["noise"]
    active = np.arange(40) // 7 % 2 == 0
    enhancer = CEnhancer(enhancer_model)
    listeners = [CClassifier(each, source=enhancer) for each in (model, clip)]
    assert listeners[0].state_bytes < CClassifier(model).state_bytes
    heard: list[list[np.ndarray]] = [[], []]
    out = []
    for hop, on in zip(x.reshape(-1, fe.hop), active, strict=True):
        enhancer.analyse(hop)
        for scores, listener in zip(heard, listeners, strict=True):
            scores.append(listener.listen())
        out.append(enhancer.finish() if on else enhancer.skip())
    for scores, each in zip(heard, (model, clip), strict=True):
        np.testing.assert_array_equal(np.concatenate(scores), IntegerClassifier(each).process(x))
    np.testing.assert_array_equal(np.concatenate(out), CEnhancer(enhancer_model).process(x, active))
    listeners[0].reset()
    enhancer.reset()
    enhancer.analyse(x[: fe.hop])
    np.testing.assert_array_equal(listeners[0].listen(), IntegerClassifier(model).process(x[: fe.hop]))
    with pytest.raises(UserError, match="a pointer is null"):
        listeners[0].process(x)


@pytest.mark.parametrize("fe", [fe for fe in FRONT_ENDS if fe.feat_type == "mfcc"], ids=str)
def test_cepstrum_keeps_to_the_float_front_end(fe: FrontEnd) -> None:
    """Noise of any level and a sweep in noise: within 0.05 octaves (0.15 dB), 0.002 in the mean."""
    x = signals(50 * fe.hop)
    hiss = np.random.default_rng(7).normal(0, 300, 50 * fe.hop)
    sounds = {
        "noise": x["noise"],
        "quiet": x["noise"] // 100,
        "sweep": (x["sweep"] + hiss).astype(np.int16),
    }
    for name, samples in sounds.items():
        frames = float_frontend.with_history(fe, samples.astype(np.float64))
        level = float_frontend.levels(fe, *float_frontend.analyse(fe, frames))
        mean, std = level.mean(axis=0), np.maximum(level.std(axis=0), 0.05)
        found = frontend.stream_features(frontend.build(fe, mean, std), samples) / 4096
        error = np.abs(found - float_frontend.features(level, mean, std)) * std
        print(f"{fe}: {name} {error.max():.4f} octaves at most, {error.mean():.4f} in the mean")
        assert error.max() < 0.05, name
        assert error.mean() < 0.002, name


def test_silence_has_the_floor_in_every_band() -> None:
    fixed = frontend.build(MFCC, np.zeros(13), np.ones(13))
    found = frontend.stream_features(fixed, np.zeros(5 * 160, dtype=np.int16))
    assert (found == 0).all()


def test_compiled_tables_equal_the_model(tmp_path: Path) -> None:
    layers, clip_frames = NETWORKS["strided clips"]
    made = tables.Provenance("command", "arch", "weights")
    x = signals(40 * 160)["noise"]
    for number, (fe, detector) in enumerate([(MFCC, EVENT), (MEL, None)]):
        model = classifier(fe, layers, detector, clip_frames)
        tables.write(tmp_path, tables.model_files(model, number, "tiny", made))
        compiled = TableClassifier(tmp_path / f"def_nn{number}_tiny.c")
        assert compiled.labels == model.labels == ("label 0", "label 1", "label 2")
        assert compiled.detector == detector
        assert compiled.state_bytes == sizes.classifier_state_bytes(model.network.arch, fe)
        np.testing.assert_array_equal(compiled.process(x), IntegerClassifier(model).process(x))


def test_audio_in_decisions_out() -> None:
    model = classifier(MFCC, NETWORKS["stream"][0], EVENT)
    assert model.detector
    x = np.concatenate(list(signals(40 * 160).values()))
    scores = IntegerClassifier(model).process(x)
    decisions = IntegerDetector(model.detector, 5).process(scores)
    assert len(set(decisions.tolist())) > 2
    np.testing.assert_array_equal(
        CDetector(model.detector, 5).process(CClassifier(model).process(x)), decisions
    )


def statuses(model: IntegerModel) -> tuple[Any, Any, Callable[..., int]]:
    """C structures of a model to spoil, its library, and what init makes of them."""
    library = clib.library()
    c = clib.CTables(library)
    table = c.model(model)
    state = library.ffi.new("uint64_t[]", 4000)
    object = library.ffi.new("nnsp_classifier *")

    def start(bytes: int = 32000) -> int:
        assert c
        return int(library.lib.nnsp_classifier_init(object, table, state, bytes))

    return table, library, start


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("task", "NNSP_ENHANCE", "TASK"),
        ("task", 2, "TASK"),
        ("labels", None, "TABLE"),
        ("label_count", 0, "TABLE"),
        ("label_count", 3, "SHAPE"),
        ("frontend", None, "ARGUMENT"),
        ("network", None, "ARGUMENT"),
    ],
)
def test_bad_models_are_refused_in_c(field: str, value: Any, status: str) -> None:
    table, library, start = statuses(classifier(MFCC, NETWORKS["stream"][0]))
    assert start() == library.lib.NNSP_OK
    value = getattr(library.lib, value) if isinstance(value, str) else value
    setattr(table, field, library.ffi.NULL if value is None else value)
    assert start() == getattr(library.lib, f"NNSP_ERR_{status}")


def test_a_missing_label_is_refused_in_c() -> None:
    table, library, start = statuses(classifier(MFCC, NETWORKS["stream"][0]))
    table.labels[4] = library.ffi.NULL
    assert start() == library.lib.NNSP_ERR_TABLE


def test_too_little_state_is_refused_in_c() -> None:
    model = classifier(MFCC, NETWORKS["stream"][0])
    _, library, start = statuses(model)
    needed = sizes.classifier_state_bytes(model.network.arch, MFCC)
    assert start(needed) == library.lib.NNSP_OK
    for less in (8, 40, 2000, needed):
        assert start(needed - less) == library.lib.NNSP_ERR_STATE


@pytest.mark.parametrize(
    ("layers", "inputs"),
    [
        ((Layer("lstm", 4, "tanh"),), 13),
        ((Layer("fc", 4, "tanh"),), 13),
        ((Layer("conv1d", 4, "sigmoid", 2),), 13),
        ((Layer("fc", 4, "sigmoid"),), 14),
    ],
)
def test_networks_that_are_no_classifiers_are_refused(layers: tuple[Layer, ...], inputs: int) -> None:
    arch = Arch("wrong", inputs, 0.0, layers)
    network = quantization.quantize(arch, random_weights(arch, 1, 0.5))
    right = classifier(MFCC, (Layer("fc", 4, "sigmoid"),))
    with pytest.raises(UserError, match=r"wrong: (input_neurons 14|the last layer must be)"):
        IntegerModel(network, right.frontend, "classify", right.labels)
    table, library, start = statuses(right)
    assert start() == library.lib.NNSP_OK
    c = clib.CTables(library)
    table.network = c.network(network)
    assert start() == library.lib.NNSP_ERR_SHAPE


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("feature_kind", 3, "TABLE"),
        ("dct", None, "TABLE"),
        ("bands", 12, "TABLE"),
        ("bands", 129, "TABLE"),
        ("bands", 39, "CHECKSUM"),
        ("features", 41, "TABLE"),
        ("features", 12, "CHECKSUM"),
        ("output_shift", 16, "TABLE"),
        ("mean[3]", 1 << 27, "TABLE"),
        ("mean[3]", -(1 << 27), "TABLE"),
        ("mean[3]", (1 << 27) - 1, "CHECKSUM"),
        ("dct[100]", 77, "CHECKSUM"),
        ("checksum", 1, "CHECKSUM"),
    ],
)
def test_bad_cepstral_tables_are_refused_in_c(field: str, value: Any, status: str) -> None:
    table, library, start = statuses(classifier(MFCC, NETWORKS["stream"][0]))
    assert start() == library.lib.NNSP_OK
    name, _, index = field.rstrip("]").partition("[")
    if index:
        array = getattr(table.frontend, name)
        array[int(index)] = value
    else:
        setattr(table.frontend, name, library.ffi.NULL if value is None else value)
    assert start() == getattr(library.lib, f"NNSP_ERR_{status}")


@pytest.mark.parametrize(
    ("feat_type", "bands", "status"),
    [("mel", 23, "TABLE"), ("mel", 24, "OK"), ("pspec", 24, "TABLE"), ("pspec", 0, "OK")],
)
def test_bands_of_other_features_are_checked_in_c(feat_type: str, bands: int, status: str) -> None:
    fe = FrontEnd(feat_type=feat_type, bands=24)
    table, library, start = statuses(classifier(fe, (Layer("fc", 4, "softmax"),)))
    table.frontend.bands = bands
    assert start() == getattr(library.lib, "NNSP_OK" if status == "OK" else f"NNSP_ERR_{status}")


@pytest.mark.parametrize(
    "other",
    [
        FrontEnd(rate=8000),
        FrontEnd(window_size=320),
        FrontEnd(hop=80),
        FrontEnd(fft_size=1024),
        FrontEnd(window_size=512, hop=128),
    ],
    ids=str,
)
def test_spectra_of_another_kind_are_not_shared(other: FrontEnd) -> None:
    enhancer = CEnhancer(build_model(FrontEnd()))
    model = classifier(replace(other, bands=24), (Layer("fc", 4, "softmax"),))
    with pytest.raises(UserError, match="the layers and the front end do not fit each other"):
        CClassifier(model, source=enhancer)


@pytest.mark.parametrize("field", ["window", "window_shift"])
def test_spectra_under_another_window_are_not_shared(field: str) -> None:
    model = build_model(FrontEnd())
    fixed = model.frontend
    window = fixed.window.copy()
    window[100] += 1
    other = replace(fixed, window=window) if field == "window" else replace(fixed, window_shift=4)
    listener = classifier(FrontEnd(), (Layer("fc", 4, "softmax"),))
    CClassifier(listener, source=CEnhancer(model))
    with pytest.raises(UserError, match="the layers and the front end do not fit each other"):
        CClassifier(listener, source=CEnhancer(replace(model, frontend=other)))


def test_shared_classifiers_are_checked_as_others() -> None:
    library = clib.library()
    ffi, lib = library.ffi, library.lib
    enhancer = CEnhancer(build_model(FrontEnd()))
    source = ffi.addressof(enhancer.enhancer, "frontend")
    c = clib.CTables(library)
    table = c.model(classifier(MFCC, NETWORKS["stream"][0]))
    state, object = ffi.new("uint64_t[]", 4000), ffi.new("nnsp_classifier *")
    needed = lib.nnsp_classifier_shared_state_bytes(table)

    def start(from_: Any = source, bytes: int = needed, memory: Any = state) -> int:
        return int(lib.nnsp_classifier_init_shared(object, table, from_, memory, bytes))

    assert start() == lib.NNSP_OK
    assert start(bytes=needed - 8) == lib.NNSP_ERR_STATE
    assert start(from_=ffi.NULL) == lib.NNSP_ERR_ARGUMENT
    assert start(memory=ffi.NULL) == lib.NNSP_ERR_ARGUMENT
    table.frontend.mean[0] += 1
    assert start() == lib.NNSP_ERR_CHECKSUM
    table.frontend.dct = ffi.NULL
    assert start() == lib.NNSP_ERR_TABLE


def test_models_of_classifiers_are_refused_by_the_enhancer_and_the_other_way_round() -> None:
    _, library, start = statuses(build_model(FrontEnd()))
    assert start() == library.lib.NNSP_ERR_TASK
    model = classifier(MFCC, NETWORKS["stream"][0])
    with pytest.raises(UserError, match="the model is for another task"):
        CEnhancer(model)


def test_bands_and_statistics_that_the_tables_cannot_hold_are_refused() -> None:
    fe = replace(MFCC, fft_size=2048, bands=129)
    with pytest.raises(
        UserError, match="cepstral coefficients of 129 mel bands; train with 128 bands or fewer"
    ):
        frontend.build(fe, np.zeros(13), np.ones(13))
    mean = np.zeros(13)
    mean[2] = 2047.0
    with pytest.raises(UserError, match=r"feature 2 has mean 2\.05e\+03 .*; expected a mean within 2047"):
        frontend.build(MFCC, mean, np.ones(13))
