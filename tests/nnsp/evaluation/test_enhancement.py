# SPDX-License-Identifier: BSD-3-Clause
"""Pairs, systems, scores with intervals, evaluate_se.py."""

import csv
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_doubles import small_firmware
from nnsp.device import boards, reference
from nnsp.device.playback import Playback
from nnsp.device.session import Hop
from nnsp.errors import UserError
from nnsp.evaluation import enhancement, intervals, pairs, systems
from nnsp.evaluation.enhancement import Result
from nnsp.evaluation.pairs import Pair
from nnsp.evaluation.systems import System
from nnsp.integer.c_streams import TableEnhancer
from nnsp.signal import audio


@pytest.fixture
def pair(small: Path) -> Pair:
    noisy, clean = (audio.to_int16(audio.read(small / f"{kind}.wav"))[:-33] for kind in ("noisy", "clean"))
    return Pair("all", "deep/clip", "clip", noisy, clean)


def enhance(
    pair: Pair, *arguments: str, timeout: float = 30, nn_arch: Path | None = None
) -> list[np.ndarray]:
    """What systems make of a pair."""
    network = str(nn_arch) if nn_arch else None
    models = str(nn_arch.parent / "models") if nn_arch else None
    with systems.opened(systems.split(arguments), network, "latest", models, timeout) as ready:
        return [system.enhance(pair) for system in ready]


def command(code: str) -> str:
    """A command of a system named peer that runs Python."""
    head = "import sys; noisy, enhanced = sys.argv[1:]; "
    return f"peer=cmd:{sys.executable} -c {shlex.quote(head + code)} {{noisy}} {{enhanced}}"


def test_mixtures_for_scoring_differ_only_in_their_ratio(small: Path) -> None:
    made = list(pairs.mixtures(small / "all.csv", [0.0, 10.0], 3, 2.0, seed=4))
    again = list(pairs.mixtures(small / "all.csv", [0.0, 10.0], 3, 2.0, seed=4))
    assert [p.bucket for p in made] == ["0 dB"] * 3 + ["10 dB"] * 3
    assert len({p.name for p in made}) == 6 and len({p.unit for p in made}) == 3
    for low, high, same in zip(made[:3], made[3:], again, strict=False):
        assert np.array_equal(low.noisy, same.noisy)
        assert not low.clean[:16000].any() and low.noisy[:16000].any() and low.clean[16000:].any()
        assert np.corrcoef(low.clean, high.clean)[0, 1] > 0.9999
        ratio = [np.var(p.noisy.astype(float) - p.clean) / np.var(p.clean.astype(float)) for p in (low, high)]
        assert 10 * np.log10(ratio[0] / ratio[1]) == pytest.approx(10, abs=0.1)


def test_folders_and_lists_of_pairs(small: Path, tmp_path: Path) -> None:
    for kind in ("noisy", "clean"):
        sound = audio.read(small / f"{kind}.wav")
        for name in ("a", "deep/a"):
            audio.write_wav(tmp_path / kind / f"{name}.wav", sound)
    found = list(pairs.folders(tmp_path / "noisy", tmp_path / "clean"))
    assert [p.name for p in found] == ["a", "deep/a"]
    assert np.array_equal(found[1].clean, audio.to_int16(audio.read(small / "clean.wav")))
    listed = tmp_path / "pairs.csv"
    listed.write_text("noisy,clean,bucket\nnoisy/a.wav,clean/a.wav,5 dB\nnoisy/deep/a.wav,clean/a.wav,\n")
    assert [(p.bucket, p.name) for p in pairs.manifest(listed)] == [
        ("5 dB", "noisy/a"),
        ("all", "noisy/deep/a"),
    ]
    audio.write_wav(tmp_path / "clean" / "deep" / "a.wav", sound[:-1])
    with pytest.raises(
        UserError, match=r"48000 samples, .* 47999; the clean reference must be the same recording"
    ):
        list(pairs.folders(tmp_path / "noisy", tmp_path / "clean"))
    (tmp_path / "clean" / "deep" / "a.wav").unlink()
    with pytest.raises(UserError, match="holds no references named a; expected one"):
        pairs.folders(tmp_path / "noisy", tmp_path / "clean")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a first line noisy,clean"),
        ("noisy,reference\na.wav,b.wav\n", "expected a first line noisy,clean"),
        ("noisy,clean\na.wav,\n", "a pair of files in each further one"),
        ("noisy,clean\na.wav,b.wav\na.wav,c.wav\n", "a is there more than once"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        pairs.manifest(tmp_path / "pairs.csv")
    with pytest.raises(UserError, match="cannot be read"):
        pairs.manifest(tmp_path)


def test_systems_are_named_and_parted() -> None:
    choices = systems.split(
        ["noisy,c:a.txt@3", "old=c:b.txt", "peer=cmd:a,b {noisy} {enhanced}", "x=dir:/c,d"]
    )
    assert [(c.name, c.kind, c.rest) for c in choices] == [
        ("noisy", "noisy", ""),
        ("c:a.txt@3", "c", "a.txt@3"),
        ("old", "c", "b.txt"),
        ("peer", "cmd", "a,b {noisy} {enhanced}"),
        ("x", "dir", "/c,d"),
    ]
    for text, words in {
        "magic": "no system 'magic'; expected noisy, ENGINE",
        "board": "no system 'board'",
        "dir:/tmp": "needs a name in front, as peer=dir:",
        "c,float,c": "two are named 'c'",
    }.items():
        with pytest.raises(UserError, match=words):
            systems.split([text])


@pytest.mark.slow
def test_networks_by_text_by_folder_and_by_epoch(small: Path, pair: Pair) -> None:
    text = small / "def_se_small.txt"
    choices = ("noisy,float,quantized,integer,c", f"c:{text}@1", f"c:{small / 'models' / 'se_small'}")
    noisy, exact, quantized, *integers = enhance(pair, *choices, nn_arch=text)
    assert np.array_equal(noisy, pair.noisy)
    for samples in integers:
        assert np.array_equal(samples, integers[0]) and samples.size == pair.noisy.size
    errors = [np.sum((integers[0] - x.astype(float)) ** 2) for x in (exact, quantized)]
    assert 0 < errors[1] < errors[0]  # fake quantisation comes nearer to the integers
    with pytest.raises(UserError, match="'c' needs a network: `nn_arch=TXT`, or c:TXT"):
        enhance(pair, "c")
    with pytest.raises(UserError, match="epoch 7"):
        enhance(pair, f"c:{text}@7", nn_arch=text)
    with pytest.raises(UserError, match=r"holds no arch\.txt"):
        enhance(pair, f"c:{small}")


def test_sounds_that_others_made(pair: Pair, tmp_path: Path) -> None:
    made = pair.noisy // 2
    audio.write_wav(tmp_path / "deep" / "clip.wav", made[:-300])
    (heard,) = enhance(pair, f"peer=dir:{tmp_path}")
    assert heard.size == made.size and np.array_equal(heard[:-300], made[:-300]) and not heard[-300:].any()
    audio.write_wav(tmp_path / "deep" / "clip.wav", made[:-400])
    with pytest.raises(
        UserError, match=r"47567 samples, and the noisy clip deep/clip has 47967; expected as many"
    ):
        enhance(pair, f"peer=dir:{tmp_path}")
    (tmp_path / "deep" / "clip.wav").unlink()
    with pytest.raises(UserError, match="holds no references named clip"):
        enhance(pair, f"peer=dir:{tmp_path}")
    with pytest.raises(UserError, match="no such folder of enhanced sounds"):
        enhance(pair, f"peer=dir:{tmp_path / 'none'}")


def test_commands_of_others(pair: Pair, tmp_path: Path) -> None:
    half = "import soundfile; x, rate = soundfile.read(noisy, dtype='int16'); soundfile.write(enhanced, x // 2, rate)"
    (heard,) = enhance(pair, command(half))
    assert np.array_equal(heard, pair.noisy // 2)
    for code, words in {
        "print('first'); sys.exit('no memory')": "peer: its command ended with status 1 for deep/clip: no memory",
        "pass": "peer: its command ended well, but wrote no {enhanced} for deep/clip",
        "open(enhanced, 'w').write('no sound')": "peer, deep/clip: its command wrote no sound file that can be read",
        half.replace(", rate)", ", 48000)"): "its command wrote 48000 Hz; expected 16000 Hz",
        half.replace("x // 2", "x[:9999]"): "9999 samples, and the noisy clip deep/clip has 47967",
    }.items():
        with pytest.raises(UserError) as error:
            enhance(pair, command(code))
        assert words in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UserError, match="peer: its command does not start: /no/such: No such file"):
        enhance(pair, "peer=cmd:/no/such {noisy} {enhanced}")
    with pytest.raises(UserError, match=r"must say where \{noisy\} and \{enhanced\} go"):
        enhance(pair, "peer=cmd:cp {noisy}")


@pytest.mark.slow
def test_a_command_that_hangs_ends_with_what_it_started(pair: Pair, tmp_path: Path) -> None:
    late = tmp_path / "late"
    began = time.monotonic()
    with pytest.raises(UserError, match=r"took more than 0\.5 s for deep/clip"):
        enhance(pair, f"peer=cmd:sh -c '(sleep 2; touch {late}) & wait' {{noisy}} {{enhanced}}", timeout=0.5)
    assert time.monotonic() - began < 1.9
    time.sleep(max(0, began + 2.5 - time.monotonic()))
    assert not late.exists()


@pytest.mark.slow
def test_a_board_gives_what_the_library_gives(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, table = small_firmware(tmp_path)
    monkeypatch.setattr(reference, "MODELS", table.parent)
    monkeypatch.setattr(boards, "build_image", lambda board, model: image)
    short = Pair("all", "short", "short", pair.noisy[:8123], pair.clean[:8123])
    (heard,) = enhance(short, "board:qemu_m4@small")
    padded = np.pad(short.noisy, (0, -(8123 + 320) % 160 + 320))
    np.testing.assert_array_equal(heard, TableEnhancer(table).process(padded)[320 : 320 + 8123])
    hops = Playback.__iter__

    def wrong(self: Playback) -> Iterator[Hop]:
        for hop in hops(self):
            if hop.number == 3 and hop.enhanced is not None:
                hop.enhanced[20] ^= 1
            yield hop

    monkeypatch.setattr(Playback, "__iter__", wrong)
    with pytest.raises(UserError, match="qemu_m4: 1 samples differ from what the C library makes"):
        enhance(short, "board:qemu_m4@small")


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    units = [str(n) for n in range(40)]
    held = 0
    for _ in range(300):
        found = intervals.estimate(rng.normal(3, 2, 40), units)
        assert found.low < found.mean < found.high
        held += found.low < 3 < found.high
    assert 0.88 < held / 300 < 0.99


def test_intervals_by_their_rules() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 30)
    units = [str(n) for n in range(30)]
    once = intervals.estimate(values, units)
    assert intervals.estimate(values, units) == once
    # The same clips four times over say no more than once ...
    again = intervals.estimate(np.tile(values, 4), units * 4)
    assert astuple(again) == pytest.approx((once.mean, once.low, once.high, 120))
    # ... and would seem to, were they taken for others.
    apart = intervals.estimate(np.tile(values, 4), [str(n) for n in range(120)])
    assert apart.high - apart.low < 0.6 * (once.high - once.low)
    gaps = intervals.estimate([1.0, np.nan, 3.0], ["a", "b", "c"])
    assert (gaps.mean, gaps.clips) == (2, 2) and 1 <= gaps.low <= gaps.high <= 3
    assert intervals.estimate([np.nan], ["a"]).clips == 0
    assert intervals.estimate([np.inf, 2.0], ["a", "b"]).mean == np.inf


def test_better_systems_score_better_and_the_tables_say_so(small: Path, tmp_path: Path) -> None:
    made = list(pairs.mixtures(small / "all.csv", [0.0, 10.0], 2, 2.0, seed=4))
    halfway = System("halfway", lambda p: ((p.noisy.astype(np.int32) + p.clean) // 2).astype(np.int16))
    results = enhancement.evaluate(made, [System("noisy", lambda p: p.noisy), halfway], processes=1)
    by_name = {(r.clip, r.system): r.values for r in results}
    assert len(by_name) == 8
    for p in made:
        noisy, better = (by_name[p.name, system] for system in ("noisy", "halfway"))
        assert better["si_sdr_db"] == pytest.approx(noisy["si_sdr_db"] + 6, abs=1)
        assert better["stoi"] > noisy["stoi"]
    rows = enhancement.summary(results, "noisy")
    gains = {(r.bucket, r.system): r.gain for r in rows if r.metric == "si_sdr_db"}
    assert list(gains) == [(b, s) for b in ("0 dB", "10 dB", "all") for s in ("noisy", "halfway")]
    assert gains["all", "noisy"] is None
    gain = gains["all", "halfway"]
    assert gain is not None and gain.mean == pytest.approx(6, abs=1) and gain.clips == 4
    lines = enhancement.table(rows, "noisy").splitlines()
    assert [line.split()[2] for line in lines[1:5]] == ["noisy", "halfway"] * 2
    assert "gain over noisy, clip by clip" in lines
    enhancement.write_csv(tmp_path / "deep" / "scores.csv", results)
    enhancement.write_summary(tmp_path / "summary.csv", rows)
    with (tmp_path / "deep" / "scores.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 8 and float(table[0]["pesq_wb"]) >= 1
    with (tmp_path / "summary.csv").open() as file:
        last = [row for row in csv.DictReader(file) if row["metric"] == "si_sdr_db"][-1]
    assert float(last["gain_mean"]) == pytest.approx(gain.mean, abs=1e-4)
    assert float(last["low"]) <= float(last["mean"]) <= float(last["high"])


def test_scores_that_are_not_defined_are_told() -> None:
    names = ("a", "b", "c")
    results = [Result("all", n, n, "noisy", {"pesq_wb": 2.0, "stoi": 0.5}) for n in names]
    results += [
        Result("all", n, n, "mute", {"pesq_wb": np.nan if n == "a" else 3.0, "stoi": 0.1}) for n in names
    ]
    rows = enhancement.summary(results, "noisy")
    said = enhancement.table(rows, "noisy")
    assert "all mute: no PESQ-WB for 1 of 3 clips, which its mean leaves out" in said
    gain = next(r.gain for r in rows if (r.system, r.metric) == ("mute", "pesq_wb"))
    assert gain is not None and (gain.mean, gain.clips) == (1, 2)


@pytest.mark.slow
def test_evaluate_se_prints_a_table_per_ratio(
    small: Path, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / "scores.csv"
    common = (
        f"--test_list={small / 'all.csv'}",
        "--clips=1",
        "--seconds=2",
        f"--csv={scores}",
        "--processes=1",
    )
    assert (
        run("evaluate_se", *common, "--snr=0,15", "--systems", "noisy,float", "again=c", "--reference=again")
        == 0
    )
    said = capsys.readouterr().out
    for row in ("0 dB noisy", "0 dB float", "15 dB noisy", "15 dB again", "all again", "gain over again"):
        assert row in said
    assert scores.is_file() and (tmp_path / "scores_summary.csv").is_file()
    for arguments, words in {
        ("--systems=magic",): "no system 'magic'",
        ("--snr=loud",): "expected numbers of dB",
        ("--test_list=/none.csv",): "no such list",
        ("--systems=c", "--reference=noisy"): "is not among --systems, which are c",
        ("--noisy=/tmp",): "--noisy and --clean go together",
        ("--systems=noisy", "--dnsmos=/none.onnx"): "no such file; give DNSMOS P.835's",
    }.items():
        assert run("evaluate_se", *common, *arguments) == 1
        said = capsys.readouterr().err
        assert said.startswith("evaluate_se: ") and words in said and said.count("\n") == 1


def test_evaluate_se_needs_no_network_for_sounds_of_others(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnsp.commands.evaluate import enhancement as evaluate_se

    for kind in ("noisy", "clean"):
        audio.write_wav(tmp_path / kind / "1.wav", audio.read(small / f"{kind}.wav"))
    soundfile.write(tmp_path / "1.flac", audio.read(small / "clean.wav"), 16000)
    folders = f"--noisy={tmp_path / 'noisy'}", f"--clean={tmp_path / 'clean'}", f"--csv={tmp_path / 's.csv'}"
    arguments = ["--systems", "noisy", f"best=dir:{tmp_path / 'clean'}", "--processes=1"]
    monkeypatch.setattr(sys, "argv", ["evaluate_se.py", *folders, *arguments])
    evaluate_se.main()
    said = capsys.readouterr().out
    assert "all noisy" in said and "all best" in said and "4.64" in said
