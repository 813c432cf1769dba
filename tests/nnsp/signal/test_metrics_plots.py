# SPDX-License-Identifier: BSD-3-Clause
"""Scores against their definitions, and pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnsp.errors import UserError
from nnsp.signal import metrics, plots
from nnsp.signal.metrics import Scores
from sounds import syllables


def test_si_sdr_of_orthogonal_error_is_exact() -> None:
    time = np.arange(16000) / 16000
    s, e = np.sin(2 * np.pi * 100 * time), np.cos(2 * np.pi * 100 * time)
    for db in (-10.0, 0.0, 7.5, 30.0):
        estimate = 3.7 * (s + 10 ** (-db / 20) * e) + 0.2  # scale and offset do not count
        assert metrics.si_sdr(s.astype(np.float32), estimate.astype(np.float32)) == pytest.approx(
            db, abs=0.01
        )


def test_si_sdr_at_its_limits() -> None:
    s = np.sin(np.arange(1000)).astype(np.float32)
    assert metrics.si_sdr(s, s) > 100
    assert metrics.si_sdr(s, np.zeros_like(s)) == -np.inf
    assert np.isnan(metrics.si_sdr(np.zeros_like(s), s))


def test_more_noise_scores_worse_everywhere() -> None:
    rng = np.random.default_rng(0)
    clean = syllables(rng, 4)
    noise = rng.standard_normal(clean.size).astype(np.float32)
    scores = [metrics.score(clean, clean + gain * noise) for gain in (np.float32(0.002), np.float32(0.05))]
    for name in metrics.SCORE_NAMES:
        assert getattr(scores[0], name) > getattr(scores[1], name)
    assert 1 <= scores[1].pesq_wb <= 4.65 and 0 <= scores[1].stoi <= 1


def test_pesq_without_an_utterance_is_nan_and_left_out_of_means() -> None:
    silence = np.zeros(16000, np.float32)
    noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * np.float32(0.1)
    assert np.isnan(metrics.pesq_wb(silence, noise))
    assert np.isnan(metrics.pesq_wb(noise, silence))
    mean = Scores.mean([Scores(1, 2, 3, float("nan")), Scores(3, 4, 5, 2.5)])
    assert mean == Scores(2, 3, 4, 2.5)
    assert np.isnan(Scores.mean([Scores(1, 2, 3, float("nan"))]).pesq_wb)


def test_unequal_and_short_pairs_are_refused() -> None:
    x = np.ones(16000, np.float32)
    with pytest.raises(UserError, match="16000 samples and the sound to score 15999"):
        metrics.score(x, x[:-1])
    with pytest.raises(UserError, match="too short"):
        metrics.score(x[:100], x[:100])


def test_table_lines_up() -> None:
    lines = metrics.table(
        "clip", [("noisy", Scores(1, 0.5, 0.4, 1.5)), ("enhanced", Scores(-11.25, 1, 1, 4.5))]
    )
    rows = lines.splitlines()
    assert len({len(row) for row in rows}) == 1 and "-11.25" in rows[2]


def test_spectrogram_is_in_db_re_a_full_scale_sine() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    db = plots.spectrogram_db(tone)
    assert db.shape[0] == 257
    middle = db[:, db.shape[1] // 2]
    assert int(np.argmax(middle)) == 32 and middle[32] == pytest.approx(0, abs=0.01)
    assert middle[128] < -80


def test_picture_is_written_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plots.spectrograms(
        tmp_path / "deep" / "a.png", {"noisy": syllables(rng, 1), "enhanced": syllables(rng, 1)}
    )
    with Image.open(tmp_path / "deep" / "a.png") as image:
        assert image.width >= 1000 and len(image.convert("L").getcolors(1000) or []) > 20
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.png"]
