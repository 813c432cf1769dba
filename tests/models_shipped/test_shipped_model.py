# SPDX-License-Identifier: BSD-3-Clause
"""The committed networks: their weights, their tables, and what the integers cost."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nnsp.inference import conversion, detection
from nnsp.inference.trained import Trained, load_trained
from nnsp.integer import calibration, frontend, tables
from nnsp.integer.c_streams import CEnhancer, TableEnhancer
from nnsp.integer.enhancer import IntegerEnhancer
from nnsp.integer.model import IntegerModel
from nnsp.integer.reference import ReferenceNetwork
from nnsp.network import sizes, streaming
from nnsp.places import ROOT
from nnsp.signal import audio


@dataclass(frozen=True)
class Shipped:
    """A network and its generated table; parameters, multiply-accumulates a frame, and the most its tables may take."""

    arch: str
    name: str
    parameters: int
    macs: int
    table_bytes: int

    @property
    def table(self) -> Path:
        return ROOT / "firmware" / "models" / f"def_nn3_{self.name}.c"


SHIPPED = [
    Shipped("se_bands", "se", 93_096, 92_416, 105_000),
    Shipped("se_bands_small", "se_small", 32_176, 15_936, 40_000),
]


@pytest.fixture(scope="module", params=SHIPPED, ids=lambda shipped: shipped.name)
def shipped(request: pytest.FixtureRequest) -> Shipped:
    given: Shipped = request.param
    return given


@pytest.fixture(scope="module")
def trained(shipped: Shipped) -> Trained:
    return load_trained(ROOT / "nn_arch" / f"def_{shipped.arch}.txt", "latest", ROOT / "models_shipped")


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    samples = audio.to_int16(audio.read(ROOT / "demo" / "noisy.wav"))
    return samples[: len(samples) // 160 * 160]


@pytest.fixture(scope="module")
def model(trained: Trained, noisy: np.ndarray) -> IntegerModel:
    weights = streaming.float_weights(trained.model)
    return calibration.convert(trained.arch, weights, trained.frontend, trained.mean, trained.std, noisy)[0]


def test_sizes(shipped: Shipped, trained: Trained) -> None:
    assert trained.arch.parameters == trained.model.count_params() == shipped.parameters
    assert trained.arch.macs_per_frame == shipped.macs
    assert sizes.table_bytes(trained.arch, trained.frontend) <= shipped.table_bytes
    assert sizes.enhancer_state_bytes(trained.arch, trained.frontend) <= 12_000


def check_committed(model: IntegerModel, number: int, name: str) -> None:
    """Tables are those of the model, but for the comment that says where they are from."""
    made = tables.Provenance("", "", "")
    for file, text in tables.model_files(model, number, name, made).items():
        head = re.compile(r"/\*.*?\*/", re.DOTALL)
        committed = (ROOT / "firmware" / "models" / file).read_text()
        assert head.sub("", committed, 1) == head.sub("", text, 1), (
            f"{file}: run c_code_table_converter.py again"
        )


def test_committed_tables_are_those_of_the_committed_weights(shipped: Shipped, model: IntegerModel) -> None:
    check_committed(model, 3, shipped.name)


@pytest.mark.parametrize(("name", "number", "most"), [("vad", 1, 15_000), ("kws", 2, 60_000)])
def test_committed_detectors(name: str, number: int, most: int, noisy: np.ndarray) -> None:
    trained = load_trained(ROOT / "nn_arch" / f"def_{name}.txt", "latest", ROOT / "models_shipped")
    model, _ = conversion.convert(trained)
    check_committed(model, number, name)
    assert sizes.table_bytes(trained.arch, trained.frontend) <= most
    exact, integer, c = (detection.open_engine(trained, e, name)(noisy) for e in ("float", "integer", "c"))
    np.testing.assert_array_equal(c, integer)
    error = np.abs(exact.astype(int) - c) / 32768
    print(f"{name}: scores within {error.max():.3f} of floating point, {error.mean():.4f} in the mean")
    assert error.mean() < 0.01


def test_every_form_gives_the_same_audio(shipped: Shipped, model: IntegerModel, noisy: np.ndarray) -> None:
    wanted = IntegerEnhancer(model).process(noisy)
    np.testing.assert_array_equal(CEnhancer(model).process(noisy), wanted)
    np.testing.assert_array_equal(TableEnhancer(shipped.table).process(noisy), wanted)


def test_mask_keeps_35_db_against_float(trained: Trained, model: IntegerModel, noisy: np.ndarray) -> None:
    fixed = frontend.stream_features(model.frontend, noisy)
    ours = ReferenceNetwork(model.network).run(fixed) / 2.0**15
    alone, whole = (
        calibration.sqnr_db(trained.outputs(features)[:: trained.arch.stride], ours)
        for features in ((fixed / 4096).astype(np.float32), trained.features(noisy))
    )
    print(
        f"mask, integer against float: {alone:.1f} dB on the same features, {whole:.1f} dB from the waveform on"
    )
    assert alone >= 35
    assert whole >= 35


@pytest.mark.slow
def test_ten_minutes_do_not_drift(trained: Trained, model: IntegerModel, noisy: np.ndarray) -> None:
    minute = 6000
    features = np.resize(
        frontend.stream_features(model.frontend, noisy), (10 * minute, trained.arch.input_neurons)
    )
    weights = streaming.float_weights(trained.model)
    exact = calibration.float_activations(trained.arch, weights, features / 4096.0)[-1]
    ours = ReferenceNetwork(model.network).run(features) / 2.0**15
    minute //= trained.arch.stride
    by_minute = [
        calibration.sqnr_db(exact[n : n + minute], ours[n : n + minute]) for n in range(0, len(ours), minute)
    ]
    print("mask, integer against float, minute by minute:", *(f"{db:.1f}" for db in by_minute), "dB")
    assert by_minute[-1] >= by_minute[0] - 1
