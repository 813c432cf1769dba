# SPDX-License-Identifier: BSD-3-Clause
"""Mixtures: reproducible, at the levels they were drawn for, and with the right target."""

from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnsp.data import corpus, mixing, rooms
from nnsp.data.mixing import Mixer
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.data.source import prefetch
from nnsp.errors import UserError
from nnsp.signal import audio, levels
from sounds import make_list

PLAIN = MixingSettings.plain()
FULL = replace(PLAIN, reverb_prob=0.5, colour_prob=0.5, speed_prob=0.5, second_noise_prob=0.5)
EVERYTHING = replace(
    FULL,
    voice_prob=0.5,
    lead_prob=0.5,
    babble_prob=0.3,
    gaussian_prob=0.3,
    rumble_prob=0.5,
    hum_prob=0.5,
    band_prob=0.5,
)
ALWAYS = replace(PLAIN, snr_db=(5.0, 5.0), level_db=(-40.0, -40.0))


def bands(x: np.ndarray, *edges_hz: float) -> list[float]:
    """Power between each two edges."""
    hz, power = np.fft.rfftfreq(x.size, 1 / 16000), np.abs(np.fft.rfft(x)) ** 2
    return [float(power[(hz >= low) & (hz < high)].sum()) for low, high in pairwise(edges_hz)]


@pytest.fixture(scope="module")
def list_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_list(tmp_path_factory.mktemp("mixing"))


@pytest.mark.parametrize("settings", [PLAIN, replace(EVERYTHING, reverb_prob=0)])
@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.5, 25.0])
def test_snr_and_level_are_as_asked(list_path: Path, settings: MixingSettings, snr_db: float) -> None:
    settings = replace(settings, snr_db=(snr_db, snr_db), level_db=(-30.0, -30.0))
    mixer = Mixer.open(list_path, 3, settings)
    for row in range(10):
        mixture = mixer.row(0, 0, row, 64000)
        noise = mixture.noisy - mixture.clean
        speech_power = levels.active_power(mixture.clean)
        measured = levels.to_db(speech_power) - levels.to_db(levels.mean_power(noise))
        assert mixture.snr_db == snr_db
        assert measured == pytest.approx(snr_db, abs=0.1)
        assert levels.to_db(speech_power) == pytest.approx(-30, abs=0.05)


def test_any_step_alone_equals_the_same_step_in_a_run(list_path: Path) -> None:
    run = Mixer.open(list_path, 7)
    batches = [run.batch(2, step, 3, 1.5) for step in range(4)]
    alone = Mixer.open(list_path, 7).batch(2, 3, 3, 1.5)
    for one, other in zip(batches[3], alone, strict=True):
        assert np.array_equal(one, other)
    ahead = list(prefetch(Mixer.open(list_path, 7), 2, range(4), 3, 1.5, threads=3))
    for made, expected in zip(ahead, batches, strict=True):
        assert np.array_equal(made[0], expected[0]) and np.array_equal(made[1], expected[1])


def test_workers_share_the_rows_of_a_batch(list_path: Path) -> None:
    mixer = Mixer.open(list_path, 7, FULL)
    whole = mixer.batch(1, 2, 5, 1.0)
    for worker in range(2):
        for part, every in zip(mixer.batch(1, 2, 5, 1.0, worker, 2), whole, strict=True):
            assert np.array_equal(part, every[worker::2])
    ahead = next(iter(prefetch(mixer, 1, [2], 5, 1.0, worker=1, workers=2)))
    assert np.array_equal(ahead[0], whole[0][1::2])


def test_seed_epoch_step_and_row_all_matter(list_path: Path) -> None:
    mixer = Mixer.open(list_path, 7, FULL)
    rows = [mixer.row(*place, 16000).noisy for place in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]]
    rows.append(Mixer.open(list_path, 8, FULL).row(0, 0, 0, 16000).noisy)
    for first in range(len(rows)):
        for second in range(first):
            assert not np.array_equal(rows[first], rows[second])


def test_batch_is_float32_on_the_int16_grid_and_never_clips(list_path: Path) -> None:
    noisy, clean, valid = Mixer.open(list_path, 1, replace(FULL, level_db=(-5.0, 0.0))).batch(0, 0, 16, 2.0)
    assert noisy.dtype == clean.dtype == np.float32
    assert noisy.shape == clean.shape == (16, 32000) and valid.tolist() == [32000] * 16
    assert max(np.abs(noisy).max(), np.abs(clean).max()) < 1
    assert np.array_equal(noisy * 32768, np.rint(noisy * 32768))
    assert np.abs(noisy).max(axis=1).min() > 0.5


def test_noise_alone_has_a_silent_target_and_speech_alone_is_its_own(list_path: Path) -> None:
    silent = Mixer.open(list_path, 1, replace(FULL, noise_only_prob=1.0)).row(0, 0, 0, 16000)
    assert silent.snr_db == -np.inf and not silent.clean.any() and silent.noisy.any()
    pure = Mixer.open(list_path, 1, replace(PLAIN, clean_only_prob=1.0)).row(0, 0, 0, 16000)
    assert pure.snr_db == np.inf and np.abs(pure.noisy - pure.clean).max() <= 0.5001 / 32768


def test_silence_is_zeros_or_the_least_that_there_is(list_path: Path) -> None:
    mixer = Mixer.open(list_path, 1, replace(EVERYTHING, silence_prob=1.0))
    rows = [mixer.row(0, 0, row, 16000) for row in range(20)]
    assert not any(row.clean.any() or row.speakers or row.noises for row in rows)
    peaks = [float(np.abs(row.noisy).max() * 32768) for row in rows]
    assert set(peaks) == {0.0, 1.0}


def test_shares_of_rows_are_as_asked(list_path: Path) -> None:
    settings = replace(PLAIN, silence_prob=0.1, clean_only_prob=0.2, noise_only_prob=0.3)
    mixer = Mixer.open(list_path, 1, replace(settings, babble_prob=0.3, gaussian_prob=0.4, rumble_prob=0.5))
    rows = [mixer.row(0, 0, row, 1600) for row in range(1000)]
    noisy = [row for row in rows if row.noises]
    shares = {
        0.1: [not row.speakers and not row.noises for row in rows],
        0.2: [bool(row.speakers) and not row.noises for row in rows],
        0.3: [not row.speakers and bool(row.noises) for row in rows],
        0.301: ["babble" in row.noises for row in noisy],
        0.4: ["gaussian" in row.noises for row in noisy],
        0.5: ["rumble" in row.noises for row in noisy],
    }
    for share, found in shares.items():
        assert np.mean(found) == pytest.approx(share, abs=0.05)


def test_speech_comes_after_its_lead(list_path: Path) -> None:
    mixer = Mixer.open(list_path, 1, replace(ALWAYS, lead_prob=1.0, lead_seconds=(0.5, 1.0)))
    for row in range(10):
        mixture = mixer.row(0, 0, row, 48000)
        onset = int(np.argmax(mixture.clean != 0))
        assert 8000 <= onset <= 16400 and mixture.noisy[:8000].any()
    assert mixer.row(0, 0, 0, 1600).clean.any()  # never the whole row


def test_voice_moves_pitch_of_speech_and_target_alike(
    list_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tone(self: Mixer, rng: object, samples: int, clips: object) -> tuple[Any, ...]:
        return np.sin(np.pi / 8 * np.arange(samples)).astype(np.float32), ("tone",), ()

    monkeypatch.setattr(Mixer, "_speech_track", tone)
    settings = replace(ALWAYS, voice_prob=1.0, voice_speed=(1.15, 1.15), clean_only_prob=1.0)
    mixture = Mixer.open(list_path, 1, settings).row(0, 0, 0, 32000)
    for x in (mixture.noisy, mixture.clean):
        low, near, high = bands(x, 0, 1130, 1170, 8000)
        assert near > 100 * (low + high)


def test_rumble_is_as_strong_as_asked_and_below_speech(list_path: Path) -> None:
    for rumble_db in (-6.0, 9.0):
        settings = replace(ALWAYS, rumble_prob=1.0, rumble_db=(rumble_db, rumble_db))
        mixer = Mixer.open(list_path, 1, settings)
        for row in range(5):
            mixture = mixer.row(0, 0, row, 64000)
            assert mixture.noises[-1] == "rumble"
            below, above = bands(mixture.noisy - mixture.clean, 0, 150, 8000)  # the list's own noise is white
            assert 10 * np.log10(below / above) == pytest.approx(rumble_db, abs=0.7)


def test_hum_is_as_strong_as_asked(list_path: Path) -> None:
    mixer = Mixer.open(list_path, 1, replace(ALWAYS, hum_prob=1.0, hum_db=(10.0, 10.0)))
    mixture = mixer.row(0, 0, 0, 64000)
    below, above = bands(mixture.noisy - mixture.clean, 0, 800, 8000)
    assert mixture.noises[-1] == "hum" and 10 * np.log10(below / above) == pytest.approx(10, abs=1)


def test_babble_is_of_several_others(list_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    piece = Mixer._piece

    def listen(self: Mixer, clip: corpus.Clip, start: int, stop: int) -> np.ndarray:
        heard.append(clip.group)
        return piece(self, clip, start, stop)

    monkeypatch.setattr(Mixer, "_piece", listen)
    mixer = Mixer.open(list_path, 1, replace(ALWAYS, babble_prob=1.0))
    for row in range(10):
        heard.clear()
        mixture = mixer.row(0, 0, row, 32000)
        assert mixture.noises == ("babble",)
        voices = heard[
            len(heard) - heard[::-1].index(mixture.speakers[-1]) :
        ]  # all that come after the speech
        assert len(set(voices)) >= 2 and not set(voices) & set(mixture.speakers)
        assert levels.to_db(levels.mean_power(mixture.noisy - mixture.clean)) == pytest.approx(-45, abs=0.1)


def test_babble_needs_others(list_path: Path) -> None:
    sounds = corpus.load(list_path)
    one = tuple(c for c in sounds.clips if c.kind == "noise" or c.group == "s0")
    mixture = Mixer(replace(sounds, clips=one), 1, replace(ALWAYS, babble_prob=1.0)).row(0, 0, 0, 16000)
    assert mixture.noises[0] in ("hiss", "rush")


@pytest.mark.parametrize("reverb_prob", [0.0, 1.0])
def test_band_limits_are_heard_in_mixture_and_target(list_path: Path, reverb_prob: float) -> None:
    settings = replace(ALWAYS, reverb_prob=reverb_prob, lowpass_hz=(3500, 3500), highpass_hz=(300, 300))
    whole = Mixer.open(list_path, 1, settings).row(0, 0, 0, 64000)
    limited = Mixer.open(list_path, 1, replace(settings, band_prob=1.0)).row(0, 0, 0, 64000)
    assert limited.speakers
    for x in (limited.clean, limited.noisy - limited.clean):
        low, middle, high = bands(x, 50, 100, 4500, 7900)
        assert high < 0.05 * middle and low < 0.01 * middle
    noise = bands(whole.noisy - whole.clean, 0, 3500, 8000)
    assert noise[1] > noise[0]


def test_clipping_is_of_the_mixture_alone(list_path: Path) -> None:
    settings = replace(ALWAYS, level_db=(-20.0, -20.0))
    mixers = (
        Mixer.open(list_path, 1, settings),
        Mixer.open(list_path, 1, replace(settings, clipping_prob=1.0)),
    )
    for row in range(5):
        whole, clipped = (mixer.row(0, 0, row, 32000) for mixer in mixers)
        assert np.array_equal(clipped.clean, whole.clean)
        end = np.abs(clipped.noisy).max()
        assert end < 0.9 * np.abs(whole.noisy).max()
        np.testing.assert_allclose(clipped.noisy, np.clip(whole.noisy, -end, end), atol=1.1 / 32768)


def test_level_steps_are_of_mixture_and_target(list_path: Path) -> None:
    step = replace(ALWAYS, level_db=(-30.0, -30.0), gain_step_prob=1.0, gain_step_db=(-9.0, -9.0))
    mixers = Mixer.open(list_path, 1, replace(step, gain_step_prob=0)), Mixer.open(list_path, 1, step)
    for row in range(5):
        whole, stepped = (mixer.row(0, 0, row, 64000) for mixer in mixers)
        factor = 10 ** (-9 / 20)
        for before, after in ((whole.clean, stepped.clean), (whole.noisy, stepped.noisy)):
            np.testing.assert_allclose(after[:6400], before[:6400], atol=1e-6)
            np.testing.assert_allclose(after[-6000:], before[-6000:] * factor, atol=1.1 / 32768)


def test_target_is_aligned_whatever_is_done_to_it(list_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hiss(self: Mixer, rng: np.random.Generator, samples: int, clips: object) -> tuple[Any, ...]:
        return rng.standard_normal(samples, np.float32), ("hiss",), ()

    monkeypatch.setattr(Mixer, "_speech_track", hiss)
    mixer = Mixer.open(list_path, 1, replace(EVERYTHING, clean_only_prob=1.0))
    rows = [mixer.row(0, 0, row, 48000) for row in range(12)]
    assert {row.room for row in rows} == {False, True}
    for row in rows:
        both = np.fft.rfft(row.noisy, 96000) * np.conj(np.fft.rfft(row.clean, 96000))
        assert np.fft.irfft(both).argmax() == 0


def test_long_rows_hold_several_utterances_with_pauses(list_path: Path) -> None:
    power = levels.frame_power(
        Mixer.open(list_path, 1, replace(PLAIN, clean_only_prob=1.0)).row(0, 0, 1, 320000).clean
    )
    assert np.mean(power == 0) > 0.05
    assert power[-200:].max() > 0


def test_in_a_room_the_target_is_the_early_part(list_path: Path) -> None:
    settings = replace(PLAIN, reverb_prob=1.0, clean_only_prob=1.0, level_db=(-30.0, -30.0))
    mixer = Mixer.open(list_path, 1, settings)
    ratios = []
    for row in range(8):
        mixture = mixer.row(0, 0, row, 64000)
        assert mixture.room
        late = mixture.noisy - mixture.clean
        onset = int(np.argmax(np.abs(mixture.clean) > 1e-4))
        direct = slice(0, onset + rooms.EARLY)
        assert np.abs(late[direct]).max() < 1 / 32768  # not delayed, and early echoes are wanted
        ratios.append(levels.mean_power(late) / levels.mean_power(mixture.clean))
    assert min(ratios) > 1e-5 and 0.003 < max(ratios) < 2


def test_image_method_puts_direct_sound_and_first_echo_where_they_belong() -> None:
    size, height = np.array([6.0, 5.0, 3.0]), 1.5
    source, microphone = np.array([2.0, 2.5, height]), np.array([4.0, 2.5, height])
    response = rooms.images(size, source, microphone, 0.4)
    assert response[0] == 1
    echo = np.hypot(2.0, 3.0)  # by floor and ceiling: 1.5 m up and 1.5 m down, both at once
    sample = round((echo - 2.0) / rooms.SOUND * 16000)
    surface = 2 * (30 + 15 + 18)
    reflection = np.sqrt(1 - 0.161 * 90 / (surface * 0.4))
    assert response[sample] == pytest.approx(2 * reflection * 2.0 / echo, rel=1e-6)
    assert not response[1:sample].any()


def test_rooms_decay_about_as_asked() -> None:
    for seed in range(5):
        room = rooms.draw(np.random.default_rng(seed))
        energy = np.cumsum(room.full[::-1].astype(np.float64) ** 2)[::-1]
        db = 10 * np.log10(energy / energy[0])
        assert room.full[0] == room.early[0] == 1
        assert not room.early[rooms.EARLY + rooms.FADE :].any()
        assert db[rooms.EARLY] < -1 and db[int(0.35 * 16000)] < -20


def test_measured_responses_begin_at_the_direct_sound() -> None:
    response = np.zeros(9000, np.int16)
    response[[400, 600, 3000]] = [-20000, 5000, 1000]
    room = rooms.measured(response)
    assert room.full[[0, 200, 2600]] == pytest.approx([1, -0.25, -0.05])
    assert room.early[2600] == 0


def test_noise_classes_are_balanced(list_path: Path) -> None:
    minute = 60 * 16000
    assert mixing._class_weight(minute // 2) * 2 == mixing._class_weight(minute)
    assert mixing._class_weight(16 * minute) == 4 * mixing._class_weight(minute)
    mixer = Mixer.open(list_path, 1, PLAIN)
    drawn = [mixer.row(0, 0, row, 1600).noises[0] for row in range(400)]
    seconds = {
        label: sum(c.frames for c in mixer.sounds.of("noise") if c.label == label) for label in set(drawn)
    }
    share = seconds["hiss"] / sum(seconds.values())
    assert drawn.count("hiss") / 400 == pytest.approx(share, abs=0.08)


def test_plain_settings_do_nothing_but_what_is_given() -> None:
    given = MixingSettings.plain(rumble_prob=0.25, snr_db=(1.0, 2.0))
    chances = {name: value for name, value in asdict(given).items() if name.endswith("_prob")}
    assert chances.pop("rumble_prob") == 0.25 and not any(chances.values())
    assert given.snr_db == (1.0, 2.0) and given.level_db == MixingSettings().level_db


def test_settings_round_trip_and_refuse_nonsense(tmp_path: Path) -> None:
    path = tmp_path / "mixing.json"
    EVERYTHING.write(path)
    assert MixingSettings.read(path) == EVERYTHING
    path.write_text('{"rumble_prob": 0.1}')
    assert MixingSettings.read(path) == replace(MixingSettings(), rumble_prob=0.1)
    for text, words in {
        "{": "cannot be read as JSON",
        '{"snr": [0, 5]}': "unknown setting 'snr'",
        '{"reverb_prob": 1.5}': "between 0 and 1",
        '{"snr_db": [5, 0]}': "the smaller first",
        '{"snr_db": "loud"}': "must be made of numbers",
        '{"snr_db": [NaN, 5]}': "must be made of numbers",
        '{"voice_speed": [0, 1]}': "between 0.5 and 2",
        '{"lowpass_hz": [3400, 9000]}': "between 1000 and 8000",
        '{"babble_prob": 0.6, "gaussian_prob": 0.6}': "exceed 1 together",
        "[1]": "holds no settings",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=words):
            MixingSettings.read(path)


def test_settings_beside_the_list_are_used(list_path: Path) -> None:
    beside = list_path.parent / SETTINGS_FILE
    PLAIN.write(beside)
    assert Mixer.open(list_path, 1).settings == PLAIN
    beside.unlink()
    assert Mixer.open(list_path, 1).settings == MixingSettings()


def test_measured_rooms_of_the_list_are_used(list_path: Path, tmp_path: Path) -> None:
    response = np.zeros(4000, np.int16)
    response[[0, 2000]] = [20000, 10000]
    corpus_list = corpus.load(list_path)
    path = tmp_path / "room" / "hall" / "1.wav"
    audio.write_wav(path, response)
    sources = [replace(c, offset=0, frames=0) for c in corpus_list.clips]
    corpus.write_list([*sources, *corpus.find_clips(path.parent, "room")], tmp_path / "with.csv")
    settings = replace(PLAIN, reverb_prob=1.0, clean_only_prob=1.0, level_db=(-40.0, -40.0))
    mixture = Mixer.open(tmp_path / "with.csv", 1, settings).row(0, 0, 0, 32000)
    late = mixture.noisy - mixture.clean
    assert np.abs(late[:2000]).max() < 1 / 32768
    assert late[2000:] == pytest.approx(0.5 * mixture.clean[:-2000], abs=2e-4)


def test_microphone_that_is_switched_on(list_path: Path) -> None:
    """Zeros in both, then what is there without."""
    late = replace(ALWAYS, mute_prob=1.0, mute_seconds=(0.5, 1.0))
    mixers = Mixer.open(list_path, 1, replace(ALWAYS, mute_prob=0)), Mixer.open(list_path, 1, late)
    for row in range(5):
        whole, muted = (mixer.row(0, 0, row, 32000) for mixer in mixers)
        for before, after in ((whole.noisy, muted.noisy), (whole.clean, muted.clean)):
            on = int(np.flatnonzero(before != after)[-1]) + 1
            assert 4000 < on <= 16000
            assert not after[:on].any() and np.array_equal(before[on:], after[on:]) and after[on:].any()
    assert not Mixer.open(list_path, 1, late).row(0, 0, 0, 8000).noisy[:6000].any()
