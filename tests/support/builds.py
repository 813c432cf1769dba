# SPDX-License-Identifier: BSD-3-Clause
"""Builds in tests: commands that must succeed, and CMake."""

import shutil
import subprocess
from pathlib import Path

CROSS = """
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
"""


def run(*command: str | Path) -> str:
    """What a command prints; fails the test with it."""
    assert shutil.which(str(command[0])), f"{command[0]} is not installed; ./nnsp test installs it"
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configure(source: Path, build: Path, *options: str) -> str:
    return run("cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", *options)


def project(folder: Path, text: str) -> Path:
    """A folder with a CMakeLists.txt."""
    folder.mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(text)
    return folder


def cross(folder: Path, machine: list[str]) -> list[str]:
    """Options of cmake for a Cortex-M, as a toolchain file has them."""
    toolchain = folder / "toolchain.cmake"
    flags = " ".join(["-mthumb", "-ffunction-sections", "-Wall -Wextra -Wconversion -Werror", *machine])
    toolchain.write_text(CROSS + f'set(CMAKE_C_FLAGS_INIT "{flags}")\n')
    return [f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"]
