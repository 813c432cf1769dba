# SPDX-License-Identifier: BSD-3-Clause
"""c_code_table_converter.py as a user calls it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from networks import classifier
from nnsp.integer import tables
from nnsp.integer.c_streams import TableClassifier
from nnsp.integer.classifier import IntegerClassifier
from nnsp.network.arch import Layer
from nnsp.places import ROOT
from nnsp.signal.frontend import FrontEnd

ARCH = f"--nn_arch={ROOT / 'nn_arch' / 'def_se_bands.txt'}"


def convert(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "py_tools" / "c_code_table_converter.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_writes_tables_and_report(tmp_path: Path) -> None:
    done = convert(ARCH, "--net_id=5", "--net_name=quiet", f"--folder_c={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"def_nn5_quiet.c", "def_nn5_quiet.h"}
    assert "conv1d 72x3 -> 64 tanh" in done.stdout
    header = (tmp_path / "def_nn5_quiet.h").read_text()
    assert "Command: python py_tools/c_code_table_converter.py" in header
    assert "#define NN5_QUIET_HOP 160" in header


def test_labels_of_any_text(tmp_path: Path) -> None:
    labels = ("none of these", 'a "quoted" ünit', "back\\slash", "what??/", "1\n2")
    layers = (Layer("lstm", 3, "tanh", returns_last=True), Layer("fc", len(labels), "softmax"))
    model = replace(classifier(FrontEnd(), layers, clip_frames=4), labels=labels)
    made = tables.Provenance("test", "test", "test")
    source = tables.write(tmp_path, tables.model_files(model, 7, "words", made))[0]
    compiled = TableClassifier(source)
    assert compiled.labels == labels
    x = np.random.default_rng(1).integers(-3000, 3000, 9 * 160).astype(np.int16)
    scores = compiled.process(x)
    assert scores.shape == (2, len(labels))
    np.testing.assert_array_equal(scores, IntegerClassifier(model).process(x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([ARCH, "--net_name=3se"], "--net_name=3se: not a C identifier"),
        ([ARCH, "--net_id=70000"], "--net_id=70000: expected a number from 0 to 65535"),
        ([ARCH, "--epoch_loaded=9999"], "holds no epoch 9999"),
        (["--nn_arch=nowhere.txt"], "nowhere.txt: no such file"),
        ([ARCH, "--calibration=nowhere.wav"], "nowhere.wav: no such file"),
        ([ARCH, "--models_dir=nowhere"], "holds no trained epoch; train first with train_se.py"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = convert(*arguments, f"--folder_c={tmp_path}")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
