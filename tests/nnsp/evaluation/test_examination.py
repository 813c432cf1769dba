# SPDX-License-Identifier: BSD-3-Clause
"""What examine_se measures, on enhancers whose behaviour is known, and on a network."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnsp.data import corpus
from nnsp.data.corpus import Corpus
from nnsp.errors import UserError
from nnsp.evaluation import examination
from nnsp.signal import audio
from sounds import make_list


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus.load(make_list(tmp_path_factory.mktemp("sounds")))


def half(x: np.ndarray) -> np.ndarray:
    return x // 2


def test_silence_tells_what_an_enhancer_adds() -> None:
    assert examination.silence(lambda x: x) == {"zeros": 0, "-1, 0, 1 at random": 1}
    assert examination.silence(lambda x: x * np.int16(4) - np.int16(3)) == {
        "zeros": 3,
        "-1, 0, 1 at random": 7,
    }


def test_noise_is_measured_after_its_first_second(sounds: Corpus) -> None:
    def late(x: np.ndarray) -> np.ndarray:
        assert 20 * np.log10(np.sqrt(np.mean((x / 32768.0) ** 2))) == pytest.approx(-35, abs=0.5)
        return np.concatenate([x[:16000], x[16000:] // 10])

    found = examination.noise(late, sounds, -35)
    assert sorted({one.label for one in found}) == ["hiss", "rush"] and len(found) == 6
    for one in found:
        assert one.attenuation_db == pytest.approx(20, abs=0.1)
    # What is gone altogether counts as the rounding of 16 bits.
    gone = examination.noise(np.zeros_like, sounds, -35)
    assert gone[0].attenuation_db == pytest.approx(-35 + 20 * np.log10(32768) + 10 * np.log10(12), abs=0.5)


def test_clean_speech_is_scored_against_itself(small: Path, tmp_path: Path) -> None:
    audio.write_wav(tmp_path / "a.wav", audio.read(small / "clean.wav"))
    results = examination.clean(half, tmp_path, processes=1)
    assert [r.clip for r in results] == ["a"] and results[0].values["pesq_wb"] > 4.5


def test_an_enhancer_that_begins_late_is_found_out(sounds: Corpus) -> None:
    def starts_late(x: np.ndarray) -> np.ndarray:
        """Adds noise for as long as it has not heard a second that is no silence."""
        out = x.astype(np.float64)
        begins = int(np.argmax(np.abs(x) > 0))
        noise = np.random.default_rng(0).normal(0, 1000, 16000)
        out[begins : begins + 16000] += noise[: max(0, x.size - begins)]
        return np.clip(np.rint(out), -32768, 32767).astype(np.int16)

    begun = examination.first_seconds(starts_late, sounds, 5, 3, 0)
    assert len(begun) == 3
    by_history = examination.per_second(begun)
    for history in ("nothing", "silence"):
        first, *later = by_history[history]
        assert first.mean < -1 and first.clips == 3
        assert all(abs(value.mean) < 1e-6 for value in later if value.clips)
        assert examination.missed(begun)[history].high < -1
    assert all(abs(value.mean) < 1e-6 for value in by_history["speech"] if value.clips)
    # Speech begins there: what was loud enough to be scored in the first second comes after a pause.
    with pytest.raises(
        UserError, match="of 10 mixtures have speech that begins after a pause, 1 were asked for"
    ):
        quiet = Corpus(sounds.clips, np.zeros_like(sounds.samples))
        examination.first_seconds(half, quiet, 5, 1, 0)


@pytest.mark.slow
def test_examine_se_prints_and_writes_it_all(
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    audio.write_wav(tmp_path / "clean" / "a.wav", audio.read(small / "clean.wav"))
    given = f"--test_list={small / 'all.csv'}", f"--clean={tmp_path / 'clean'}", "--clips=2", "--processes=1"
    assert run("examine_se", *given, f"--output={tmp_path / 'out'}") == 0
    said = capsys.readouterr().out
    for words in (
        "silence: 10 s in",
        "zeros",
        "hiss",
        "all",
        "pesq_wb",
        "after silence",
        "nothing less speech",
    ):
        assert words in said
    assert (tmp_path / "out" / "first_seconds.png").read_bytes().startswith(b"\x89PNG")
    sizes = {"silence": 2, "noise": 6, "clean": 1, "first_seconds": 2 * 3 * 4}
    for name, size in sizes.items():
        with (tmp_path / "out" / f"{name}.csv").open() as file:
            assert len(list(csv.DictReader(file))) == size
    assert run("examine_se", *given, "--noise_level=3") == 1
    assert "expected -90 to 0 dBFS" in capsys.readouterr().err
