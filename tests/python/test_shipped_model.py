"""The committed network: its weights, its tables, and what the integers cost."""

import re
from pathlib import Path

import numpy as np
import pytest

from nnsp.integer import calibration, frontend, tables
from nnsp.integer.clib import CEnhancer, TableEnhancer
from nnsp.integer.enhancer import IntegerEnhancer, IntegerModel
from nnsp.integer.reference import ReferenceNetwork
from nnsp.network import build, training
from nnsp.network.training import Trained
from nnsp.signal import audio

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "firmware" / "models" / "def_nn3_se.c"


@pytest.fixture(scope="module")
def trained() -> Trained:
    return training.load(ROOT / "nn_arch" / "def_se_nn_arch72_mel.txt", "latest", ROOT / "models_shipped")


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    samples = audio.to_int16(audio.read(ROOT / "demo" / "noisy.wav"))
    return samples[: len(samples) // 160 * 160]


@pytest.fixture(scope="module")
def model(trained: Trained, noisy: np.ndarray) -> IntegerModel:
    weights = build.float_weights(trained.model)
    return calibration.convert(trained.arch, weights, trained.frontend, trained.mean, trained.std, noisy)[0]


def test_sizes(trained: Trained, model: IntegerModel) -> None:
    assert trained.arch.parameters == trained.model.count_params() == 102_209
    assert trained.arch.macs_per_frame == 101_448
    assert tables.enhancer_state_bytes(trained.arch, trained.frontend) <= 12_000


def test_committed_tables_are_those_of_the_committed_weights(model: IntegerModel) -> None:
    made = tables.Provenance("", "", "")
    for name, text in tables.model_files(model, 3, "se", made).items():
        head = re.compile(r"/\*.*?\*/", re.DOTALL)
        committed = (TABLE.parent / name).read_text()
        assert head.sub("", committed, 1) == head.sub("", text, 1), (
            f"{name}: run c_code_table_converter.py again"
        )


def test_every_form_gives_the_same_audio(model: IntegerModel, noisy: np.ndarray) -> None:
    wanted = IntegerEnhancer(model).process(noisy)
    np.testing.assert_array_equal(CEnhancer(model).process(noisy), wanted)
    np.testing.assert_array_equal(TableEnhancer(TABLE).process(noisy), wanted)


def test_mask_keeps_35_db_against_float(trained: Trained, model: IntegerModel, noisy: np.ndarray) -> None:
    fixed = frontend.stream_features(model.frontend, noisy)
    ours = ReferenceNetwork(model.network).run(fixed) / 2.0**15
    alone = calibration.sqnr_db(trained.masks((fixed / 4096).astype(np.float32)), ours)
    whole = calibration.sqnr_db(trained.masks(trained.features(noisy)), ours)
    print(
        f"mask, integer against float: {alone:.1f} dB on the same features, {whole:.1f} dB from the waveform on"
    )
    assert alone >= 35
    assert whole >= 35


def test_ten_minutes_do_not_drift(trained: Trained, model: IntegerModel, noisy: np.ndarray) -> None:
    minute = 6000
    features = np.resize(
        frontend.stream_features(model.frontend, noisy), (10 * minute, trained.arch.input_neurons)
    )
    weights = build.float_weights(trained.model)
    exact = calibration.float_activations(trained.arch, weights, features / 4096.0)[-1]
    ours = ReferenceNetwork(model.network).run(features) / 2.0**15
    by_minute = [
        calibration.sqnr_db(exact[n : n + minute], ours[n : n + minute]) for n in range(0, len(ours), minute)
    ]
    print("mask, integer against float, minute by minute:", *(f"{db:.1f}" for db in by_minute), "dB")
    assert by_minute[-1] >= by_minute[0] - 1
