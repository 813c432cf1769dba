"""What scons says to a slip, and that each variant of the host library builds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from board_doubles import ROOT


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
    ],
)
def test_a_slip_ends_in_one_sentence(arguments: list[str], sentence: str) -> None:
    done = scons(*arguments)
    assert done.returncode == 2
    assert done.stdout == sentence


def test_missing_compilers_are_named(tmp_path: Path) -> None:
    done = scons("target=qemu_m4", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout.startswith("scons: arm-none-eabi-gcc is not installed; ")
    done = scons("target=host", "cc=clang", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout.startswith("scons: clang is not installed; ")


@pytest.mark.parametrize("options", [["cc=clang"], ["sanitize=1"], ["cc=clang", "checked=1"]], ids="_".join)
def test_variants_of_the_host_library_build(options: list[str]) -> None:
    done = scons("target=host", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = {"cc=clang": "clang", "sanitize=1": "sanitize", "checked=1": "checked"}
    library = ROOT / "build" / "_".join(["host", *(folder[option] for option in options)]) / "libnnsp.so"
    assert library.is_file()
    assert library.with_suffix(".a").is_file()


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
