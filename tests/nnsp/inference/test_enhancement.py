# SPDX-License-Identifier: BSD-3-Clause
"""Recordings through every engine, and test_se.py, with a small untrained network."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nnsp.inference import enhancement
from nnsp.signal import audio
from sounds import syllables


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000])
def test_delay_is_taken_out_whatever_the_length(samples: int) -> None:
    def late(x: np.ndarray) -> np.ndarray:
        assert x.size % 160 == 0
        return np.concatenate([np.zeros(320), x])[: x.size]

    x = np.random.default_rng(0).integers(-32768, 32767, samples).astype(np.int16)
    assert np.array_equal(enhancement.aligned(late, 160, 320)(x), x)


def test_engines_agree(small: Path) -> None:
    from nnsp.inference.trained import load_trained

    trained = load_trained(small / "def_se_small.txt", "latest", small / "models")
    noisy = audio.to_int16(audio.read(small / "noisy.wav"))[:-33]
    noisy[16000:24000] = 0  # after it every network starts anew
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
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    wav, clean = f"--test_wavefile={small / 'noisy.wav'}", f"--clean={small / 'clean.wav'}"
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
    for name in ("a.wav", "b.wav"):
        assert audio.read(tmp_path / "out" / name).size == 16000


@pytest.mark.slow
def test_test_se_enhances_a_folder_under_the_same_names(
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = audio.read(small / "noisy.wav")
    sizes = {"a.wav": 16000, "deep/er/a.wav": 31234, "deep/b.wav": 8017}
    for name, size in sizes.items():
        audio.write_wav(tmp_path / "in" / name, noisy[:size])
        audio.write_wav(tmp_path / "clean" / name, audio.read(small / "clean.wav")[:size])
    wavs, out = f"--test_wavefile={tmp_path / 'in'}", f"--output={tmp_path / 'out'}"
    assert run("test_se", wavs, out, "--engine=c", f"--clean={tmp_path / 'clean'}") == 0
    said = capsys.readouterr().out
    assert "mean of 3" in said and "3 of 3 files, 3.5 s of audio" in said
    assert int(re.search(r"(\d+) x real time on one core", said)[1]) >= 20  # type: ignore[index]
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == set(sizes)  # no pictures, no parts
    for name, size in sizes.items():
        assert soundfile.info(tmp_path / "out" / name).frames == size
    # The same as alone, and in time with the input.
    one = tmp_path / "in" / "deep" / "b.wav"
    alone = f"--output={tmp_path / 'alone'}"
    assert run("test_se", f"--test_wavefile={one}", alone, "--engine=c", "--no-pictures") == 0
    assert [p.name for p in (tmp_path / "alone").iterdir()] == ["b_enhanced.wav"]
    assert np.array_equal(
        audio.read(tmp_path / "alone" / "b_enhanced.wav"), audio.read(tmp_path / "out/deep/b.wav")
    )
    assert run("test_se", wavs, out, "--engine=c", "--pictures") == 0
    assert (tmp_path / "out" / "deep" / "er" / "a.png").is_file()


def test_test_se_goes_on_after_a_file_that_cannot_be_read(
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    for name in ("a.wav", "c.wav"):
        audio.write_wav(folder / name, audio.read(small / "noisy.wav")[:8000])
    (folder / "b.wav").write_bytes(b"RIFF but no more")
    assert run("test_se", f"--test_wavefile={folder}", f"--output={tmp_path / 'out'}", "--engine=c") == 1
    said = capsys.readouterr()
    assert "b.wav: not a sound file" in said.err and "1 of 3 files were left out" in said.err
    assert "2 of 3 files" in said.out and "Traceback" not in said.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.wav", "c.wav"]


def test_test_se_overwrites_no_input_and_keeps_names_apart(
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    for name in ("a.wav", "a.flac"):
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / name, audio.read(small / "noisy.wav")[:8000], 16000)
    before = (folder / "a.wav").read_bytes()
    for out, words in {
        folder / "x": "which is to be enhanced",
        tmp_path / "out": "more than one ending",
    }.items():
        assert run("test_se", f"--test_wavefile={folder}", f"--output={out}", "--engine=c") == 1
        assert words in capsys.readouterr().err
    assert (folder / "a.wav").read_bytes() == before


def test_test_se_refuses_in_one_sentence(
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 16000, subtype="FLOAT")
    noisy = f"--test_wavefile={small / 'noisy.wav'}"
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
