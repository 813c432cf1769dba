# SPDX-License-Identifier: BSD-3-Clause
"""`scons target=apollo4 flash` against a JLinkExe that only says what J-Link would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnsp.places import ROOT

CONNECTED = """SEGGER J-Link Commander V8.10 (Compiled Nov 20 2025 12:00:00)
J-Link Command File read successfully.
Processing script file...
J-Link>ExitOnError 1
J-Link Commander will now exit on Error
Connecting to J-Link via USB...O.K.
VTref=1.799V
Device "AMAP42KK-KBR" selected.
Connecting to target via SWD
Cortex-M4 identified.
J-Link>loadbin "image.bin", 0x18000
Downloading file [image.bin]...
"""
PROGRAMMED = """J-Link: Flash download: Bank 0 @ 0x00018000: 1 range affected (147456 bytes)
J-Link: Flash download: Total: 1.1s (Prepare: 0.1s, Compare: 0.0s, Erase: 0.0s, Program & Verify: 0.9s, Restore: 0.1s)
O.K.
"""
SAME = "J-Link: Flash download: Bank 0 @ 0x00018000: Skipped. Contents already match\nO.K.\n"
END = "J-Link>qc\nScript processing completed.\n"


def flash(folder: Path, log: str, status: int = 0, exists: bool = True) -> subprocess.CompletedProcess[str]:
    """Run flash_jlink.py with a double of JLinkExe that prints `log` and keeps what it was called with."""
    image = folder / "image.bin"
    image.write_bytes(b"image")
    programs = folder / "bin"
    programs.mkdir()
    if exists:
        (folder / "said").write_text(log)
        double = programs / "JLinkExe"
        double.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\ncat {folder}/said\nexit {status}\n')
        double.chmod(0o755)
    command = [sys.executable, ROOT / "site_scons/flash_jlink.py", image, "AMAP42KK-KBR", "0x18000"]
    path = f"{programs}:/usr/bin:/bin" if exists else str(programs)
    return subprocess.run(
        list(map(str, command)), env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("log", "said"),
    [(PROGRAMMED, "1 range affected (147456 bytes)"), (SAME, "Skipped. Contents already match")],
)
def test_written(tmp_path: Path, log: str, said: str) -> None:
    done = flash(tmp_path, CONNECTED + log + END)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"flash: written and started ({said})\n")
    arguments = (tmp_path / "arguments").read_text()
    assert "-Device AMAP42KK-KBR -If SWD" in arguments
    assert f"-CommandFile {tmp_path}/flash.jlink" in arguments
    script = (tmp_path / "flash.jlink").read_text().splitlines()
    assert f'loadbin "{tmp_path}/image.bin", 0x18000' in script
    assert script[-1] == "qc"


# JLinkExe exits with 0 in all of these.
@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (
            "Connecting to J-Link via USB...FAILED: Cannot connect to J-Link.\n" + END,
            "no J-Link answers; plug",
        ),
        (
            "J-Link connection not established yet but required for command.\n",
            "does not say that it has written",
        ),
        (CONNECTED.split("Cortex")[0] + "Cannot connect to target.\n" + END, "the chip does not answer"),
        (
            "The selected device AMAP42KK-KBR is unknown to this version\n",
            "does not know the device AMAP42KK-KBR",
        ),
        (CONNECTED + "Failed to open file.\n" + END, "J-Link reports: Failed to open file."),
        (
            CONNECTED + "****** Error: Verification failed @ address 0x00018000\n",
            "J-Link reports: ****** Error",
        ),
        (CONNECTED + "Error while programming flash: Programming failed.\nO.K.\n", "Programming failed."),
        (CONNECTED + END, "does not say that it has written the image"),
        (CONNECTED + PROGRAMMED.removesuffix("O.K.\n") + END, "does not say that it has written the image"),
        ("", "does not say that it has written the image"),
    ],
)
def test_not_written(tmp_path: Path, log: str, sentence: str) -> None:
    done = flash(tmp_path, log)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.startswith("flash: not written: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "flash.log").read_text() == log


def test_an_exit_status_is_heard_too(tmp_path: Path) -> None:
    done = flash(tmp_path, CONNECTED + PROGRAMMED, status=1)
    assert done.returncode == 1
    assert "flash: not written: J-Link ended with exit status 1" in done.stderr


def test_no_jlink_installed(tmp_path: Path) -> None:
    done = flash(tmp_path, "", exists=False)
    assert done.returncode == 1
    assert done.stderr.startswith("flash: JLinkExe is not installed; get SEGGER's J-Link software")
    assert done.stderr.count("\n") == 1
