# SPDX-License-Identifier: BSD-3-Clause
"""What scons says to a slip, and that each variant of the host library builds."""

import fcntl
import itertools
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nnsp.places import ROOT


def scons(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run scons in the repository."""
    command = [sys.executable, "-m", "SCons", "-Q", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_no_target_prints_the_help() -> None:
    done = scons()
    assert done.returncode == 0
    assert "scons target=qemu_m4 run" in done.stdout
    assert "sanitize=" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["target=apollo5"],
            "scons: there is no target 'apollo5'; expected one of: host, qemu_m4, qemu_m55, apollo4\n",
        ),
        (["tarqet=host"], "scons: there is no option tarqet; `scons` alone lists them\n"),
        (
            ["target=qemu_m4", "model=absent"],
            "scons: there is no firmware/models/def_nn<id>_absent.c; "
            "py_tools/c_code_table_converter.py makes it\n",
        ),
        (
            ["target=apollo4", "baud=2000000"],
            "scons: baud=2000000: the UART comes no nearer than 1500000 bit/s, -25.0% off where 2% is bearable; "
            "docs/apollo4.md lists rates that fit\n",
        ),
        (
            ["target=qemu_m4", "model=se,se"],
            "scons: model=se,se: 'se' is named twice; name each network once\n",
        ),
        (
            ["target=qemu_m4", "model=se,se_small"],
            "scons: firmware/models/def_nn3_se.c and firmware/models/def_nn3_se_small.c both have the id 3; "
            "convert one again with another --net_id\n",
        ),
        (["target=apollo4", "baud=fast"], "scons: baud=fast: expected bits per second, like 115200\n"),
        (
            ["target=apollo4", "run"],
            "scons: target=apollo4 is a real board: write to it with `flash`, then stream with "
            "./nnsp stream_se --board=/dev/ttyACM0 --wav=demo/noisy.wav\n",
        ),
    ],
)
def test_a_slip_ends_in_one_sentence(arguments: list[str], sentence: str) -> None:
    done = scons(*arguments)
    assert done.returncode == 2
    assert done.stdout == sentence


def header(folder: Path, number: int, name: str, **change: str) -> None:
    """A table of which scons sees the header alone."""
    macros = {"ID": str(number), "RATE": "16000", "HOP": "160", "WINDOW": "480", "FFT": "512"}
    macros |= {"TASK": "NNSP_CLASSIFY", "LABELS": "1", "LABEL_BYTES": "7", "STATE_BYTES": "5000"} | change
    stem = f"def_nn{number}_{name}"
    (folder / f"{stem}.c").touch()
    lines = [f"#define NN{number}_{name.upper()}_{key} {value}\n" for key, value in macros.items() if value]
    (folder / f"{stem}.h").write_text("".join(lines))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"RATE": "8000"},
            r"def_nn1_vad\.c has 16000 samples per second and .*def_nn2_other\.c 8000: networks of one",
        ),
        ({"HOP": "128"}, r"has 160 samples a hop and .* 128: "),
        ({"WINDOW": "512"}, r"has 480 samples of window and .* 512: "),
        ({"FFT": "1024"}, r"has 512 points of transform and .* 1024: "),
        (
            {"ID": "1"},
            r"^.*def_nn1_vad\.c and .*def_nn2_other\.c both have the id 1; convert one again with another",
        ),
        (
            {"LABEL_BYTES": "3600"},
            r"^model=vad,other: names and labels take 4161 bytes of a HELLO, which has 4096; take",
        ),
        ({"LABEL_BYTES": ""}, r"^.*def_nn2_other\.c is of an older format: convert the network again$"),
    ],
)
def test_networks_that_do_not_go_together(tmp_path: Path, change: dict[str, str], words: str) -> None:
    import image_models

    header(tmp_path, 1, "vad")
    header(tmp_path, 2, "other")
    assert [Path(path).stem for path in image_models.choose("other,vad", tmp_path)] == [
        "def_nn2_other",
        "def_nn1_vad",
    ]
    header(tmp_path, 2, "other", **change)
    with pytest.raises(ValueError, match=words):
        image_models.choose("vad,other", tmp_path)


def test_one_enhancer_at_most(tmp_path: Path) -> None:
    import image_models

    header(tmp_path, 1, "se", TASK="NNSP_ENHANCE")
    header(tmp_path, 2, "vad")
    header(tmp_path, 3, "other", TASK="NNSP_ENHANCE")
    with pytest.raises(
        ValueError, match=r"def_nn1_se\.c and .*def_nn3_other\.c both enhance; an image has one"
    ):
        image_models.choose("se,vad,other", tmp_path)


def test_who_analyses_has_room_for_it(tmp_path: Path) -> None:
    import image_models

    header(tmp_path, 1, "se", TASK="NNSP_ENHANCE")
    header(tmp_path, 2, "vad")
    header(tmp_path, 3, "kws")
    for names, rows in {
        "kws,vad": ["nn3_kws, NN3_KWS, NN3_KWS_STATE_BYTES", "nn2_vad, NN2_VAD, NN2_VAD_SHARED_STATE_BYTES"],
        "vad,se": ["nn2_vad, NN2_VAD, NN2_VAD_SHARED_STATE_BYTES", "nn1_se, NN1_SE, NN1_SE_STATE_BYTES"],
    }.items():
        text = image_models.header(image_models.choose(names, tmp_path))
        assert [line.strip(" \\") for line in text.splitlines()[-2:]] == [f"MODEL({row})" for row in rows]


def test_missing_compilers_are_named(tmp_path: Path) -> None:
    done = scons("target=qemu_m4", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout.startswith("scons: arm-none-eabi-gcc is not installed; ")
    done = scons("target=host", "cc=clang", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout.startswith("scons: clang is not installed; ")


@pytest.mark.slow
@pytest.mark.parametrize("options", [["cc=clang"], ["sanitize=1"], ["cc=clang", "checked=1"]], ids="_".join)
def test_variants_of_the_host_library_build(options: list[str]) -> None:
    done = scons("target=host", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = {"cc=clang": "clang", "sanitize=1": "sanitize", "checked=1": "checked"}
    library = ROOT / "build" / "_".join(["host", *(folder[option] for option in options)]) / "libnnsp.so"
    assert library.is_file()
    assert library.with_suffix(".a").is_file()


@pytest.mark.slow
def test_the_library_keeps_no_state_and_takes_no_memory() -> None:
    """No malloc, no float, no writable data in the objects of the host library."""
    assert scons("target=host").returncode == 0
    folder = ROOT / "build" / "host"
    for path in folder.rglob("*.os"):
        listing = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
        kinds = {line.split()[-1]: line.split()[-2] for line in listing.splitlines()}
        assert not set(kinds.values()) & set("BbDdC"), path
        assert not set(kinds) & {"malloc", "calloc", "realloc", "free"}, path
    assert shutil.which("nm")


@pytest.mark.slow
def test_the_apollo4_image_in_all_its_forms(tmp_path: Path) -> None:
    done = scons("target=apollo4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "UART0: 115200 bit/s, divisor 13 + 1/64 of 24 MHz: 115246 bit/s, +0.04%" in done.stdout
    for region in ("MRAM", "TCM", "SSRAM0"):
        assert f"region {region} " in done.stdout
    folder = ROOT / "build" / "apollo4"
    image = (folder / "nnsp_se.bin").read_bytes()
    stack, start = struct.unpack_from("<2I", image)
    assert 0x10000000 < stack <= 0x10060000
    assert 0x18000 + 4 * (16 + 84) <= start < 0x18000 + len(image)
    back = tmp_path / "back.bin"
    convert = ["arm-none-eabi-objcopy", "-I", "ihex", "-O", "binary", folder / "nnsp_se.hex", back]
    subprocess.run(list(map(str, convert)), check=True)
    assert back.read_bytes() == image
    assert (folder / "nnsp_se.map").is_file()


def test_a_memory_that_is_full_stops_the_build(tmp_path: Path) -> None:
    folder = ROOT / "firmware" / "boards"
    source = tmp_path / "full.c"
    source.write_text(
        "typedef void (*handler)(void);\nvoid reset(void);\nvoid reset(void) {}\nchar data[400000];\n"
        '__attribute__((section(".vectors"), used)) const handler vectors[16] = {reset};\n'
    )
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-nostartfiles", f"-L{folder}/cortex_m"]
    command += ["-T", f"{folder}/apollo4p_evb/link.ld", str(source), "-o", str(tmp_path / "full.elf")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "region `TCM' overflowed" in done.stderr


def test_main_is_compiled_again_when_its_network_changes() -> None:
    """A header that the build makes names the model's header."""
    tree = scons("-n", "target=qemu_m4", "--tree=all").stdout.splitlines()
    main = next(number for number, line in enumerate(tree) if line.endswith("nnsp_se/firmware/app/main.o"))
    depth = tree[main].index("+-")
    below = itertools.takewhile(lambda line: "+-" not in line or line.find("+-") > depth, tree[main + 1 :])
    assert any(line.endswith("firmware/models/def_nn3_se.h") for line in below)


def test_two_builds_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """The second says which process it waits for, and both succeed."""
    lock = ROOT / "build" / ".host.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write("12345")
        file.flush()
        waiting = subprocess.Popen(
            [sys.executable, "-m", "SCons", "-Q", "target=host"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "scons: waiting for process 12345, which builds host\n"
    waiting.communicate(timeout=300)
    assert waiting.returncode == 0
