# SPDX-License-Identifier: BSD-3-Clause
"""Curves of scores and matching of events on cases that are known, and both evaluations on untrained networks."""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from nnsp import commands, tasks
from nnsp.commands import convert as c_code_table_converter
from nnsp.commands.evaluate import keywords as evaluate_kws
from nnsp.commands.evaluate import voice as evaluate_vad
from nnsp.commands.train import voice as train_vad
from nnsp.data import corpus
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.evaluation import keywords
from nnsp.evaluation.keywords import Word
from nnsp.integer.detector import DetectorTable
from nnsp.network import arch as arch_text
from nnsp.network.streaming import build
from nnsp.signal import levels, roc
from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.keywords import Keywords
from nnsp.tasks.voice import MARGIN_DB, VoiceActivity, activity
from nnsp.training import task as task_module
from nnsp.training.folder import ModelFolder, Normalisation
from nnsp.training.task import Task
from sounds import RATE, make_list, syllables

TEXT = """input_neurons 20
layer_type conv1d
num_filters 8
kernel_size 3
strides 2
activation tanh
layer_type fc
layer_neurons {units}
activation {activation}
"""


def test_curve_of_known_scores() -> None:
    """The area is the share of pairs in the right order, ties by half."""
    rng = np.random.default_rng(0)
    there = rng.random(400) < 0.3
    scores = np.round(rng.normal(there * 1.0, 1.0), 1)
    curve = roc.roc(scores, there)
    differences = scores[there][:, None] - scores[~there]
    assert curve.auc == pytest.approx(np.mean((differences > 0) + 0.5 * (differences == 0)))
    assert curve.true[0] == curve.false[0] == 0 and curve.true[-1] == curve.false[-1] == 1
    for place in (3, 17):
        assert curve.true[place] == pytest.approx(np.mean(scores[there] >= curve.threshold[place]))
        assert curve.false[place] == pytest.approx(np.mean(scores[~there] >= curve.threshold[place]))


@pytest.mark.parametrize(
    ("scores", "auc", "equal"),
    [([4, 3, 2, 1], 1.0, 0.0), ([1, 2, 3, 4], 0.0, 1.0), ([4, 2, 3, 1], 0.75, 0.5), ([1, 1, 1, 1], 0.5, 0.5)],
)
def test_area_and_equal_error_rate(scores: list[int], auc: float, equal: float) -> None:
    curve = roc.roc(np.array(scores), np.array([True, True, False, False]))
    assert (curve.auc, curve.equal_error_rate) == pytest.approx((auc, equal))


def test_curve_without_one_kind_is_undefined() -> None:
    assert math.isnan(roc.roc(np.arange(3), np.zeros(3, bool)).auc)


def test_events_are_matched_to_words() -> None:
    words = [Word(1, 1.0), Word(2, 3.0), Word(3, 5.0), Word(1, 7.0)]
    events = [Word(1, 1.1), Word(1, 1.6), Word(1, 3.2), Word(3, 4.8), Word(2, 9.0)]
    found = keywords.match(words, events)
    assert found.delays == pytest.approx([0.1, -0.2])  # the first and the third word
    assert (found.missed, found.confused, found.false) == (2, 1, 2)  # 1.6 and 9.0 belong to none


def test_activity_is_within_the_margin_and_bridges_pauses() -> None:
    """Tones 14 and 18 dB below the loud ones; pauses of 160 and 400 ms."""
    fe = FrontEnd()
    time = np.arange(3 * RATE) / RATE
    x = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    x[16000:18560] = 0
    x[24000:30400] = 0
    x[32000:36000] *= 10 ** (-14 / 20)
    x[36000:] *= 10 ** (-20 / 20)
    (found,) = activity(fe, x[None])
    level = MARGIN_DB
    assert 14 < level < 20 - 1.2  # the active level lies up to 1.2 dB below that of the loud tone
    assert found[:150].all() and found[192:224].all()
    assert not found[153:189].any() and not found[229:].any()
    assert not activity(fe, np.zeros((1, RATE), np.float32)).any()


def untrained(root: Path, name: str, task: Task) -> list[str]:
    text = root / f"def_{name}.txt"
    units, activation = len(task.labels), "sigmoid" if len(task.labels) == 1 else "softmax"
    text.write_text(TEXT.format(units=units, activation=activation))
    arch = arch_text.load(text)
    folder = ModelFolder(root / "models", arch.name)
    normalisation = Normalisation(np.full(20, 18, np.float32), np.full(20, 3, np.float32))
    folder.start(arch_text.to_text(arch), FrontEnd(bands=20), normalisation, {}, task.to_json())
    build(arch, seed=1).save_weights(folder.weights_path(1))
    return [f"--nn_arch={text}", f"--models_dir={root / 'models'}"]


def run(monkeypatch: pytest.MonkeyPatch, tool: object, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", [f"{tool.__name__}.py", *arguments])  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as ended:
        commands.run(tool.main)  # type: ignore[attr-defined]
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_trained_network_tells_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few updates on mixtures of syllables and noise, and its folder says what it is for."""
    monkeypatch.setattr(task_module, "SEQUENCE_SECONDS", 2)
    monkeypatch.setattr(task_module, "NORMALISATION_SECONDS", 16)
    text = tmp_path / "def_small.txt"
    text.write_text(TEXT.format(units=1, activation="sigmoid"))
    sounds = make_list(tmp_path)
    MixingSettings.plain(snr_db=(0, 10), level_db=(-30, -20)).write(tmp_path / SETTINGS_FILE)
    lists = f"--train_list={sounds}", f"--test_list={sounds}"
    sizes = "--batchsize=4", "--batches=8", "--num_epoch=2", "--learning_rate=1e-2", "--threads=1"
    assert run(monkeypatch, train_vad, f"--nn_arch={text}", f"--models_dir={tmp_path}", *lists, *sizes) == 0
    folder = ModelFolder(tmp_path, "small")
    assert tasks.from_json(folder.task()) == VoiceActivity()
    first, last = folder.history(2)
    assert last["val_loss"] < first["val_loss"] and last["val_auc"] > 0.75
    assert last["objective"] == "cross_entropy(1.5,0.75)"


@pytest.mark.slow
def test_vad_tool_and_engines_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = untrained(tmp_path, "small", VoiceActivity())
    common = *network, f"--test_list={make_list(tmp_path)}", "--snr=0,20", "--clips=2", "--seconds=3"
    said = {}
    for engine in ("float", "integer", "c"):
        out = tmp_path / engine
        assert run(monkeypatch, evaluate_vad, *common, f"--engine={engine}", f"--out={out}") == 0
        said[engine] = [line for line in capsys.readouterr().out.splitlines() if " dB " in line]
        assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert said["integer"] == said["c"] and len(said["c"]) == 2
    areas = {engine: [float(line.split()[2]) for line in lines] for engine, lines in said.items()}
    np.testing.assert_allclose(areas["float"], areas["c"], atol=0.02)
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["mixed_at"] for row in rows} == {"0 dB", "20 dB"} and rows[-1]["found"] == "1"
    assert run(monkeypatch, evaluate_kws, *common[:2]) == 1
    assert "small: was trained for 'vad', not for 'kws'; give a network of" in capsys.readouterr().err


def test_tables_of_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter's C files hold the network, its labels and its detector: compiled, they score as NumPy does."""
    from nnsp.inference import conversion
    from nnsp.inference.trained import load_trained
    from nnsp.integer.c_streams import TableClassifier
    from nnsp.integer.classifier import IntegerClassifier

    network = untrained(tmp_path, "small", Keywords(labels=("none", "no", "yes")))
    arguments = *network, "--net_id=7", "--net_name=words", f"--folder_c={tmp_path}"
    assert run(monkeypatch, c_code_table_converter, *arguments) == 0
    trained = load_trained(tmp_path / "def_small.txt", "latest", tmp_path / "models")
    model, _ = conversion.convert(trained)
    assert model.task == "classify" and model.labels == ("none", "no", "yes")
    assert model.detector == DetectorTable("event", 3, 25, round(0.7 * 32768))
    compiled = TableClassifier(tmp_path / "def_nn7_words.c")
    assert compiled.labels == model.labels
    x = np.rint(syllables(np.random.default_rng(1), 2) * 32767).astype(np.int16)
    np.testing.assert_array_equal(compiled.process(x), IntegerClassifier(model).process(x))


def test_spotter_counts_what_a_scorer_says() -> None:
    """A scorer that hears a loud sample as the keyword: each click is an event one output later, held for five."""
    fe = FrontEnd()

    def score(samples: np.ndarray) -> np.ndarray:
        loud = np.abs(samples.reshape(-1, fe.hop)).max(axis=1)[::2] > 1000
        return np.stack([np.where(loud, 0, 32767), np.where(loud, 32767, 0)], axis=1).astype(np.int16)

    spotter = keywords.Spotter(score, fe, 2, DetectorTable.quantized("event", 0, 5, 0.5), 2)
    clicks = np.zeros(60 * RATE, np.int16)
    clicks[[RATE, RATE + 320, 30 * RATE]] = 2000
    spotter.hear(keywords.Stream(clicks, (Word(1, 1.0), Word(1, 10.0)), 10.0))
    spotter.hear(keywords.Stream(clicks, (), keywords.CLEAN))
    point = spotter.at(0.5)
    assert point.missed == {10.0: 0.5} and point.confused == {10.0: 0.0}
    assert point.per_hour == pytest.approx(120)
    assert point.delays == pytest.approx([0.01])
    assert spotter.at(1.0).missed == {10.0: 0.0 + 0.5}


def test_streams_of_words_have_them_all_at_every_ratio(tmp_path: Path) -> None:
    sounds = corpus.load(make_list(tmp_path))
    clips = [clip for clip in sounds.clips if clip.kind == "speech"]
    said = corpus.Corpus(tuple(clips), sounds.samples)
    labels = sorted({clip.label for clip in clips})
    streams = list(keywords.spoken(sounds, said, labels, [keywords.CLEAN, 5.0], 2, 0))
    for snr_db in (keywords.CLEAN, 5.0):
        words = [word for stream in streams if stream.snr_db == snr_db for word in stream.words]
        assert sorted(word.label for word in words) == sorted([1 + k for k in range(len(labels))] * 2)
    clean, noisy = streams[:2]
    assert clean.words == noisy.words
    ends = [round(word.end * RATE) for word in clean.words]
    for end in ends:
        assert np.abs(clean.samples[end - 4000 : end]).max() > 100
        assert not clean.samples[end + 400 : end + 8000].any()
    speech = clean.samples.astype(np.float32)
    ratio = levels.active_power(speech) / levels.mean_power(noisy.samples - speech)
    assert 10 * np.log10(ratio) == pytest.approx(5, abs=0.1)


def test_streams_without_words_are_as_long_as_asked(tmp_path: Path) -> None:
    sounds = corpus.load(make_list(tmp_path))
    streams = list(keywords.unspoken(sounds, 0.03, 0, lowpass_hz=2000))
    assert len(streams) == 2 and all(stream.samples.size == 60 * RATE for stream in streams)
    spectrum = np.abs(np.fft.rfft(streams[0].samples[: 8 * RATE].astype(float))) ** 2
    assert spectrum[8 * 3500 :].sum() < 1e-3 * spectrum.sum()
    assert not streams[0].words


@pytest.mark.slow
def test_kws_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = make_list(tmp_path)
    from nnsp.data.corpus import Clip
    from nnsp.signal import audio

    rng = np.random.default_rng(0)
    clips = []
    for word in ("no", "yes"):
        path = tmp_path / "said" / f"{word}.wav"
        audio.write_wav(path, syllables(rng, 0.6))
        clips.append(Clip(str(path), "keyword", "a", word))
    corpus.write_list(clips, tmp_path / "words.csv")
    network = untrained(tmp_path, "small", Keywords(labels=("none", "no", "yes")))
    lists = f"--test_list={listed}", f"--test_words={tmp_path / 'words.csv'}"
    arguments = *network, *lists, "--hours=0.01", "--snr=clean,5", f"--out={tmp_path / 'kws'}"
    assert run(monkeypatch, evaluate_kws, *arguments) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["threshold", "alarms/h", "clean", "5", "dB", "confused", "delay", "ms", "late", "ms"] in lines
    with (tmp_path / "kws.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["threshold"]) for row in rows] == sorted(float(row["threshold"]) for row in rows)
    assert {row["mixed_at"] for row in rows} == {"clean", "5 dB"}
    assert (tmp_path / "kws.png").read_bytes().startswith(b"\x89PNG")
    for argument, message in (
        ("--hours=0", "--hours must be more than 0"),
        ("--lowpass=10", "--lowpass=10 must lie from 1000 to 8000"),
        ("--snr=loud", "--snr=loud: expected clean and numbers of dB"),
    ):
        assert run(monkeypatch, evaluate_kws, *arguments, argument) == 1
        assert message in capsys.readouterr().err
