# SPDX-License-Identifier: BSD-3-Clause
"""Lists: grouping, splitting, decoding, damage; and data_se.py, which makes them."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nnsp.data import corpus, rooms
from nnsp.data.corpus import Clip
from nnsp.errors import UserError
from nnsp.places import ROOT
from nnsp.signal import audio
from sounds import make_folders, make_list

TOOL = ROOT / "py_tools" / "data_se.py"


def run_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True, check=False)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def groups(folder: Path, kind: str) -> dict[str, str]:
    return {Path(c.path).name: c.group for c in corpus.find_clips(folder, kind)}


def test_speakers_by_folder_by_name_and_below_published_parts(tmp_path: Path) -> None:
    libri = touch(
        tmp_path / "LibriSpeech", "train-clean-100/19/198/19-198-0001.flac", "dev-clean/84/1/84-1-0.flac"
    )
    assert groups(libri, "speech") == {"19-198-0001.flac": "19", "84-1-0.flac": "84"}
    thchs = touch(tmp_path / "data_thchs30", "data/A11_0.wav", "data/A11_1.wav", "data/B2_1.wav")
    assert set(groups(thchs, "speech").values()) == {"A11", "B2"}


def test_noise_by_file_and_esc50_by_source(tmp_path: Path) -> None:
    esc = touch(tmp_path / "ESC-50-master" / "audio", "1-100032-A-0.wav", "1-100032-B-0.wav", "2-7-A-31.wav")
    clips = corpus.find_clips(esc, "noise")
    assert [c.group for c in clips] == ["esc50/100032", "esc50/100032", "esc50/7"]
    assert [c.label for c in clips] == ["esc50/0", "esc50/0", "esc50/31"]
    own = touch(tmp_path / "mine", "rain/a.wav", "rain/b.wav")
    assert len(set(groups(own, "noise").values())) == 2


def test_a_published_manifest_names_speakers_and_sources(tmp_path: Path) -> None:
    touch(tmp_path, "speech/a.wav", "noise/x1.wav", "noise/x2.wav", "noise/y.wav")
    (tmp_path / "manifest.csv").write_text(
        "path,source_repo,licence,speaker_or_class,seconds,source_id\n"
        "speech/a.wav,r,CC0,anna,1,\nnoise/x1.wav,r,CC0,rain,1,7\nnoise/x2.wav,r,CC0,dog,1,7\n"
        "noise/y.wav,q,MIT,rain,1,\n"
    )
    (clip,) = corpus.find_clips(tmp_path / "speech", "speech")
    assert (clip.group, clip.licence) == ("anna", "CC0")
    assert groups(tmp_path / "noise", "noise") == {"x1.wav": "r:7", "x2.wav": "r:7", "y.wav": "q:rain"}


def test_split_keeps_groups_whole_and_unknown_people_in_train(tmp_path: Path) -> None:
    clips = []
    for group in [*(f"g{k}" for k in range(20)), "crowd_unknown"]:
        for number in range(3):
            path = tmp_path / f"{group}_{number}.wav"
            audio.write_wav(path, np.zeros(1600, np.int16))
            clips.append(Clip(str(path), "speech", group, group))
    for seed in range(20):
        train, test = corpus.split(clips, 0.25, seed)
        sides = {c.group for c in train}, {c.group for c in test}
        assert not sides[0] & sides[1] and len(train) + len(test) == len(clips)
        assert "crowd_unknown" in sides[0]
        assert 0.15 <= len(test) / len(clips) <= 0.25
        assert corpus.split(clips[::-1], 0.25, seed)[1] == test[::-1]
    assert corpus.split(clips, 0.25, 0)[1] != corpus.split(clips, 0.25, 1)[1]


def test_split_refuses_one_speaker() -> None:
    with pytest.raises(UserError, match="nothing unseen is left"):
        corpus.split([Clip("a", "speech", "anna", "anna")] * 3, 0.2, 0)


def test_list_round_trip_resamples_once(tmp_path: Path) -> None:
    time = np.arange(44100) / 44100
    path = tmp_path / "in" / "anna" / "a.flac"
    path.parent.mkdir(parents=True)
    soundfile.write(path, np.stack([np.sin(2 * np.pi * 440 * time) * 0.5] * 2, axis=1), 44100)
    corpus.write_list(corpus.find_clips(tmp_path / "in", "speech"), tmp_path / "a.csv")
    loaded = corpus.load(tmp_path / "a.csv")
    (clip,) = loaded.clips
    assert (clip.frames, clip.rate, clip.group) == (16000, 44100, "anna")
    assert clip.level_db == pytest.approx(-9.03, abs=0.05)
    expected = 16384 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(loaded.audio(clip)[500:-500] - expected[500:-500]).max() < 20


@pytest.mark.slow
def test_unusable_files_are_named_and_left_out_unless_all_are(tmp_path: Path) -> None:
    speech, _ = make_folders(tmp_path, speakers=1, noises=1)
    (speech / "s0" / "broken.wav").write_bytes(b"RIFF1234")
    audio.write_wav(speech / "s0" / "silent.wav", np.zeros(16000, np.int16))
    done, rejected = corpus.write_list(corpus.find_clips(speech, "speech"), tmp_path / "a.csv", processes=2)
    assert len(done) == 3
    assert {Path(r.path).name: r.reason for r in rejected}["silent.wav"] == "silent"
    assert "not a sound file" in {Path(r.path).name: r.reason for r in rejected}["broken.wav"]
    for good in speech.glob("s0/[0-9].wav"):
        good.unlink()
    with pytest.raises(UserError, match=r"none of the speech files .*broken\.wav: not a sound file"):
        corpus.write_list(corpus.find_clips(speech, "speech"), tmp_path / "b.csv")
    assert not list(tmp_path.glob("b.*"))


def test_a_damaged_list_is_refused(tmp_path: Path) -> None:
    path = make_list(tmp_path)
    corpus.load(path)
    with pytest.raises(UserError, match="no such list"):
        corpus.load(tmp_path / "other.csv")
    text = path.read_text()
    path.write_text(text.replace("level_db", "loudness", 1))
    with pytest.raises(UserError, match="not a list of clips of this version"):
        corpus.load(path)
    lines = text.splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].replace("16000", "many")]))
    with pytest.raises(UserError, match="row 25 is damaged"):
        corpus.load(path)
    path.write_text(text)
    with path.with_suffix(".pcm").open("ab") as file:
        file.write(b"\0\0")
    with pytest.raises(UserError, match=r"all\.pcm beside it is not"):
        corpus.load(path)


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder of speech"):
        corpus.find_clips(tmp_path / "nowhere", "speech")
    with pytest.raises(UserError, match="holds no sound files"):
        corpus.find_clips(tmp_path, "noise")


@pytest.mark.slow
def test_data_se_writes_disjoint_lists_and_the_same_again(tmp_path: Path) -> None:
    speech, noise = make_folders(tmp_path)
    arguments = f"--speech={speech}", f"--noise={noise}", "--reverb_prob=0.4", "--test_share=0.4"
    done = run_tool(*arguments, f"--out={tmp_path / 'a'}")
    assert done.returncode == 0, done.stderr
    assert "--train_list=" in done.stdout
    rows = {}
    for side in ("train", "test"):
        with (tmp_path / "a" / f"{side}.csv").open(newline="") as file:
            rows[side] = {(row["kind"], row["group"]) for row in csv.DictReader(file)}
        assert {kind for kind, _ in rows[side]} == {"speech", "noise"}
    assert not rows["train"] & rows["test"]
    assert json.loads((tmp_path / "a" / "mixing.json").read_text())["reverb_prob"] == 0.4
    run_tool(*arguments, f"--out={tmp_path / 'b'}")
    for name in ("train.csv", "train.pcm", "test.csv", "test.pcm"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_data_se_takes_what_mixtures_are_like_and_measures_them(tmp_path: Path) -> None:
    speech, noise = make_folders(tmp_path)
    wanted = tmp_path / "wanted.json"
    wanted.write_text('{"rumble_prob": 0.7, "reverb_prob": 0.1}')
    arguments = f"--speech={speech}", f"--noise={noise}", "--test_share=0.4", f"--mixing={wanted}"
    done = run_tool(*arguments, f"--out={tmp_path / 'a'}")
    assert done.returncode == 0, done.stderr
    given = json.loads((tmp_path / "a" / "mixing.json").read_text())
    assert (given["rumble_prob"], given["reverb_prob"], given["hum_prob"]) == (0.7, 0.1, 0.03)
    done = run_tool(f"--measure={tmp_path / 'a' / 'train.csv'}")
    factor = re.search(r"640 s of mixtures: \S+ s of one core, (\d+) x real time", done.stdout)
    assert factor and int(factor[1]) > 100


def test_data_se_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    done = run_tool("--speech=nowhere", "--noise=nowhere", f"--out={tmp_path}")
    assert done.returncode == 1 and "data_se: nowhere: no such folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_data_se_makes_its_own_data(tmp_path: Path) -> None:
    done = run_tool(f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    kinds = [clip.kind for clip in corpus.load(tmp_path / "test.csv").clips]
    assert kinds.count("speech") > 10 and kinds.count("noise") > 3


@pytest.mark.slow
def test_ctrl_c_ends_at_once_without_a_traceback_or_a_list(tmp_path: Path) -> None:
    speech, noise = make_folders(tmp_path, speakers=60, noises=200)
    # Ten minutes to resample: decoding is not over before the signal comes, however busy the computer.
    long = np.random.default_rng(1).normal(0, 1000, 600 * 44100).astype(np.int16)
    audio.write_wav(noise / "long" / "1.wav", long, 44100)
    command = [
        sys.executable,
        str(TOOL),
        f"--speech={speech}",
        f"--noise={noise}",
        f"--out={tmp_path / 'out'}",
    ]
    tool = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    part = tmp_path / "out" / "train.pcm.part"
    while not part.is_file() and tool.poll() is None:
        time.sleep(0.005)
    os.killpg(tool.pid, signal.SIGINT)
    _, said = tool.communicate(timeout=60)
    assert tool.returncode == 130 and "data_se: stopped" in said and "Traceback" not in said
    assert not list((tmp_path / "out").glob("*.csv"))


def test_rooms_are_kept_from_the_direct_sound_on(tmp_path: Path) -> None:
    for place in ("hall", "kitchen", "cellar"):
        response = np.zeros(20000, np.float32)
        response[[1000, 1500]] = [0.1, 0.05]
        audio.write_wav(tmp_path / "rooms" / place / "1.wav", response)
    clips = corpus.find_clips(tmp_path / "rooms", "room")
    assert [c.group for c in clips] == ["cellar", "hall", "kitchen"]
    corpus.write_list(clips, tmp_path / "a.csv")
    loaded = corpus.load(tmp_path / "a.csv")
    samples = loaded.audio(loaded.clips[0])
    assert samples.size == rooms.LENGTH
    assert (samples[0], samples[500]) == pytest.approx((32767, 16384), abs=10)
