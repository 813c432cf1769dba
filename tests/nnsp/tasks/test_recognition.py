# SPDX-License-Identifier: BSD-3-Clause
"""Recognisers trained on a few sounds: trained, gone on with, asked, compared, and what is refused."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnsp.commands import compare as compare_rec
from nnsp.commands import recognise as predict_rec
from nnsp.commands.train import recognition as train_rec
from nnsp.data import clips
from nnsp.data.clips import Recording
from nnsp.errors import UserError
from nnsp.evaluation import recognition
from nnsp.evaluation.recognition import Result
from nnsp.inference import conversion
from nnsp.inference.recognition import Recogniser
from nnsp.inference.trained import load_trained
from nnsp.signal import audio
from nnsp.training import task as tasks_task
from nnsp.training.folder import ModelFolder
from sounds import tone, write

TEXT = """input_neurons {inputs}
clip_frames {frames}
layer_type conv1d
num_filters 8
kernel_size 3
strides 2
activation relu6
layer_type lstm
layer_neurons 12
returns last
layer_type fc
layer_neurons 3
activation softmax
"""
CLASSES = ("high", "hiss", "low")
Run = Callable[..., None]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones of two pitches and noise by two speakers, as folders of classes and as a manifest."""
    root = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    rows = []
    for label in CLASSES:
        for number in range(8):
            seconds = rng.uniform(0.2, 0.5)
            if label == "hiss":
                x = (0.1 * rng.standard_normal(round(16000 * seconds))).astype(np.float32)
            else:
                x = tone({"low": 300, "high": 2500}[label] * rng.uniform(0.9, 1.1), seconds)
            write(root / "clips" / label / f"{number}.wav", x)
            rows.append([f"clips/{label}/{number}.wav", label, f"speaker{number % 2}"])
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "speaker"], *rows])
    return root


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def text(name: str, inputs: int, frames: int) -> Path:
        path = tmp_path_factory.mktemp("nn_arch") / f"def_{name}.txt"
        path.write_text(TEXT.format(inputs=inputs, frames=frames))
        return path

    return text


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a tool's main with these arguments."""
    monkeypatch.setattr(tasks_task, "NORMALISATION_SECONDS", 16)

    def run(tool: Any, *arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [f"{tool.__name__}.py", *map(str, arguments)])
        tool.main()

    return run


def train(run: Run, path: Path, sounds: Path, models: Path, *more: object) -> None:
    options = (f"--nn_arch={path}", f"--models_dir={models}", "--batchsize=12", "--learning_rate=0.01")
    run(train_rec, *options, f"--clips={sounds}", *more)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, inputs, frames, flag",
    [("cepstra", 13, 40, "--feat_type=mfcc"), ("timbre", 33, 16, "--features=timbre33")],
)
def test_train_and_ask(
    name: str,
    inputs: int,
    frames: int,
    flag: str,
    run: Run,
    text: Callable[..., Path],
    sounds: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = text(name, inputs, frames)
    options = (flag, "--batches=12")
    train(run, path, sounds / "clips", tmp_path, *options, "--num_epoch=4")
    last = ("--num_epoch=5", "--epoch_loaded=latest", "--quantized=1")
    train(run, path, sounds / "clips", tmp_path, *options, *last)
    form = json.loads((tmp_path / name / "task.json").read_text())
    assert form["task"] == "rec" and form["labels"] == list(CLASSES)
    history = json.loads((tmp_path / name / "history.json").read_text())
    assert history[-1]["quantized"] and history[-1]["val_loss"] < 0.8 * history[0]["loss"]

    trained = load_trained(path, "latest", tmp_path)
    every = [
        audio.load(sounds / "clips" / label / f"{n}.wav", 16000)[0] for label in CLASSES for n in range(8)
    ]
    long = np.concatenate(every[:8])
    engines = {engine: Recogniser(trained, engine) for engine in ("float", "integer", "c")}
    every = [audio.resample(x, 16000, engines["c"].rate) for x in [*every, long]]
    wanted = np.repeat([0, 1, 2, 0], [8, 8, 8, 1])
    scores = {engine: recogniser.scores(every) for engine, recogniser in engines.items()}
    assert np.array_equal(scores["c"], scores["integer"])
    assert (scores["float"].argmax(axis=1) == scores["c"].argmax(axis=1)).all()
    assert np.abs(scores["float"] - scores["c"]).max() < 0.03
    assert (scores["c"].argmax(axis=1) == wanted).mean() > 0.8
    assert np.abs(scores["float"].sum(axis=1) - 1).max() < 1e-5
    windows = clips.windows(every[-1], engines["c"].length)
    assert len(windows) > 2
    assert engines["c"].window_scores(list(windows)).mean(axis=0) / 32768 == pytest.approx(scores["c"][-1])

    low = sounds / "clips" / "low" / "3.wav"
    for engine in engines:
        capsys.readouterr()
        run(predict_rec, low, f"--nn_arch={path}", f"--models_dir={tmp_path}", f"--engine={engine}")
        best = trained.task.labels[int(scores[engine][16 + 3].argmax())]
        assert capsys.readouterr().out.startswith(f"{low}: {best} ")
    if trained.task.host_features:
        with pytest.raises(UserError, match="timbre: hears timbre33, which no board computes"):
            conversion.convert(trained)


@pytest.mark.slow
def test_what_is_asked_of_many(
    run: Run, text: Callable[..., Path], sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = text("plain", 13, 40)
    train(run, path, sounds / "clips", tmp_path, "--feat_type=mfcc", "--batches=1", "--num_epoch=1")
    folder = tmp_path / "asked"
    write(folder / "fine.wav", tone(300, 0.4))
    (folder / "broken.wav").write_bytes(b"no sound")
    ask = (f"--nn_arch={path}", f"--models_dir={tmp_path}")
    with pytest.raises(UserError, match="1 of 2 files could not be read"):
        run(predict_rec, folder, *ask)
    said = capsys.readouterr()
    assert "fine.wav: " in said.out and "left out" in said.err and "broken.wav" in said.err
    with pytest.raises(UserError, match=r"nowhere\.wav: no such file"):
        run(predict_rec, tmp_path / "nowhere.wav", *ask)

    # The order of the labels is the checkpoint's, whatever the clips' own would be.
    form_path = tmp_path / "plain" / "task.json"
    form = json.loads(form_path.read_text())
    form_path.write_text(json.dumps({**form, "labels": ["low", "high", "hiss"]}))
    train(run, path, sounds / "clips", tmp_path, "--batches=1", "--num_epoch=2", "--epoch_loaded=latest")
    assert ModelFolder(tmp_path, load_trained(path, 2, tmp_path).arch.name).task()["labels"][0] == "low"
    form_path.write_text(json.dumps({**form, "labels": ["low", "high", "hum"]}))
    with pytest.raises(UserError, match="does not know the class 'hiss'"):
        train(run, path, sounds / "clips", tmp_path, "--batches=1", "--num_epoch=3", "--epoch_loaded=latest")


def test_networks_that_do_not_serve(
    run: Run, text: Callable[..., Path], sounds: Path, tmp_path: Path
) -> None:
    endless = tmp_path / "def_endless.txt"
    endless.write_text(
        TEXT.format(inputs=13, frames=40).replace("clip_frames 40\n", "").replace("returns last\n", "")
    )
    with pytest.raises(UserError, match="has no clip_frames"):
        train(run, endless, sounds / "clips", tmp_path)
    with pytest.raises(UserError, match="input_neurons 14, but `features=timbre33` are 33"):
        train(run, text("narrow", 14, 16), sounds / "clips", tmp_path, "--features=timbre33")
    with pytest.raises(UserError, match=r"--shares=0\.9 0\.2 0\.1"):
        train(run, text("shares", 13, 40), sounds / "clips", tmp_path, "--shares", 0.9, 0.2, 0.1)
    with pytest.raises(UserError, match="`batches=-1` must be 1 or more"):
        train(run, text("none", 13, 40), sounds / "clips", tmp_path, "--feat_type=mfcc", "--batches=-1")
    with pytest.raises(UserError, match="unknown features 'mffc'"):
        run(compare_rec, "--nn_arch", f"{endless}:mffc", f"--clips={sounds}/clips", f"--output={tmp_path}/c")


def test_networks_of_one_name(run: Run, tmp_path: Path) -> None:
    texts = ("--nn_arch", "a/def_x.txt:mel", "b/def_x.txt:mfcc")
    with pytest.raises(UserError, match="two networks have one name"):
        run(compare_rec, *texts, f"--clips={tmp_path}", f"--output={tmp_path}")


@pytest.mark.slow
def test_compare_leaving_speakers_out(
    run: Run,
    text: Callable[..., Path],
    sounds: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = (
        *("--nn_arch", f"{text('a', 13, 40)}:mfcc", f"{text('b', 14, 16)}:mfcc14", "--leave_out=speaker"),
        *(f"--clips={sounds}/manifest.csv", "--seeds=1", "--num_epoch=1", "--quantized_epochs=1"),
        *("--batchsize=12", f"--output={tmp_path}", "--baseline"),
    )
    examine = compare_rec.examine

    def stop(entrant: Any, parts: Any, fold: str, *rest: Any) -> Result:
        if fold == "speaker1":
            raise KeyboardInterrupt
        return examine(entrant, parts, fold, *rest)

    monkeypatch.setattr(compare_rec, "examine", stop)
    with pytest.raises(KeyboardInterrupt):
        run(compare_rec, *command)
    monkeypatch.setattr(compare_rec, "examine", examine)
    first = (tmp_path / "runs" / "speaker0_0" / "a.json").stat().st_mtime_ns
    capsys.readouterr()
    run(compare_rec, *command)
    assert (tmp_path / "runs" / "speaker0_0" / "a.json").stat().st_mtime_ns == first
    said = capsys.readouterr().out
    assert said.count("run ") == 2 and "| a | 2 |" in said and "| logistic regression | 2 |" in said
    with (tmp_path / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["network"], r["fold"]) for r in rows[:2]] == [("a", "speaker0"), ("b", "speaker0")]
    assert len(rows) == 6 and all(float(r["numpy_equal"]) == 1 for r in rows if r["numpy_equal"])
    result = Result.read(tmp_path / "runs" / "speaker1_0" / "b.json")
    assert np.sum(result.confusion) == 12 and np.sum(result.confusion, axis=1).tolist() == [4, 4, 4]
    assert np.trace(result.confusion) / 12 == pytest.approx(result.c_accuracy)
    assert (tmp_path / "comparison.png").stat().st_size > 10000


def test_baseline_tells_tones_from_noise(sounds: Path) -> None:
    heard = clips.read(clips.find(sounds / "manifest.csv"), 16000, 0)
    statistics = recognition.statistics(heard.samples, 16000)
    for speaker, parts in clips.leave_out(heard.recordings, 0):
        result = compare_rec.baseline(heard, statistics, parts, speaker, 0)
        assert result.accuracy["test"] == 1.0 and result.loss["test"] < 0.3


def test_table_of_known_results() -> None:
    def result(network: str, fold: str, seed: int, accuracy: float) -> Result:
        of = dict.fromkeys(clips.SPLITS, accuracy)
        return Result(
            *(
                network,
                fold,
                seed,
                100,
                1.5,
                10.0 * seed,
                of,
                of,
                accuracy,
                1.0,
                None,
                ("x", "y"),
                [[1, 0], [0, 1]],
            )
        )

    shown = recognition.table([result("n", f, s, 0.5 + 0.2 * s) for f in ("ann", "bob") for s in range(2)])
    assert "| n | 4 | 100 | 1.5 | 5 ± 6 |" in shown and "60.0 ± 11.5" in shown
    assert "| ann | 60.0 ± 14.1 | 60.0 ± 14.1 |" in shown
    scores = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert recognition.cross_entropy(scores, np.array([0, 0])) == pytest.approx(np.log(2) / 2, abs=1e-3)
    assert recognition.confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2) == [[1, 1], [0, 1]]


def test_speakers_are_needed_to_leave_them_out() -> None:
    with pytest.raises(UserError, match="its speaker is not known"):
        list(clips.leave_out([Recording(Path("a.wav"), "x"), Recording(Path("b.wav"), "y")], 0))
