# SPDX-License-Identifier: BSD-3-Clause
"""Levels, and sound files: what is read, refused and written."""

import builtins
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nnsp.errors import UserError
from nnsp.signal import audio, levels


def tone(hz: float, seconds: float, rate: int = 16000, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def test_active_power_leaves_pauses_out() -> None:
    speech = tone(440, 1.0)
    with_pause = np.concatenate([speech, np.zeros(32000, np.float32)])
    assert levels.active_power(with_pause) == pytest.approx(0.125, rel=1e-3)
    assert levels.mean_power(with_pause) == pytest.approx(0.125 / 3, rel=1e-3)
    assert levels.to_db(0.0) == -120


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_the_tone_and_nothing_else(rate: int) -> None:
    y = audio.resample(tone(1000, 1.0, rate), rate, 16000)
    assert y.dtype == np.float32 and y.size == 16000
    middle = slice(1000, -1000)
    error = y[middle] - tone(1000, 1.0)[middle]
    assert np.sqrt(np.mean(error**2)) < 1e-3


def test_resampling_rejects_what_would_alias() -> None:
    y = audio.resample(tone(11000, 1.0, 48000), 48000, 16000)
    assert np.abs(y[1000:-1000]).max() < 1e-3


def test_read_says_what_it_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([tone(500, 0.5, 44100), np.zeros(22050, np.float32)], axis=1), 44100)
    x = audio.read(path)
    assert x.size == 8000 and np.abs(x).max() == pytest.approx(0.25, abs=0.01)
    said = capsys.readouterr().out
    assert "2 channels mixed down" in said and "from 44100 to 16000 Hz" in said
    audio.write_wav(tmp_path / "mono.wav", x)
    audio.read(tmp_path / "mono.wav")
    assert capsys.readouterr().out == ""


def test_wav_round_trip_is_exact_and_saturates(tmp_path: Path) -> None:
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    audio.write_wav(tmp_path / "a.wav", samples)
    back = audio.read(tmp_path / "a.wav")
    assert np.array_equal(audio.to_int16(back), samples)
    assert np.array_equal(audio.to_int16(np.array([1.5, -1.5], np.float32)), [32767, -32768])
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_bad_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.1]), 16000, subtype="FLOAT")
    for name, words in {
        "missing.wav": "no such file",
        "text.wav": "not a sound file",
        "empty.wav": "no samples",
        "nan.wav": "NaN or infinity",
    }.items():
        with pytest.raises(UserError, match=f"{name}: .*{words}") as caught:
            audio.read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_no_portaudio_and_no_microphone_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return original(name, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        with pytest.raises(UserError, match="libportaudio2"):
            audio.record(1)

    class PortAudioError(Exception):
        pass

    def rec(*args: object, **kwargs: object) -> None:
        raise PortAudioError("Error querying device -1")

    fake = types.SimpleNamespace(PortAudioError=PortAudioError, rec=rec)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with pytest.raises(UserError, match="no microphone could be opened"):
        audio.record(1)
