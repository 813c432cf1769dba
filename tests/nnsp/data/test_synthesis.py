# SPDX-License-Identifier: BSD-3-Clause
"""The built-in generator and the demonstration clip."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from nnsp.data import corpus, synthesis
from nnsp.errors import UserError
from nnsp.signal import levels

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.mark.parametrize("name", sorted(set(synthesis.NOISES) - {"babble"}))
def test_noises_are_finite_lasting_and_seeded(name: str) -> None:
    noise = synthesis.NOISES[name]
    x = noise(np.random.default_rng(1), 80000)
    assert x.shape == (80000,) and np.isfinite(x).all()
    assert np.array_equal(x, noise(np.random.default_rng(1), 80000))
    assert not np.array_equal(x, noise(np.random.default_rng(2), 80000))
    assert np.std(x[-16000:]) > 0.01 * np.std(x)


def test_pink_noise_falls_and_hum_has_its_lines() -> None:
    power = np.abs(np.fft.rfft(synthesis.pink(np.random.default_rng(0), 160000))) ** 2
    assert power[1000:2000].mean() > 2 * power[20000:40000].mean()
    hum = np.abs(np.fft.rfft(synthesis.hum(np.random.default_rng(0), 160000))) ** 2
    peak = int(np.argmax(hum)) / 10
    assert min(abs(peak / k - mains) for k in range(1, 25) for mains in (50, 60)) < 0.3


@needs_espeak
def test_speech_is_made_and_voices_differ() -> None:
    one = synthesis.speak("Good evening to you all.", synthesis.VOICES[0])
    other = synthesis.speak("Good evening to you all.", synthesis.VOICES[3])
    assert one.dtype == np.float32 and one.size > 12000 and one.std() > 0.01
    assert one.size != other.size or not np.allclose(one, other)


@pytest.mark.slow
@needs_espeak
def test_corpus_is_a_folder_like_any_other(tmp_path: Path) -> None:
    synthesis.make_corpus(tmp_path / "made", voices=2, sentences=2)
    speech = corpus.find_clips(tmp_path / "made" / "speech", "speech")
    noise = corpus.find_clips(tmp_path / "made" / "noise", "noise")
    assert len(speech) == 4 and len({c.group for c in speech}) == 2
    assert {c.label for c in noise} == set(synthesis.NOISES)
    _, rejected = corpus.write_list(speech + noise, tmp_path / "a.csv")
    assert not rejected
    assert [p.name for p in tmp_path.glob("*.part")] == []


@pytest.mark.slow
@needs_espeak
def test_lists_are_made_once_and_share_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "VOICES", synthesis.VOICES[:8])
    monkeypatch.setattr(synthesis, "SENTENCES", synthesis.SENTENCES[:6])
    lists = synthesis.make_lists(tmp_path)
    groups = [{clip.group for clip in corpus.load(path).clips} for path in lists]
    assert groups[0] and groups[1] and not groups[0] & groups[1]
    times = [path.stat().st_mtime_ns for path in lists]
    assert [path.stat().st_mtime_ns for path in synthesis.make_lists(tmp_path)] == times


@needs_espeak
def test_demo_pair_is_at_its_snr() -> None:
    noisy, clean = synthesis.demo_pair()
    assert 8 * 16000 <= noisy.size <= 10 * 16000
    assert max(np.abs(noisy).max(), np.abs(clean).max()) < 1
    ratio = levels.active_power(clean) / levels.mean_power(noisy - clean)
    assert levels.to_db(ratio) == pytest.approx(synthesis.DEMO_SNR_DB, abs=0.1)


def test_without_espeak_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt install espeak-ng"):
        synthesis.make_corpus(tmp_path / "made")
    assert not (tmp_path / "made").exists()
