# SPDX-License-Identifier: BSD-3-Clause
"""Every example is built as its reader builds it, and what it computes is compared with the library here."""

import re
import shutil
import struct
import subprocess
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from builds import configure, cross, run
from nnsp.inference.enhancement import aligned
from nnsp.integer.c_streams import TableEnhancer
from nnsp.places import ROOT
from zephyr_stand_in import kconfig, package

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"
TABLE = ROOT / "firmware/models/def_nn3_se.c"
STRICT = "-Wall -Wextra -Wconversion -Werror -pedantic"
EXPECTED = "expected a wav of 16-bit mono samples at 16000 Hz"


library = cache(lambda: TableEnhancer(TABLE))


def make(example: str, folder: Path, *variables: str) -> Path:
    """Copy an example to `folder` and build it there by its Makefile."""
    at = shutil.copytree(
        EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("*.elf", "*.raw")
    )
    run("make", "-B", "-C", at, f"NNSP={ROOT}", *variables)
    return at


def samples_of_demo(count: int = -1) -> np.ndarray:
    return soundfile.read(ROOT / "demo/noisy.wav", frames=count, dtype="int16")[0]


def late(samples: np.ndarray) -> np.ndarray:
    """Whole hops through the library here."""
    enhancer = library()
    enhancer.reset()
    return enhancer.process(samples)


def enhanced(samples: np.ndarray) -> np.ndarray:
    """The same in time with the input."""
    return aligned(late, library().hop, library().delay)(samples)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def format_chunk(tag: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16) -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits))


@pytest.fixture(scope="module", params=["gcc", "clang"])
def enhance_wav(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, with sanitizers."""
    flags = f"CFLAGS=-O2 -fsanitize=address,undefined -fno-sanitize-recover=undefined {STRICT}"
    folder = tmp_path_factory.mktemp(request.param)
    return make("enhance_wav", folder, f"CC={request.param}", flags) / "enhance_wav"


def test_enhance_wav_equals_the_library(enhance_wav: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    run(enhance_wav, ROOT / "demo/noisy.wav", out)
    found, rate = soundfile.read(out, dtype="int16")
    assert rate == 16000
    np.testing.assert_array_equal(found, enhanced(samples_of_demo()))
    assert out.read_bytes()[:44] == (ROOT / "demo/noisy.wav").read_bytes()[:44]


def test_enhance_wav_of_any_length_among_other_chunks(enhance_wav: Path, tmp_path: Path) -> None:
    wav, out = tmp_path / "in.wav", tmp_path / "out.wav"
    for count in (1, 159, 160, 161, 480, 1601):
        samples = samples_of_demo(count)
        data = (
            chunk(b"LIST", b"odd"),
            format_chunk(),
            chunk(b"data", samples.tobytes()),
            chunk(b"id3 ", b"end"),
        )
        wav.write_bytes(riff(*data))
        run(enhance_wav, wav, out)
        np.testing.assert_array_equal(soundfile.read(out, dtype="int16")[0], enhanced(samples))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not a wav"),
        (b"RIFX" + bytes(100), "not a wav"),
        (riff(format_chunk()), "no samples"),
        (riff(format_chunk(), chunk(b"data", b"")), "no whole samples"),
        (riff(format_chunk(), chunk(b"data", b"odd")), "no whole samples"),
        (riff(format_chunk(), chunk(b"data", bytes(100)))[:-1], "cut short"),
        (riff(format_chunk(), b"LIST\xff\xff\xff\xff"), "cut short"),
        (riff(chunk(b"fmt ", bytes(8)), chunk(b"data", bytes(100))), "damaged"),
        (riff(chunk(b"data", bytes(100))), "format 0, 0 channels, 0 bits, 0 Hz"),
        (riff(format_chunk(channels=2), chunk(b"data", bytes(8))), "format 1, 2 channels, 16 bits, 16000 Hz"),
        (riff(format_chunk(rate=8000), chunk(b"data", bytes(8))), "format 1, 1 channels, 16 bits, 8000 Hz"),
        (riff(format_chunk(3, bits=32), chunk(b"data", bytes(8))), "format 3, 1 channels, 32 bits, 16000 Hz"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_enhance_wav_refuses(enhance_wav: Path, tmp_path: Path, content: bytes, what: str) -> None:
    wav = tmp_path / "in.wav"
    wav.write_bytes(content)
    done = subprocess.run([enhance_wav, wav, tmp_path / "out.wav"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"enhance_wav: {wav}: {what}; {EXPECTED}\n")
    assert not (tmp_path / "out.wav").exists()


def test_enhance_wav_refuses_files(enhance_wav: Path, tmp_path: Path) -> None:
    noisy, absent = str(ROOT / "demo/noisy.wav"), str(tmp_path / "absent/a.wav")
    usage = "usage: enhance_wav IN.wav OUT.wav (two different files)\n"
    for arguments, status, said in (
        ([], 2, usage),
        ([noisy, noisy], 2, usage),
        ([absent, noisy], 1, f"enhance_wav: {absent}: cannot be read; give the name of a wav\n"),
        ([noisy, absent], 1, f"enhance_wav: {absent}: cannot be written\n"),
    ):
        done = subprocess.run([enhance_wav, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (status, said)


@pytest.mark.parametrize("board", ["m4", "m55"])
def test_bare_cortex_m_says_the_checksum_of_the_library_here(tmp_path: Path, board: str) -> None:
    folder = make("bare_cortex_m", tmp_path, f"BOARD={board}", f"CFLAGS=-O3 {STRICT}")
    samples = samples_of_demo(16000)
    samples.tofile(folder / "in.raw")
    command = ["make", "-s", "-C", str(folder), f"NNSP={ROOT}", f"BOARD={board}", "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    expected = late(samples).tobytes()
    assert (done.returncode, done.stderr) == (0, f"CRC-32 of out.raw: {zlib.crc32(expected):08x}\n")
    assert (folder / "out.raw").read_bytes() == expected


@pytest.mark.parametrize("build", ["gcc", "clang", "cortex-m4"])
def test_zephyr_application(tmp_path: Path, build: str) -> None:
    values = kconfig(tmp_path, prj_conf=EXAMPLES / "zephyr/prj.conf")
    options = [f"-DCONFIG_{name}=y" for name, value in values.items() if value == "y"]
    assert options == ["-DCONFIG_NNSP=y"]
    options += [f"-DZephyr_DIR={package(tmp_path / 'zephyr')}"]
    if build == "cortex-m4":
        options += [*cross(tmp_path, ["-mcpu=cortex-m4"]), "-DCMAKE_ASM_FLAGS=-mthumb -mcpu=cortex-m4"]
    else:
        options += [f"-DCMAKE_C_COMPILER={build}", f"-DCMAKE_C_FLAGS={STRICT}"]
    configure(EXAMPLES / "zephyr", tmp_path / "build", *options)
    run("cmake", "--build", tmp_path / "build")
    if build != "cortex-m4":
        lines = run(tmp_path / "build/app").splitlines()
        pattern = r"second (\d+): level (\d+), enhanced (\d+), 7 us of 10000 a hop"
        found = [re.fullmatch(pattern, line) for line in lines]
        assert len(found) == 10
        assert all(line and int(line[3]) < int(line[2]) for line in found), lines
