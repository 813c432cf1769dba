# SPDX-License-Identifier: BSD-3-Clause
"""Rows with keywords: where they are, what is told of them, and the lists and tools that make them."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnsp import commands, tasks
from nnsp.commands.data import keywords as data_kws
from nnsp.commands.train import keywords as train_kws
from nnsp.data import corpus, keywords, synthesis
from nnsp.data.keywords import KeywordMixer
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.errors import UserError
from nnsp.signal import audio
from nnsp.signal.frontend import FrontEnd
from nnsp.tasks import keywords as task_keywords
from nnsp.training import task as task_module
from nnsp.training.folder import ModelFolder
from sounds import RATE, make_list

PITCH = {"high": 2000.0, "low": 500.0}
FE = FrontEnd(bands=20)
TEXT = """input_neurons 32
layer_type lstm
layer_neurons 8
layer_type fc
layer_neurons 3
activation softmax
"""


def tone(hertz: float, seconds: float) -> np.ndarray:
    return np.asarray(0.1 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """all.csv of sounds, and said/<word>/<speaker>_<n>.wav, tones with silence behind them."""
    root = tmp_path_factory.mktemp("keywords")
    make_list(root)
    for word, hertz in PITCH.items():
        for number, speaker in enumerate("abc"):
            for take in range(2):
                said = np.append(tone(hertz + 20 * number, 0.3 + 0.1 * take), np.zeros(3200, np.float32))
                audio.write_wav(root / "said" / word / f"{speaker}_{take}.wav", said)
    return root


def run(monkeypatch: pytest.MonkeyPatch, tool: object, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", [f"{tool.__name__}.py", *arguments])  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as ended:
        commands.run(tool.main)  # type: ignore[attr-defined]
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def words(folder: Path) -> Path:
    """train.csv and test.csv of the words."""
    with pytest.MonkeyPatch.context() as patch:
        arguments = f"--keywords={folder / 'said'}", "--test_speakers=c", "--num_procs=1"
        assert run(patch, data_kws, *arguments, f"--out={folder / 'words'}") == 0
    return folder / "words"


def mixer(folder: Path, words: Path, settings: MixingSettings, seed: int = 0) -> KeywordMixer:
    return KeywordMixer(corpus.load(folder / "all.csv"), corpus.load(words / "train.csv"), seed, settings)


@pytest.mark.slow
def test_lists_part_speakers(words: Path) -> None:
    train, test = (corpus.load(words / f"{name}.csv") for name in ("train", "test"))
    assert {clip.group for clip in train.clips} == {"a", "b"} and {clip.group for clip in test.clips} == {"c"}
    assert len(train.clips) == 8 and keywords.labels_of(train) == keywords.labels_of(test) == ("high", "low")
    assert MixingSettings.read(words / SETTINGS_FILE) == keywords.SETTINGS


@pytest.mark.parametrize("speed", [1.0, 1.25])
def test_words_are_where_they_are_said(
    folder: Path, words: Path, speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each word's stretch, at whatever speed, holds its tone to the end, and silence follows."""
    monkeypatch.setattr(keywords, "KEYWORD_PROB", 1.0)
    monkeypatch.setattr(keywords, "OTHER_PROB", 0.0)
    monkeypatch.setattr(keywords, "PART_PROB", 0.0)
    settings = MixingSettings.plain(clean_only_prob=1.0, voice_prob=1.0, voice_speed=(speed, speed))
    made = mixer(folder, words, settings)
    seen = set()
    for number in range(4):
        row = made.row(0, 0, number, 4 * RATE)
        assert len(row.words) >= 2
        for word in row.words:
            said = row.noisy[word.start + 800 : word.end - 800]
            spectrum = np.abs(np.fft.rfft(said * np.hanning(said.size)))
            hertz = np.argmax(spectrum) * RATE / said.size
            assert abs(hertz / speed - PITCH[word.label]) < 50
            assert 0.28 < (word.end - word.start) / RATE * speed < 0.43
            after = row.noisy[word.end + 400 : word.end + 1200]
            assert np.abs(after).max() < 0.02 * np.abs(said).max()
            seen.add(word.label)
    assert seen == set(PITCH)


def test_other_speech_and_parts_are_no_words(
    folder: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = MixingSettings.plain(clean_only_prob=1.0)
    monkeypatch.setattr(keywords, "OTHER_PROB", 0.0)
    monkeypatch.setattr(keywords, "KEYWORD_PROB", 1.0)
    monkeypatch.setattr(keywords, "PART_PROB", 1.0)
    row = mixer(folder, words, clean).row(0, 0, 0, 4 * RATE)
    assert not row.words and set(row.speakers) <= {"a", "b"} and row.noisy.any()
    monkeypatch.setattr(keywords, "OTHER_PROB", 1.0)
    row = mixer(folder, words, clean).row(0, 0, 0, 4 * RATE)
    assert not row.words and all(speaker.startswith("s") for speaker in row.speakers)


def test_muted_words_are_not_told(folder: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keywords, "OTHER_PROB", 0.0)
    settings = MixingSettings.plain(clean_only_prob=1.0, mute_seconds=(1.5, 1.5))
    whole = mixer(folder, words, settings).row(0, 0, 1, 6 * RATE).words
    muted = mixer(folder, words, replace(settings, mute_prob=1.0)).row(0, 0, 1, 6 * RATE).words
    assert muted == tuple(word for word in whole if word.start >= 1.5 * RATE) != whole


def test_batches_are_alike_whoever_makes_them(folder: Path, words: Path) -> None:
    made = mixer(folder, words, keywords.SETTINGS)
    waves, told = made.batch(1, 2, 4, 6.0)
    parts = [mixer(folder, words, keywords.SETTINGS).batch(1, 2, 4, 6.0, worker, 2) for worker in (0, 1)]
    for place in (0, 1):
        np.testing.assert_array_equal(parts[place][0], waves[place::2])
        np.testing.assert_array_equal(parts[place][1], told[place::2])
    assert told[..., 0].any() and told.shape == (4, keywords.MOST_WORDS, 3)
    assert repr(made.identity) != repr(mixer(folder, words, keywords.SETTINGS, seed=1).identity)


def test_frames_of_a_word() -> None:
    """A word that ends within frame 100 wants its label in the 25 frames from then on; around these all goes."""
    words = np.zeros((1, 4, 3), np.int32)
    words[0, 0] = 2, 90 * 160, 100 * 160 - 10
    (target,) = task_keywords.classes(FE, words, 300)
    assert (target[100:125] == 2).all()
    assert (target[85:100] == -1).all() and (target[125:135] == -1).all()
    assert not target[:85].any() and not target[135:].any()
    words[0, 1] = 1, 101 * 160, 110 * 160  # the next word's time is not open because of the first one's
    (target,) = task_keywords.classes(FE, words, 300)
    assert (target[100:110] == 2).all() and (target[110:135] == 1).all() and (target[135:145] == -1).all()


def test_open_frames_do_not_count() -> None:
    words = np.array([[[1, 0, 5 * 1600]]], np.int32)
    task = task_keywords.Keywords(labels=("none", "high", "low"))
    batch = task.batch(FE, (np.zeros((1, 16000), np.float32), words))
    (chunk,) = batch.chunks(100)
    heard, target, weight = chunk
    assert heard.shape == (1, 16000 + FE.history) and target.shape == weight.shape == (1, 100)
    assert (weight[0, 50:75] == 2).all() and not weight[0, 35:50].any() and (weight[0, :35] == 1).all()
    outputs = np.zeros((1, 100, 3), np.float32)
    outputs[..., 0] = 1
    outputs[0, 50:60] = 0, 1, 0
    outputs[0, 35:50] = 0, 0, 1
    outputs[0, 0] = 0, 0, 1
    found = task.measure(FE, batch, outputs)
    assert np.mean(found["val_found"]) == pytest.approx(0.4)
    assert np.mean(found["val_false"]) == pytest.approx(1 / 50)


@pytest.mark.slow
def test_tool_trains_and_its_folder_knows_the_words(
    folder: Path,
    words: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(task_module, "SEQUENCE_SECONDS", 1)
    monkeypatch.setattr(task_module, "NORMALISATION_SECONDS", 8)
    (tmp_path / "def_small.txt").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    lists = f"--train_list={folder / 'all.csv'}", f"--test_list={folder / 'all.csv'}"
    said = f"--train_words={words / 'train.csv'}", f"--test_words={words / 'test.csv'}"
    common = *lists, *said, "--nn_arch=def_small.txt", "--batchsize=2", "--batches=2", "--timesteps=50"
    assert run(monkeypatch, train_kws, *common, "--num_epoch=1", "--models_dir=models") == 0
    trained = ModelFolder(tmp_path / "models", "small")
    assert tasks.from_json(trained.task()) == task_keywords.Keywords(labels=("none", "high", "low"))
    assert {"val_found", "val_false"} <= trained.history(1)[0].keys()
    more = *common, "--num_epoch=2", "--models_dir=models", "--epoch_loaded=latest", "--quantized=1"
    assert run(monkeypatch, train_kws, *more) == 0
    assert [row["quantized"] for row in trained.history(2)] == [False, True]

    form = trained.path / "task.json"
    form.write_text(form.read_text().replace("high", "loud"))
    assert run(monkeypatch, train_kws, *more) == 1
    assert "was trained for kws of none, loud, low, not kws of none, high, low" in capsys.readouterr().err
    (tmp_path / "def_small.txt").write_text(TEXT.replace("layer_neurons 3", "layer_neurons 4"))
    assert run(monkeypatch, train_kws, *common) == 1
    assert "the last layer must be an fc of 3 softmax or sigmoid neurons" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--test_speakers=d"], "--test_speakers: nobody is called d in "),
        (["--test_speakers=a,b,c"], "--test_speakers names all speakers"),
        (["--test_speakers=a", "--voices=-1"], "--voices=-1 must be 0 or more"),
        (["--test_speakers=a", "--mixing=nothing.json"], "nothing.json: cannot be read as JSON"),
    ],
)
def test_tool_refuses(
    folder: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, data_kws, f"--keywords={folder / 'said'}", *arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_voices_of_the_synthesiser_join_the_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "speak", lambda text, voice: tone(300 + 10 * len(text) + voice[2], 0.2))
    arguments = f"--keywords={folder / 'said'}", "--test_speakers=c", "--voices=3", f"--out={tmp_path}"
    assert run(monkeypatch, data_kws, *arguments, "--num_procs=1") == 0
    train, test = (corpus.load(tmp_path / f"{name}.csv") for name in ("train", "test"))
    assert sum(clip.group.startswith("espeak_") for clip in train.clips) == 3 * 2
    assert len(train.clips) == 8 + 6 and not any(clip.group.startswith("espeak") for clip in test.clips)


def test_list_without_keywords(folder: Path) -> None:
    with pytest.raises(UserError, match=r"holds none; make it with data_kws\.py"):
        keywords.labels_of(corpus.load(folder / "all.csv"))


def test_unknown_task() -> None:
    with pytest.raises(UserError, match="unknown task 'sed'; known are se, vad, kws"):
        tasks.find("sed")
