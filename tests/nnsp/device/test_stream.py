# SPDX-License-Identifier: BSD-3-Clause
"""stream_se: a recording through a board; every way it can go wrong ends in a sentence."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from board_doubles import (
    FaultyPort,
    corrupt_bytes,
    double_image,
    drop_chunks,
    small_firmware,
    small_table,
)
from nnsp.commands.stream import recording
from nnsp.commands.stream.recording import Order
from nnsp.device import boards, reference, session
from nnsp.device.playback import Playback
from nnsp.device.session import Hop
from nnsp.device.wire import Port
from nnsp.errors import UserError
from nnsp.integer.c_streams import TableEnhancer
from nnsp.places import ROOT


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return small_firmware(tmp_path_factory.mktemp("small"))


@pytest.fixture
def order(firmware: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """A second of a chirp in noise, for the small model; no whole number of hops."""
    image, table = firmware
    monkeypatch.setattr(reference, "MODELS", table.parent)
    t = np.arange(16077) / 16000
    clean = 0.3 * np.sin(2 * np.pi * (200 + 1500 * t) * t) * (np.sin(6 * t) > 0)
    noisy = clean + 0.05 * np.random.default_rng(1).standard_normal(len(t))
    for name, sound in (("clean", clean), ("noisy", noisy)):
        soundfile.write(tmp_path / f"{name}.wav", sound, 16000, subtype="PCM_16")
    wav, clean_wav, output = tmp_path / "noisy.wav", tmp_path / "clean.wav", tmp_path / "out"
    return Order("qemu_m4", wav, clean_wav, output, "small", image, 115200, check=True)


def enhancers() -> list[Path]:
    """Tables of the firmware's enhancers."""
    headers = sorted((ROOT / "firmware" / "models").glob("def_nn*.h"))
    return [path.with_suffix(".c") for path in headers if "_TASK NNSP_ENHANCE\n" in path.read_text()]


def enhanced_here(order: Order, table: Path) -> np.ndarray:
    """What the library here makes of the recording, its delay taken out."""
    samples, _ = soundfile.read(order.wav, dtype="int16")
    padded = np.pad(samples, (0, -(len(samples) + 320) % 160 + 320))
    return TableEnhancer(table).process(padded)[320 : 320 + len(samples)]


@pytest.mark.slow
def test_a_recording_through_the_board(
    order: Order, firmware: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    recording.run(order)
    enhanced, rate = soundfile.read(order.output / "enhanced_speech.wav", dtype="int16")
    assert rate == 16000
    np.testing.assert_array_equal(enhanced, enhanced_here(order, firmware[1]))
    assert (order.output / "spectrogram.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((order.output / "report.json").read_text())
    assert report["differing_samples"] == 0
    assert report["answered"] == len(report["work"]) == 103
    assert report["hello"]["networks"][0]["name"] == "small"
    assert set(report["scores"]) == {"noisy", "enhanced"}
    assert report["sections"][".tables"] > 0
    said = capsys.readouterr().out
    for words in ("instructions per 10 ms frame", "0 of 16480 samples", "flash", "RAM", "stack", "PESQ"):
        assert words in said
    assert not list(order.output.glob(".part*"))


@pytest.mark.slow
def test_lost_and_broken_frames_are_counted_and_the_rest_still_equal(
    order: Order, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def bad_line(*arguments: Any) -> Iterator[Port]:
        with boards.open_board(*arguments) as port:
            yield FaultyPort(port, to_board=drop_chunks, to_host=corrupt_bytes, seed=4)

    monkeypatch.setattr(session, "open_board", bad_line)
    recording.run(replace(order, clean=None))
    report = json.loads((order.output / "report.json").read_text())
    assert report["differing_samples"] == 0
    assert report["stats"]["lost"] > 0
    assert report["answered"] < 103
    said = capsys.readouterr().out
    assert f"lost on the way to the board               {report['stats']['lost']} hops" in said
    assert f"lost on the way back                       {103 - report['answered']} hops" in said


@pytest.mark.slow
def test_a_board_that_computes_something_else(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    hops = Playback.__iter__

    def wrong(self: Playback) -> Iterator[Hop]:
        for hop in hops(self):
            if hop.number == 31 and hop.enhanced is not None:
                hop.enhanced[40] ^= 1
            yield hop

    monkeypatch.setattr(Playback, "__iter__", wrong)
    with pytest.raises(UserError, match=r"^qemu_m4: 1 samples differ from what the C library makes"):
        recording.run(order)
    recording.run(replace(order, check=False))


@pytest.mark.slow
def test_a_board_with_another_model_than_asked(order: Order, tmp_path: Path) -> None:
    image = double_image(tmp_path / "double.elf")
    with pytest.raises(
        UserError, match=r"^qemu_m4: the board has the model 'double', 'small' was asked for; "
    ):
        recording.run(replace(order, image=image))


@pytest.mark.slow
def test_a_board_with_older_tables_of_the_same_model(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    small_table(newer, net_id=8, seed=2)
    monkeypatch.setattr(reference, "MODELS", newer)
    with pytest.raises(
        UserError, match=r"its model 'small' was built from other tables than .*load the firmware"
    ):
        recording.run(order)


def test_a_model_without_tables(order: Order) -> None:
    with pytest.raises(
        UserError, match=r"^there is no .*def_nn<id>_absent\.c; c_code_table_converter\.py makes it"
    ):
        recording.run(replace(order, model="absent"))


def test_a_clean_reference_of_another_length(order: Order, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, np.zeros(9000), 16000)
    with pytest.raises(UserError, match=r"other\.wav: 9000 samples, but .*noisy\.wav has 16077"):
        recording.run(replace(order, clean=other))


def test_an_output_that_cannot_be_made(order: Order) -> None:
    with pytest.raises(UserError, match=r"noisy\.wav/out: cannot write there: Not a directory; give another"):
        recording.run(replace(order, output=order.wav / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("table", enhancers(), ids=lambda t: t.stem)
@pytest.mark.parametrize("board", boards.MACHINES)
def test_shipped_models(board: str, table: Path, tmp_path: Path) -> None:
    """The image that scons builds, on the demonstration clip: speech out of the emulated board as out of C."""
    model = table.stem.split("_", 2)[2]
    clip, output = ROOT / "demo" / "noisy.wav", tmp_path / "out"
    recording.run(Order(board, clip, ROOT / "demo" / "clean.wav", output, model, None, 115200, check=True))
    report = json.loads((output / "report.json").read_text())
    assert report["differing_samples"] == 0
    assert report["answered"] == len(report["work"])
    assert report["scores"]["enhanced"]["si_sdr_db"] > report["scores"]["noisy"]["si_sdr_db"]


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run stream_se.py as a user does."""
    command = [sys.executable, str(ROOT / "py_tools" / "stream_se.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_tool_ends_in_one_sentence(order: Order) -> None:
    done = tool("--tty=/dev/ttyNNSP", f"--wav={order.wav}", "--no-check")
    assert done.returncode == 1
    assert done.stderr.startswith("stream_se: /dev/ttyNNSP: cannot open this port: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_an_interrupted_tool_leaves_no_emulator(
    order: Order, tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    image = tmp_path / "interrupted.elf"
    shutil.copy(str(order.image), image)
    command = [sys.executable, ROOT / "py_tools" / "stream_se.py", "--board=qemu_m4", f"--image={image}"]
    command += [f"--wav={order.wav}", "--model=small", "--no-check", f"--output={order.output}"]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE)
    while not emulators_of(image):
        assert process.poll() is None
    process.send_signal(sent)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == status
    assert (b"\nstream_se: stopped; " in errors) == (sent == signal.SIGINT)
    deadline = time.monotonic() + 5
    while emulators_of(image):
        assert time.monotonic() < deadline, "the emulator still runs"


def emulators_of(image: Path) -> list[Path]:
    """Processes that have this image on their command line, the tool itself aside."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if str(image).encode() in words:
                found.append(path)
    return found


def test_the_tool_tells_what_it_takes() -> None:
    done = tool("--help")
    assert done.returncode == 0
    for option in ("--board", "--wav", "--clean", "--output", "--model", "--image", "--baud", "--no-check"):
        assert option in done.stdout
