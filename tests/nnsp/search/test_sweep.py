# SPDX-License-Identifier: BSD-3-Clause
"""Searches: their text, trials under a budget, several workers, and one that is killed."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from nnsp.data.mixing import Mixer
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.errors import UserError
from nnsp.inference.trained import load_trained
from nnsp.search import sweep
from nnsp.training import losses, task, trainer
from nnsp.training.settings import Settings
from sounds import make_list

NETWORK = """input_neurons 72
layer_type lstm
layer_neurons {width}  # {width} of them
layer_type fc
layer_neurons 257
activation sigmoid
"""
SWEEP = """# tiny
[space]
width = { low = 4, high = 12, step = 4 }
learning_rate = { low = 1e-3, high = 1e-2, log = true }
loss = ["compressed", "compressed+{share}*mse"]
share = { low = 0.1, high = 1.0 }

[train]
num_epoch = 2
batches = 1
batchsize = 2
timesteps = 50
threads = 1
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "SEQUENCE_SECONDS", 1)
    monkeypatch.setattr(task, "NORMALISATION_SECONDS", 8)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_list(tmp_path_factory.mktemp("sounds"))
    MixingSettings(reverb_prob=0).write(path.parent / SETTINGS_FILE)
    return path


def written(folder: Path, text: str = SWEEP, network: str = NETWORK) -> tuple[Path, Path]:
    (folder / "tiny.toml").write_text(text)
    (folder / "def_tiny.txt").write_text(network)
    return folder / "tiny.toml", folder / "def_tiny.txt"


def run(folder: Path, sounds: Path, trials: int, text: str = SWEEP, seed: int | None = 1) -> optuna.Study:
    searched = sweep.read(*written(folder, text))
    mixers = Mixer.open(sounds, 0), Mixer.open(sounds, 1)
    lists = (str(sounds), str(sounds))
    study = sweep.open_study(f"sqlite:///{folder}/sweeps.db", "tiny", searched, "compressed", lists, seed)
    sweep.search(study, searched, losses.USUAL, mixers, folder / "tiny", trials, {"command": "test"})
    return study


WORKER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[4:]
import test_sweep
from nnsp.search import sweep
from nnsp.training import task

if __name__ == "__main__":
    task.SEQUENCE_SECONDS, task.NORMALISATION_SECONDS = 1, 8
    sweep.HEARTBEAT_SECONDS, sweep.GRACE_SECONDS = 1, 3
    text = test_sweep.SWEEP.replace("num_epoch = 2", "num_epoch = " + sys.argv[3])
    test_sweep.run(Path(sys.argv[1]), Path(sys.argv[2]), 4, text, seed=None)
"""


def start(folder: Path, sounds: Path, epochs: int = 2) -> "subprocess.Popen[str]":
    (folder / "worker.py").write_text(WORKER)
    return subprocess.Popen(
        [
            sys.executable,
            "worker.py",
            str(folder),
            str(sounds),
            str(epochs),
            str(Path(__file__).parent),
            *sys.path,
        ],
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_trials_are_ranked_written_and_reloadable(sounds: Path, tmp_path: Path) -> None:
    text = SWEEP + "[budget]\nparameters = 3000\n"  # a width of 4 has 2517
    study = run(tmp_path, sounds, 3, text)
    over = [t for t in study.trials if t.params["width"] > 4]
    within = [t for t in study.trials if t.params["width"] == 4]
    assert len(within) == sweep.trained(study) == 3 and over
    for trial in over:
        assert trial.state == TrialState.PRUNED and not trial.intermediate_values
        assert trial.user_attrs["over_budget"] == f"parameters {trial.user_attrs['parameters']} > 3000"
        assert not (tmp_path / "tiny" / f"trial_{trial.number:04d}").exists()
    for trial in within:
        folder = Path(trial.user_attrs["folder"])
        trained = load_trained(folder / "def_tiny.txt", "latest", folder)
        assert trained.arch.layers[0].units == trial.params["width"]
        assert trained.arch.parameters == trial.user_attrs["parameters"] == 2517
        row = trainer.ModelFolder(folder, trained.arch.name).history(2)
        assert trial.value == min(r["val_loss"] for r in row)
        assert ("mse" in row[0]["objective"]) == ("mse" in trial.params["loss"]) == ("share" in trial.params)

    sweep.write_csv(tmp_path / "trials.csv", study)
    sweep.plot(tmp_path / "trials.png", study)
    with (tmp_path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows].count("over budget") == len(over)
    assert (tmp_path / "trials.png").read_bytes().startswith(b"\x89PNG")
    lines = sweep.table(study).splitlines()
    best = min(within, key=lambda t: t.value or 9)
    assert (
        lines[1].split()[:2] == [str(best.number), "complete"] and f"width={best.params['width']}" in lines[1]
    )
    assert lines[-1].startswith(f"{len(study.trials)} trials: ") and f"{len(over)} over budget" in lines[-1]

    # The same command trains nothing more, a larger number goes on, another search is refused.
    assert len(run(tmp_path, sounds, 3, text).trials) == len(study.trials)
    assert sweep.trained(run(tmp_path, sounds, 4, text)) == 4
    with pytest.raises(
        UserError, match=r"study 'tiny' in sqlite:.* searches with another space, network, judge or"
    ):
        run(tmp_path, sounds, 5, text.replace("1e-2", "2e-2"))


def test_budget_that_leaves_nothing(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "FUTILE_DRAWS", 4)
    with pytest.raises(
        UserError, match=r"tiny\.toml: 4 draws in a row are over the budget; widen one of the two"
    ):
        run(tmp_path, sounds, 1, SWEEP + "[budget]\ntable_bytes = 10\n")


@pytest.mark.slow
def test_bad_trials_are_pruned(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reports more than the median of those before stops after the first epoch that may."""
    monkeypatch.setattr(sweep, "STARTUP_TRIALS", 1)
    values = iter([0.1, 0.1, 0.1, 0.5])
    monkeypatch.setattr(trainer.Trainer, "_validate", lambda *_: (next(values), {"val_si_sdr_gain_db": 0.0}))
    study = run(tmp_path, sounds, 2, SWEEP.replace("num_epoch = 2", "num_epoch = 3"))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert [len(t.intermediate_values) for t in study.trials] == [3, 1]


@pytest.mark.slow
def test_failed_trial_does_not_end_the_search(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, calls = trainer.Trainer._train_epoch, iter([True, False, False])

    def once(trainer: trainer.Trainer) -> Any:
        if next(calls):
            raise UserError("the loss is not a number")
        return train(trainer)

    monkeypatch.setattr(trainer.Trainer, "_train_epoch", once)
    study = run(tmp_path, sounds, 1)
    assert [t.state for t in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert study.trials[0].user_attrs["error"] == "the loss is not a number"


@pytest.mark.slow
def test_interrupted_trial_is_done_anew(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: trainer.Trainer) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer.Trainer, "_train_epoch", stop)
        run(tmp_path, sounds, 1)
    study = run(tmp_path, sounds, 1)
    assert [t.state for t in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert study.trials[0].params == study.trials[1].params


def test_workers_that_begin_together_make_the_tables_once(tmp_path: Path) -> None:
    searched, start_line = sweep.read(*written(tmp_path)), threading.Barrier(6)

    def open_one(_: int) -> int:
        start_line.wait()
        study = sweep.open_study(
            f"sqlite:///{tmp_path}/new/sweeps.db", "tiny", searched, "compressed", ("a", "b")
        )
        return study._study_id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(open_one, range(6)))) == 1


@pytest.mark.slow
def test_two_workers_share_a_study(sounds: Path, tmp_path: Path) -> None:
    written(tmp_path)
    running = [start(tmp_path, sounds) for _ in range(2)]
    said = [process.communicate(timeout=400) for process in running]
    print(*(errors for _, errors in said), sep="\n")  # pytest shows it whole
    assert [process.returncode for process in running] == [0, 0]
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{tmp_path}/sweeps.db")
    assert {t.state for t in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(study.trials) in (4, 5)  # both may begin a last one
    started = [
        line.split(":")[0] for out, _ in said for line in out.splitlines() if line.startswith("trial ")
    ]
    assert sorted(started) == sorted(f"trial {t.number}" for t in study.trials)
    assert len({tuple(t.params.items()) for t in study.trials}) == len(study.trials)


@pytest.mark.slow
def test_trial_of_a_killed_worker_is_done_anew(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = start(tmp_path, sounds, epochs=3)
    assert killed.stdout is not None and any(line.startswith("epoch 1:") for line in killed.stdout)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    monkeypatch.setattr(sweep, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(sweep, "GRACE_SECONDS", 3)
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{tmp_path}/sweeps.db")
    assert [t.state for t in study.trials][-1] == TrialState.RUNNING
    dead = study.trials[-1]
    time.sleep(5)
    study = run(tmp_path, sounds, len(study.trials), SWEEP.replace("num_epoch = 2", "num_epoch = 3"))
    assert study.trials[dead.number].state == TrialState.FAIL
    assert study.trials[dead.number + 1].state == TrialState.COMPLETE
    assert study.trials[dead.number + 1].params == dead.params


def changed(old: str, new: str) -> str:
    assert old in SWEEP
    return SWEEP.replace(old, new)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", r"tiny\.toml: is no TOML: Invalid value \(at "),
        (
            changed("[train]", "[training]"),
            r"tiny\.toml: unknown 'training'; expected the tables space, train, budget",
        ),
        ("[train]\nbatches = 1\n", r"tiny\.toml: has no \[space\]"),
        (
            changed("batches = 1", "batch = 1"),
            r"tiny\.toml:10: unknown setting 'batch'; known are num_epoch, ",
        ),
        (changed("batches = 1", "batches = 1.5"), r"tiny\.toml:10: batches is 1\.5; expected int"),
        (changed("batches = 1", "batches = 0"), r"tiny\.toml:10: batches is 0; it must be 1 or more"),
        (
            changed("batches = 1", "mask_floor = 1"),
            r"tiny\.toml:10: mask_floor is 1; it must lie from 0 to 0\.5",
        ),
        (
            changed("batches = 1", 'feat_type = "wide"'),
            r"tiny\.toml:10: feat_type is 'wide'; it must be one of mel, pspec",
        ),
        (changed("high = 1e-2", "high = 2.0"), r"tiny\.toml:4: learning_rate is 2\.0; it must lie between 0"),
        (
            changed("batches = 1", 'optimizer = "lion"'),
            r"tiny\.toml: optimizer=lion: unknown optimiser 'lion'; known",
        ),
        (
            changed("batches = 1", 'optimizer = "sgd(momentum={m})"'),
            r"tiny\.toml: optimizer sgd\(momentum=\{m\}\): \{m\} has no range in \[space\]",
        ),
        (changed("batches = 1", "width = 1"), r"tiny\.toml:10: unknown setting 'width'"),
        (changed("batches = 1", "learning_rate = 1"), r"tiny\.toml:4: learning_rate stands in \[train\] too"),
        (changed("high = 12", "top = 12"), r"tiny\.toml:3: width: expected \{ low = "),
        (changed("high = 12", "high = 3"), r"tiny\.toml:3: width: low must be below high"),
        (changed("low = 1e-3", "low = 0"), r"tiny\.toml:4: learning_rate: log = true wants low above 0"),
        (changed("{ low = 0.1, high = 1.0 }", "[]"), r"tiny\.toml:6: share: expected one or more"),
        (changed("{ low = 0.1, high = 1.0 }", "0.3"), r"tiny\.toml:6: share: expected \[choices\] or"),
        (
            changed("share = {", "part = {"),
            r"tiny\.toml: loss compressed\+\{share\}\*mse: \{share\} has no range in \[space\]",
        ),
        (
            changed("width = {", "depth = {"),
            r"def_tiny\.txt:3: \{width\} has no range in \[space\] of .*tiny\.toml",
        ),
        (
            SWEEP.replace("[train]", "depth = [1]\n[train]"),
            r"tiny\.toml:8: 'depth' is no setting .* stands in no text",
        ),
        (changed('"compressed",', '"sisdr",'), r"tiny\.toml: loss=sisdr: unknown loss 'sisdr'"),
        (
            changed("width = { low = 4", "width = { low = 0"),
            r"def_tiny\.txt:3: layer_neurons 0; expected a whole number",
        ),
        (SWEEP + "[budget]\nbytes = 3\n", r"tiny\.toml:15: unknown budget 'bytes'; known are parameters, "),
        (
            SWEEP + "[budget]\nparameters = -3\n",
            r"tiny\.toml:15: parameters is -3; expected a number above 0",
        ),
    ],
)
def test_bad_text(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        sweep.read(*written(tmp_path, text))


def test_settings_of_a_trial_are_filled_in(tmp_path: Path) -> None:
    """Texts have places, as the loss has; what is not named has the default that is declared."""
    text = changed("width = {", 'optimizer = ["adam", "sgd(momentum={m})"]\nm = [0.5, 0.9]\nwidth = {')
    searched = sweep.read(*written(tmp_path, text.replace("threads = 1", "quantized = 1")))
    values = {"width": 4, "learning_rate": 1e-2, "loss": "mse", "optimizer": "sgd(momentum={m})", "m": 0.9}
    _, arch, _, _, settings = searched.make(values)
    assert arch.layers[0].units == 4
    assert settings == Settings(
        epochs=2,
        batches=1,
        batch_size=2,
        timesteps=50,
        quantized=True,
        learning_rate=1e-2,
        optimizer="sgd(momentum=0.9)",
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for _ in range(10):
        drawn = searched.draw(study.ask())
        assert ("m" in drawn) == (drawn["optimizer"] != "adam")


def test_bad_storage(tmp_path: Path) -> None:
    searched = sweep.read(*written(tmp_path))
    for url in ("nosuch://x", "words", f"sqlite:///{tmp_path}"):
        with pytest.raises(UserError, match=f"`storage={url}`: cannot be opened"):
            sweep.open_study(url, "tiny", searched, "compressed", ("a", "b"))
