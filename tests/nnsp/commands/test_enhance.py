# SPDX-License-Identifier: BSD-3-Clause
"""nnsp enhance and detect with the shipped tables, which are compiled C."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nnsp import commands, places
from nnsp.inference import enhancement
from nnsp.signal import audio

Nnsp = Callable[..., int]


@pytest.fixture
def nnsp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Nnsp:
    """Run a command in an empty folder; gives its exit status."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, *arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["nnsp", name, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            commands.cli()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return call


def test_without_a_network_the_shipped_one_enhances(
    nnsp: Nnsp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = audio.read(places.DEMO / "noisy.wav")[:32123]
    audio.write_wav(tmp_path / "a.wav", noisy)
    assert nnsp("enhance", "a.wav") == 0
    assert "def_nn3_se, engine c\nwrote a_enhanced.wav\n" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "a_enhanced.wav"}  # and no picture
    table = enhancement.open_table(places.table("se"))
    wanted = np.concatenate(list(table([audio.to_int16(noisy)])))
    assert np.array_equal(audio.to_int16(audio.read(tmp_path / "a_enhanced.wav")), wanted)
    assert nnsp("enhance", "a.wav", "--output=small", "--model=se_small") == 0
    assert soundfile.info(tmp_path / "small" / "a_enhanced.wav").frames == noisy.size
    assert (tmp_path / "small/a_enhanced.wav").read_bytes() != (tmp_path / "a_enhanced.wav").read_bytes()


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 321, 7777])
@pytest.mark.parametrize("block", [1000, 17])
def test_blocks_of_any_size_are_the_recording(samples: int, block: int) -> None:
    table = enhancement.open_table(places.table("se_small"))
    x = np.random.default_rng(0).integers(-9000, 9000, samples).astype(np.int16)
    whole = np.concatenate(list(table([x])))
    assert whole.size == samples
    parts = np.concatenate(list(table(x[i : i + block] for i in range(0, samples, block))))
    assert np.array_equal(parts, whole)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_files_are_read_block_by_block_as_in_one_piece(
    rate: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(0, 0.1, (3 * rate + 7, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", x, rate)
    whole, file_rate, channels = audio.load(tmp_path / "a.flac")
    assert (file_rate, channels) == (rate, 2)
    monkeypatch.setattr(audio, "BLOCK", 1001)
    blocks = list(audio.Reader(tmp_path / "a.flac"))
    assert len(blocks) > 3 and np.array_equal(np.concatenate(blocks), whole)


def test_results_of_the_flags_of_test_se(
    nnsp: Nnsp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = audio.read(places.DEMO / "noisy.wav")[:16000]
    monkeypatch.setattr(audio, "record", lambda seconds: heard)
    assert nnsp("test_se", "--recording=1") == 0
    recorded, result = tmp_path / "test_wavs/speech.wav", tmp_path / "test_results/enhanced_speech.wav"
    assert np.array_equal(audio.read(recorded), audio.read(recorded)) and result.with_suffix(".png").is_file()
    first = result.read_bytes()
    result.unlink()
    assert nnsp("test_se", "--recording=0", "--test_wavefile=test_wavs/speech.wav", "--no-pictures") == 0
    assert result.read_bytes() == first
    capsys.readouterr()


def test_several_recordings_and_what_is_refused(
    nnsp: Nnsp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.wav", "b.wav", "in/a.wav"):
        audio.write_wav(tmp_path / name, audio.read(places.DEMO / "noisy.wav")[:8000])
    assert nnsp("enhance", "a.wav", "b.wav", "in", "--output=out") == 0
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"a_enhanced.wav", "b_enhanced.wav", "a.wav"}
    assert "3 of 3 files, 1.5 s of audio" in capsys.readouterr().out
    assert nnsp("enhance", "a.wav") == 0
    for arguments, words in {
        ("in",): "in: is a folder; say with --output=DIR",
        ("a.wav", "in/a.wav", "--output=o"): "o/a_enhanced.wav: would be the result of two recordings",
        ("a.wav", "a_enhanced.wav"): "a_enhanced.wav: is to be enhanced, and would be overwritten",
        ("a.wav", "--model=nothing"): "there is no",
        ("a.wav", "--model=vad"): "the model is for another task",
        ("a.wav", "--recording=1"): "name recordings, or give either",
        ("c.wav",): "c.wav: no such file",
    }.items():
        assert nnsp("enhance", *arguments) == 1
        said = capsys.readouterr().err
        assert said.startswith("nnsp enhance: ") and words in said and said.count("\n") == 1


def test_detect_tells_when_somebody_speaks(
    nnsp: Nnsp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnsp("detect", places.DEMO / "clean.wav", "--csv=out/events.csv") == 0
    said = capsys.readouterr().out
    assert "vad" in said and "speech begins" in said
    with (tmp_path / "out/events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (
        rows and rows[0]["network"] == "vad" and rows[0]["edge"] == "begin" and float(rows[0]["time_s"]) < 2
    )
    times = [float(row["time_s"]) for row in rows]
    assert times == sorted(times)
    audio.write_wav(tmp_path / "silence.wav", np.zeros(16000, np.int16))
    assert nnsp("detect", "silence.wav") == 0
    assert "silence.wav: nothing was detected" in capsys.readouterr().out
    assert nnsp("detect", "silence.wav", "--model=se") == 1
    assert "for another task" in capsys.readouterr().err
