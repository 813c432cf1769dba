"""Recordings through every engine, test_se.py and evaluate_se.py, with a small untrained network."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nnsp import cli, enhancement, evaluation
from nnsp.data.mixing import Mixer
from nnsp.errors import UserError
from nnsp.signal import audio
from sounds import make_list, syllables

TEXT = """input_neurons 72
dropprob 0
layer_type conv1d
num_filters 12
kernel_size 3
strides 1
activation tanh
dropprob 0
layer_type lstm
layer_neurons 12
activation tanh
dropprob 0
layer_type fc
layer_neurons 257
activation sigmoid
dropprob 0
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with def_se_small.txt, models/se_small/ (one epoch), all.csv, noisy.wav and clean.wav."""
    from nnsp.network import arch as arch_text
    from nnsp.network.build import build
    from nnsp.network.folder import ModelFolder, Normalisation
    from nnsp.signal.frontend import FrontEnd

    root = tmp_path_factory.mktemp("enhancement")
    text = root / "def_se_small.txt"
    text.write_text(TEXT)
    arch = arch_text.load(text)
    folder = ModelFolder(root / "models", arch)
    folder.start(FrontEnd(), Normalisation(np.full(72, 18, np.float32), np.full(72, 3, np.float32)), {})
    build(arch, seed=1).save_weights(folder.weights_path(1))
    mixture = Mixer.open(make_list(root), 0).row(0, 0, 3, 48000)
    audio.write_wav(root / "noisy.wav", mixture.noisy)
    audio.write_wav(root / "clean.wav", mixture.clean)
    return root


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a tool of py_tools in this process; gives its exit status."""

    def run(tool: str, *arguments: str) -> int:
        model = f"--nn_arch={root / 'def_se_small.txt'}", f"--models_dir={root / 'models'}"
        monkeypatch.setattr(sys, "argv", [f"{tool}.py", *model, *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.run(__import__(tool).main)
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000])
def test_delay_is_taken_out_whatever_the_length(samples: int) -> None:
    def late(x: np.ndarray) -> np.ndarray:
        assert x.size % 160 == 0
        return np.concatenate([np.zeros(320), x])[: x.size]

    x = np.random.default_rng(0).integers(-32768, 32767, samples).astype(np.int16)
    assert np.array_equal(enhancement.aligned(late, 160, 320)(x), x)


def test_engines_agree(root: Path) -> None:
    from nnsp.network import training

    trained = training.load(root / "def_se_small.txt", "latest", root / "models")
    noisy = audio.to_int16(audio.read(root / "noisy.wav"))[:-33]
    outputs = {engine: enhancement.open_engine(trained, engine) for engine in enhancement.ENGINES}
    enhanced = {engine: enhance(noisy) for engine, enhance in outputs.items()}
    for engine, samples in enhanced.items():
        assert samples.dtype == np.int16 and samples.size == noisy.size
        assert np.array_equal(outputs[engine](noisy), samples)  # each call starts afresh
    assert np.array_equal(enhanced["integer"], enhanced["c"])
    exact = enhanced["float"].astype(np.float64)
    error = exact - enhanced["integer"]
    assert 10 * np.log10(np.sum(exact**2) / np.sum(error**2)) > 30
    assert np.corrcoef(exact, noisy)[0, 1] > 0.7  # in time with the input


def test_test_se_writes_sound_picture_and_scores(
    root: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    wav, clean = f"--test_wavefile={root / 'noisy.wav'}", f"--clean={root / 'clean.wav'}"
    assert run("test_se", wav, clean, f"--output={tmp_path}", "--engine=c", "--feat_type=mel") == 0
    said = capsys.readouterr().out
    assert "SI-SDR" in said and "enhanced" in said and "engine c" in said
    assert audio.read(tmp_path / "noisy_enhanced.wav").size == 48000
    assert (tmp_path / "noisy_enhanced.png").stat().st_size > 10000


def test_test_se_takes_folders_stereo_and_other_rates(
    tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    x = syllables(np.random.default_rng(0), 1.0)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.flac", np.stack([x, x], axis=1), 16000)
    soundfile.write(tmp_path / "in" / "b.wav", np.repeat(x, 3), 48000)
    assert (
        run("test_se", f"--test_wavefile={tmp_path / 'in'}", f"--output={tmp_path / 'out'}", "--quantized=1")
        == 0
    )
    said = capsys.readouterr().out
    assert "2 channels mixed down" in said and "resampled from 48000" in said
    for name in ("a_enhanced.wav", "b_enhanced.wav"):
        assert audio.read(tmp_path / "out" / name).size == 16000


def test_test_se_refuses_in_one_sentence(
    root: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 16000, subtype="FLOAT")
    noisy = f"--test_wavefile={root / 'noisy.wav'}"
    for arguments, words in {
        (): "give either --test_wavefile=WAV or --recording=1",
        (noisy, "--recording=1"): "give either",
        (f"--test_wavefile={tmp_path / 'nan.wav'}",): "NaN or infinity",
        (f"--test_wavefile={tmp_path / 'none.wav'}",): "no such file",
        (noisy, "--feat_type=pspec"): "trained with --feat_type=mel",
        (noisy, "--epoch_loaded=9"): "epoch 9",
        (noisy, f"--clean={tmp_path}"): "holds no references named noisy",
    }.items():
        assert run("test_se", *arguments) == 1
        said = capsys.readouterr().err
        assert said.startswith("test_se: ") and words in said and "Traceback" not in said


def test_mixtures_for_scoring_differ_only_in_their_ratio(root: Path) -> None:
    pairs = list(evaluation.mixtures(root / "all.csv", [0.0, 10.0], 3, 2.0, seed=4))
    again = list(evaluation.mixtures(root / "all.csv", [0.0, 10.0], 3, 2.0, seed=4))
    assert [p.bucket for p in pairs] == ["0 dB"] * 3 + ["10 dB"] * 3
    for low, high, same in zip(pairs[:3], pairs[3:], again, strict=False):
        assert np.array_equal(low.noisy, same.noisy)
        assert np.corrcoef(low.clean, high.clean)[0, 1] > 0.9999
        ratio = [np.var(p.noisy.astype(float) - p.clean) / np.var(p.clean.astype(float)) for p in (low, high)]
        assert 10 * np.log10(ratio[0] / ratio[1]) == pytest.approx(10, abs=0.1)


def test_better_systems_score_better_and_the_table_says_so(root: Path, tmp_path: Path) -> None:
    pairs = list(evaluation.mixtures(root / "all.csv", [0.0, 10.0], 2, 2.0, seed=4))
    answers = {pair.noisy.tobytes(): pair.clean for pair in pairs}

    def halfway(noisy: np.ndarray) -> np.ndarray:
        return ((noisy.astype(np.int32) + answers[noisy.tobytes()]) // 2).astype(np.int16)

    results = evaluation.evaluate(pairs, {"halfway": halfway})
    assert len(results) == 8
    by_name = {(r.clip, r.bucket, r.system): r.scores for r in results}
    for pair in pairs:
        noisy = by_name[pair.name, pair.bucket, "noisy"]
        better = by_name[pair.name, pair.bucket, "halfway"]
        assert better.si_sdr_db == pytest.approx(noisy.si_sdr_db + 6, abs=1)
        assert better.stoi > noisy.stoi
    lines = evaluation.table(results).splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["noisy", "halfway"] * 2
    evaluation.write_csv(tmp_path / "scores.csv", results)
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 9


def test_evaluate_se_prints_a_table_per_ratio(
    root: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    common = (
        f"--test_list={root / 'all.csv'}",
        "--clips=1",
        "--seconds=2",
        f"--output={tmp_path / 'scores.csv'}",
    )
    assert run("evaluate_se", *common, "--snr=0,15", "--engines=float,c") == 0
    said = capsys.readouterr().out
    for row in ("0 dB noisy", "0 dB float", "15 dB noisy", "15 dB c"):
        assert row in said
    assert run("evaluate_se", *common, "--engines=magic") == 1
    assert run("evaluate_se", *common, "--snr=loud") == 1
    assert run("evaluate_se", f"--test_list={tmp_path / 'none.csv'}") == 1
    said = capsys.readouterr().err
    assert "no such engine" in said and "expected numbers of dB" in said and "no such list" in said


def test_evaluate_se_scores_folders_of_pairs(
    root: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("noisy", "clean"):
        (tmp_path / kind).mkdir()
        audio.write_wav(tmp_path / kind / "1.wav", audio.read(root / f"{kind}.wav"))
    folders = f"--noisy={tmp_path / 'noisy'}", f"--clean={tmp_path / 'clean'}"
    assert run("evaluate_se", *folders, "--engines=c", f"--output={tmp_path / 'scores.csv'}") == 0
    assert "all noisy" in capsys.readouterr().out
    (tmp_path / "clean" / "1.wav").unlink()
    with pytest.raises(UserError, match="holds no references named 1"):
        list(evaluation.folders(tmp_path / "noisy", tmp_path / "clean"))
