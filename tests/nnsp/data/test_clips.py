# SPDX-License-Identifier: BSD-3-Clause
"""Lists of clips by class: what is found, read, refused, split and made into rows."""

import csv
from pathlib import Path

import numpy as np
import pytest

from nnsp.data import clips
from nnsp.data.augmentation import Augmentation, stretched
from nnsp.data.clips import ClipSource, Recording
from nnsp.errors import UserError
from nnsp.signal import levels
from sounds import SUFFIXES, tone, write

RATE = 16000


@pytest.fixture
def genres(tmp_path: Path) -> Path:
    """Like folders of music: blues/blues.00000.au and so on, at 22 050 Hz, 2 s each, in several formats."""
    for place, genre in enumerate(("blues", "jazz", "metal")):
        for number in range(4):
            suffix = list(SUFFIXES)[number]
            x = tone(200 * 2**place, 2.0, 22050)
            write(tmp_path / "genres" / genre / f"{genre}.{number:05}{suffix}", x, 22050)
    return tmp_path / "genres"


def recordings(classes: int, speakers: int, each: int) -> list[Recording]:
    return [
        Recording(Path(f"{c}_{s}_{n}.wav"), f"c{c}", f"s{s}")
        for c in range(classes)
        for s in range(speakers)
        for n in range(each)
    ]


def test_genre_folders(genres: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = clips.find(genres)
    sounds = clips.read(found, RATE, RATE)
    assert sounds.labels == ("blues", "jazz", "metal")
    assert sounds.classes.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for x, c in zip(sounds.samples, sounds.classes, strict=True):
        assert abs(x.size - 2 * RATE) < 2000  # an mp3 has some padding
        peak = np.abs(np.fft.rfft(x)).argmax() * RATE / x.size
        assert abs(peak - 200 * 2**c) < 2
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "12 of 12 clips were resampled from 22050 to 16000 Hz" in said


def test_manifest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "sounds" / f"{name}.wav", tone(300, 0.1))
    path = tmp_path / "list.csv"
    path.write_text("digit,path,speaker,split\none,sounds/a.wav,ann,train\ntwo,sounds/b.wav,bob,test\n")
    found = clips.find(path, "digit")
    assert found[1] == Recording(tmp_path / "sounds/b.wav", "two", "bob", "test")
    with pytest.raises(UserError, match="no column 'label' among digit, path, speaker, split"):
        clips.find(path)
    path.write_text("path,label\nsounds/a.wav,one\nsounds/b.wav,\n")
    with pytest.raises(UserError, match="line 3 has no path or no label"):
        clips.find(path)
    path.write_text("path,label\n")
    with pytest.raises(UserError, match="lists no clips"):
        clips.find(path)


def test_folders_that_are_refused(genres: Path, tmp_path: Path) -> None:
    (genres / "silence").mkdir()
    with pytest.raises(UserError, match="class 'silence' has no clips"):
        clips.find(genres)
    with pytest.raises(UserError, match="holds no folders"):
        clips.find(genres / "silence")
    with pytest.raises(UserError, match="no such folder"):
        clips.find(tmp_path / "nowhere")
    write(tmp_path / "one" / "only" / "a.wav", tone(300, 1))
    with pytest.raises(UserError, match="holds one class only, 'only'"):
        clips.find(tmp_path / "one")


def test_unreadable_file_among_many(genres: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = genres / "jazz" / "jazz.00009.wav"
    broken.write_bytes(b"RIFF, but no sound")
    found = clips.find(genres)
    with pytest.raises(UserError, match=r"jazz\.00009\.wav: not a sound file.*`unreadable=skip`"):
        clips.read(found, RATE, RATE)
    sounds = clips.read(found, RATE, RATE, bad="skip")
    assert len(sounds.samples) == 12 and broken not in {r.path for r in sounds.recordings}
    said = capsys.readouterr().err
    assert "1 of 13 clips could not be read and are left out" in said and "jazz.00009.wav" in said
    for path in (genres / "jazz").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="class 'jazz' has no clips left"):
        clips.read(found, RATE, RATE, bad="skip")


def test_clips_shorter_than_the_window(genres: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(genres / "jazz" / "short.wav", tone(300, 0.5))
    found = clips.find(genres)
    with pytest.raises(UserError, match=r"short\.wav: 0\.50 s is less than the window of 1\.00 s"):
        clips.read(found, RATE, RATE, short="refuse")
    assert len(clips.read(found, RATE, RATE, short="skip").samples) == 12
    assert "1 of 13 clips are shorter than 1.00 s and are left out" in capsys.readouterr().err
    padded = clips.read(found, RATE, RATE)
    assert "1 of 13 clips are shorter than 1.00 s" in capsys.readouterr().out
    short = next(x for x in padded.samples if x.size == RATE // 2)
    window = clips.windows(short, RATE)
    assert window.shape == (1, RATE) and np.array_equal(window[0, RATE // 4 : -RATE // 4], short)


def test_windows_cover_a_long_clip() -> None:
    x = np.arange(25, dtype=np.float32)
    made = clips.windows(x, 10)
    assert made[:, 0].tolist() == [0, 8, 15] and set(made.ravel()) == set(x)
    assert clips.windows(x[:10], 10).shape == (1, 10)
    frames = clips.windows(np.ones((4, 3), np.float32), 6)
    assert frames.shape == (1, 6, 3) and frames.sum(axis=(0, 2)).tolist() == [0, 3, 3, 3, 3, 0]


def test_labels_in_the_order_of_the_checkpoint(genres: Path) -> None:
    sounds = clips.read(clips.find(genres), RATE, RATE)
    ordered = clips.relabelled(sounds, ["metal", "rock", "jazz", "blues"], "net")
    assert ordered.classes.tolist() == [3] * 4 + [2] * 4 + [0] * 4
    with pytest.raises(
        UserError, match="net: does not know the class 'jazz'; it was trained with blues, metal"
    ):
        clips.relabelled(sounds, ["blues", "metal"], "net")


def test_split_by_class() -> None:
    listed = recordings(3, 1, 20)
    parts = clips.split(listed, "class", 0)
    assert {name: len(i) for name, i in parts.items()} == {"train": 42, "validation": 9, "test": 9}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(60))
    for indices in parts.values():
        counts = np.unique([listed[i].label for i in indices], return_counts=True)[1]
        assert len(counts) == 3 and counts.min() == counts.max()
    again, other = clips.split(listed, "class", 0), clips.split(listed, "class", 1)
    assert all(np.array_equal(parts[name], again[name]) for name in parts)
    assert not np.array_equal(parts["test"], other["test"])
    with pytest.raises(UserError, match="class 'c0' has 2 clips, too few"):
        clips.split(recordings(2, 1, 2), "class", 0)


def test_made_voices_are_for_training_alone() -> None:
    sounds = clips.Clips(tuple(recordings(2, 4, 3)), (np.ones(9, np.float32),) * 24, ("c0", "c1"), 8000)
    more = clips.with_voices(sounds, 2)
    assert len(more.samples) == 28 and more.labels == sounds.labels
    for recording, x in zip(more.recordings[24:], more.samples[24:], strict=True):
        assert recording.label in more.labels and 2000 < x.size < 16000 and abs(x[:80]).max() > 0
    made = [24, 25, 26, 27]
    for before, after in (
        *(tuple(clips.split(s.recordings, by, 0) for s in (sounds, more)) for by in ("class", "speaker")),
        *zip(*([p for _, p in clips.leave_out(s.recordings, 0)] for s in (sounds, more)), strict=True),
    ):
        assert after["train"].tolist() == [*before["train"], *made]
        assert all(np.array_equal(before[name], after[name]) for name in ("validation", "test"))


def test_split_by_speaker() -> None:
    listed = recordings(2, 10, 3)
    parts = clips.split(listed, "speaker", 3)
    heard = {name: {listed[i].speaker for i in indices} for name, indices in parts.items()}
    assert [len(heard[name]) for name in clips.SPLITS] == [6, 2, 2]
    assert not heard["train"] & heard["test"] and not heard["validation"] & (heard["train"] | heard["test"])
    with pytest.raises(UserError, match="2 speakers are too few"):
        clips.split(recordings(2, 2, 3), "speaker", 0)
    with pytest.raises(UserError, match="its speaker is not known"):
        clips.split([Recording(Path("a.wav"), "x"), Recording(Path("b.wav"), "y")], "speaker", 0)


def test_split_as_given() -> None:
    given = [Recording(Path(f"{n}.wav"), f"c{n % 2}", "", clips.SPLITS[n // 2]) for n in range(6)]
    parts = clips.split(given, "given", 0)
    assert {name: i.tolist() for name, i in parts.items()} == {
        "train": [0, 1],
        "validation": [2, 3],
        "test": [4, 5],
    }
    with pytest.raises(UserError, match="its split is 'dev'"):
        clips.split([*given, Recording(Path("9.wav"), "c0", "", "dev")], "given", 0)
    with pytest.raises(UserError, match="no clip of class 'c1' is left to train with"):
        clips.split([r for r in given if (r.label, r.split) != ("c1", "train")], "given", 0)


def test_leave_one_speaker_out() -> None:
    guest = Recording(Path("guest.wav"), "c0", "guest")  # says one class only: no fold
    listed = [*recordings(3, 4, 5), guest]
    folds = dict(clips.leave_out(listed, 0))
    assert list(folds) == ["s0", "s1", "s2", "s3"]
    for speaker, parts in folds.items():
        assert {listed[i].speaker for i in parts["test"]} == {speaker} and len(parts["test"]) == 15
        others = np.concatenate([parts["train"], parts["validation"]])
        assert sorted([*others, *parts["test"]]) == list(range(len(listed)))
        assert speaker not in {listed[i].speaker for i in others}
    with pytest.raises(UserError, match="1 speakers say all 2 classes"):
        list(clips.leave_out(recordings(2, 1, 5), 0))


def test_rows_for_judging_are_each_clip_once() -> None:
    items = [np.full(n, k + 1, np.float32) for k, n in enumerate((4, 9, 6, 6, 6))]
    source = ClipSource(items, np.array([0, 0, 1, 1, 2]), 6, 0)
    rows, classes, weights = (
        np.concatenate(x) for x in zip(*(source.batch(0, s, 2, 0) for s in range(3)), strict=True)
    )
    assert weights.tolist() == [1] * 5 + [0] and classes[:5].tolist() == [0, 0, 1, 1, 2]
    assert rows.max(axis=1)[:5].tolist() == [1, 2, 3, 4, 5] and rows[0].tolist() == [0, 1, 1, 1, 1, 0]


def test_rows_for_training_follow_from_the_seed() -> None:
    items = [tone(200 + 50 * k, 0.5 + 0.2 * k) for k in range(6)]
    classes = np.array([0, 0, 0, 0, 0, 1])
    source = ClipSource(items, classes, RATE, 0, Augmentation())
    rows, drawn, weights = source.batch(1, 3, 16, 0)
    again = ClipSource(items, classes, RATE, 0, Augmentation())
    parts = [again.batch(1, 3, 16, 0, worker, 2) for worker in range(2)]
    assert np.array_equal(rows[0::2], parts[0][0]) and np.array_equal(rows[1::2], parts[1][0])
    assert 4 <= drawn.sum() <= 12  # the class of one clip is drawn as often as that of five
    assert weights.min() == 1 and rows.dtype == np.float32 and np.abs(rows).max() < 1
    assert np.array_equal(rows * 32768, np.rint(rows * 32768))
    assert not np.array_equal(rows, source.batch(2, 3, 16, 0)[0])
    assert source.identity == again.identity != ClipSource(items, classes, RATE, 1, Augmentation()).identity


def test_augmented_speed_level_and_noise() -> None:
    plain = Augmentation((1.25, 1.25), 0, (1, 1), 0, (-20, -20), 0, 0, (0, 0))
    x = tone(1000, 0.5)
    row = plain(np.random.default_rng(0), x, RATE)
    # The lengths of quick transforms lie up to 2 % apart.
    assert np.abs(np.fft.rfft(row)).argmax() == pytest.approx(1250, rel=0.02)
    heard = np.flatnonzero(np.abs(row) > 0.01)
    assert heard[-1] - heard[0] == pytest.approx(0.4 * RATE, rel=0.03)
    assert abs(levels.to_db(levels.active_power(row)) + 20) < 0.5
    noisy = Augmentation((1, 1), 0, (1, 1), 0, (-20, -20), 0, 1, (10, 10))
    row = noisy(np.random.default_rng(0), x, RATE)
    spectrum = np.abs(np.fft.rfft(row)) ** 2
    peak = spectrum[990:1010].sum()
    # Half of the row is speech, all of it noise, which is 10 dB below the active speech.
    assert 10 * np.log10(peak / (spectrum.sum() - peak)) == pytest.approx(10 - 3, abs=1.5)
    long = plain(np.random.default_rng(0), tone(1000, 3.0), RATE)
    assert np.abs(long[:100]).max() > 0.05 and np.abs(long[-100:]).max() > 0.05


@pytest.mark.parametrize("tempo", [0.7, 1.0, 1.4])
def test_tempo_changes_length_and_not_pitch(tempo: float) -> None:
    x = tone(200, 0.5)
    y = stretched(x, tempo)
    assert abs(y.size * tempo / x.size - 1) < 0.04
    inner = y[600:-600]
    assert np.abs(np.fft.rfft(inner, RATE)).argmax() == pytest.approx(200, abs=3)
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.03)
    assert np.array_equal(stretched(x[:600], tempo), x[:600])  # too short to be taken apart


def test_manifest_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"path,label\n\xff\xfe,x\n")
    with pytest.raises(UserError, match="cannot be read as CSV"):
        clips.find(path)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], ["a.wav", "x"], ["b.wav", "y"]])
    assert [r.label for r in clips.find(path)] == ["x", "y"]
