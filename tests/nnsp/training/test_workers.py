# SPDX-License-Identifier: BSD-3-Clause
"""Processes that train together: the same as one alone, and a sentence when one is missing or lost."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from networks import STRIDED as ARCH
from networks import STRIDED_TEXT as TEXT
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.errors import UserError
from nnsp.training.folder import ModelFolder
from nnsp.training.workers import Workers
from sounds import make_list

LIMIT = 400  # seconds, on a busy machine

# Short times; one device a process, or as many as the environment says.
TOOL = """
import sys
from nnsp.commands import run
from nnsp.training import workers
workers.ARRIVAL_SECONDS, workers.SILENCE_SECONDS, workers.PARTING_SECONDS = int(sys.argv.pop(1)), 15, 15
sys.argv[0] = "train_se.py"
from nnsp.commands.train import enhancement as train_se

def main():
    from nnsp.training import task
    task.SEQUENCE_SECONDS, task.NORMALISATION_SECONDS = 1, 16
    train_se.main()

run(main)
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_list(tmp_path_factory.mktemp("sounds"))
    MixingSettings(reverb_prob=0).write(path.parent / SETTINGS_FILE)
    return path


@pytest.fixture
def coordinator() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def start(
    folder: Path, sounds: Path, *arguments: str, arrival: int = 60, devices: int = 1
) -> "subprocess.Popen[str]":
    (folder / "def_small.txt").write_text(TEXT.replace("dropprob 0.1\n", ""))
    common = ["--nn_arch=def_small.txt", f"--train_list={sounds}", f"--test_list={sounds}", "--batches=2"]
    common += ["--batchsize=4", "--timesteps=50", "--threads=1"]
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "TMPDIR": str(folder),  # for logs
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.Popen(
        [sys.executable, "-c", TOOL, str(arrival), *common, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(coordinator: str, worker: int) -> list[str]:
    return ["--workers=2", f"--worker={worker}", f"--coordinator={coordinator}"]


def weights(folder: Path, epoch: int) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    with h5py.File(ModelFolder(folder / "models_trained", ARCH.name).weights_path(epoch)) as file:
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.slow
def test_two_processes_train_as_one(sounds: Path, tmp_path: Path, coordinator: str) -> None:
    """With the same batch of four; then one process with two devices goes on from their folder."""
    for name in ("two", "one"):
        (tmp_path / name).mkdir()
    running = [start(tmp_path / "two", sounds, "--num_epoch=2", *together(coordinator, i)) for i in (0, 1)]
    said = [process.communicate(timeout=LIMIT) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    alone = start(tmp_path / "one", sounds, "--num_epoch=2")
    alone_said = alone.communicate(timeout=LIMIT)
    assert alone.returncode == 0, alone_said
    for a, b in zip(weights(tmp_path / "two", 2), weights(tmp_path / "one", 2), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    # What worker 0 prints is what one alone prints; the others keep still.
    printed = [re.findall(r"epoch \d.*?dB", text) for text in (said[0][0], alone_said[0], said[1][0])]
    assert printed[0] == printed[1] and len(printed[0]) == 2 and not printed[2]
    assert "trains with JAX on 2 x cpu" in said[0][0]
    assert "trains with JAX on 1 x cpu" in alone_said[0]

    more = start(tmp_path / "two", sounds, "--num_epoch=3", "--epoch_loaded=latest", devices=2)
    more_said = more.communicate(timeout=LIMIT)
    assert more.returncode == 0 and "epoch 3: loss" in more_said[0], more_said
    assert "trains with JAX on 2 x cpu" in more_said[0]


@pytest.mark.slow
@pytest.mark.parametrize("there", [0, 1])
def test_worker_that_does_not_come(sounds: Path, tmp_path: Path, coordinator: str, there: int) -> None:
    process = start(tmp_path, sounds, *together(coordinator, there), arrival=3)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode != 0
    sentence = (
        f"train_se: worker {there}: not all 2 workers met at {coordinator} within 3 s; start them all (log: "
    )
    assert errors.strip().splitlines()[-1].startswith(sentence)
    assert "Traceback" not in errors and "***" not in errors


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_worker_that_dies(sounds: Path, tmp_path: Path, coordinator: str, killed: int) -> None:
    running = [start(tmp_path, sounds, "--num_epoch=10000", *together(coordinator, i)) for i in (0, 1)]
    first = running[0].stdout
    assert first is not None and any(line.startswith("epoch 1:") for line in first)
    running[killed].kill()
    died = time.monotonic()
    _, errors = running[1 - killed].communicate(timeout=LIMIT)
    assert time.monotonic() - died < 60
    assert running[1 - killed].returncode not in (0, None)
    running[killed].communicate(timeout=LIMIT)
    last = errors.strip().splitlines()[-1]
    assert re.match(
        r"train_se: .*another worker has stopped; finished epochs are kept: start all workers again with "
        r"--epoch_loaded=latest",
        last,
    )
    assert "Traceback" not in errors and "***" not in errors


@pytest.mark.slow
def test_worker_started_otherwise(sounds: Path, tmp_path: Path, coordinator: str) -> None:
    running = [start(tmp_path, sounds, f"--seed={i}", *together(coordinator, i)) for i in (0, 1)]
    errors = [process.communicate(timeout=LIMIT)[1] for process in running]
    assert all(process.returncode != 0 for process in running)
    assert "train_se: worker 1 has another network, other settings or other lists than worker 0" in errors[1]
    assert "another worker has stopped" in errors[0]


def test_only_jax_has_workers() -> None:
    with pytest.raises(
        UserError, match="KERAS_BACKEND is tensorflow, which trains in one process; `workers` wants jax"
    ):
        Workers.join(2, 0, "127.0.0.1:1")
