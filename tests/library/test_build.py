# SPDX-License-Identifier: BSD-3-Clause
"""The library and generated tables under every compiler and sanitizer that we promise."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from networks import build_model, signals
from nnsp.integer import tables
from nnsp.integer.enhancer import IntegerEnhancer
from nnsp.places import ROOT
from nnsp.signal.frontend import FrontEnd

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("strides", [1, 2])
def test_strict_and_sanitized(tmp_path: Path, compiler: str, strides: int) -> None:
    """No warning, no undefined behaviour, no stray access, in place, and the same integers."""
    import library_sources

    assert shutil.which(compiler), f"{compiler} is not installed; ./nnsp test installs it"
    model = build_model(FrontEnd(), strides)
    tables.write(
        tmp_path, tables.model_files(model, 7, "tiny", tables.Provenance("command", "arch", "weights"))
    )
    names = {"MODEL_HEADER": '"def_nn7_tiny.h"', "MODEL": "nn7_tiny"}
    names |= {f"MODEL_{what}": f"NN7_TINY_{what}" for what in ("HOP", "STATE_BYTES")}
    sources = [
        *library_sources.find(ROOT),
        tmp_path / "def_nn7_tiny.c",
        ROOT / "tests/library/enhance_raw.c",
    ]
    program = tmp_path / "enhance_raw"
    sanitize = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    include = [f"-I{ROOT / 'nnsp_lib/include'}", f"-I{tmp_path}"]
    defines = [f"-D{name}={value}" for name, value in names.items()]
    subprocess.run(
        [compiler, *STRICT, *sanitize, *include, *defines, *map(str, sources), "-o", str(program)], check=True
    )
    for name, x in signals(30 * 160).items():
        done = subprocess.run([str(program)], input=x.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr.decode()}"
        np.testing.assert_array_equal(
            np.frombuffer(done.stdout, dtype=np.int16), IntegerEnhancer(model).process(x)
        )


def test_library_uses_no_float_and_no_heap() -> None:
    for source in (ROOT / "nnsp_lib").rglob("*.[ch]"):
        text = re.sub(r"/\*.*?\*/", "", source.read_text(), flags=re.DOTALL)
        for word in ("float ", "double ", "malloc", "calloc", "realloc"):
            assert word not in text.replace("no malloc", ""), f"{source}: {word}"
