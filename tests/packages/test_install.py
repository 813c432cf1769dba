# SPDX-License-Identifier: BSD-3-Clause
"""The wheel: what is in it, and that it enhances without a compiler, a checkout or any extra."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nnsp.places import ROOT

pytestmark = pytest.mark.slow

pytest.importorskip("scikit_build_core", reason="the build back end is not installed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(out), str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (found,) = out.glob("nnsp_mcu-*-py3-none-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, as pip lays them."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def nnsp(installed: Path, *arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(installed), "PATH": "/nonexistent", "HOME": str(cwd), **more}
    command = [sys.executable, "-m", "nnsp", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


def test_has_what_places_names(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = ["libnnsp.so", "nn_arch/def_se_bands.txt", "demo/noisy.wav", "nnsp_lib/include/nnsp.h"]
    shipped += [f"firmware/models/def_nn3_se.{ending}" for ending in ("c", "h", "so")]
    shipped += ["models_shipped/se_bands/frontend.json"]
    assert {f"nnsp/shipped/{name}" for name in shipped} <= names
    tables = {path.stem for path in (ROOT / "firmware/models").glob("def_nn*.c")}
    assert {Path(name).stem for name in names if name.endswith(".so")} == {"libnnsp", *tables}
    assert not [name for name in names if name.endswith(".pyc") or "/tests/" in name]
    assert wheel.stat().st_size < 4e6


def test_enhances_and_detects_without_a_compiler(installed: Path, tmp_path: Path) -> None:
    noisy = installed / "nnsp/shipped/demo/noisy.wav"
    done = nnsp(installed, "enhance", str(noisy), "--output=.", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "py_tools")}
    here = [sys.executable, "-m", "nnsp", "enhance", str(noisy), "--output=here"]
    subprocess.run(here, check=True, capture_output=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "noisy_enhanced.wav").read_bytes() == (
        tmp_path / "here/noisy_enhanced.wav"
    ).read_bytes()
    done = nnsp(installed, "detect", str(noisy), cwd=tmp_path)
    assert done.returncode == 0 and "speech begins" in done.stdout, done.stderr


def test_a_table_of_ones_own_is_compiled_into_the_users_cache(installed: Path, tmp_path: Path) -> None:
    for ending in ("c", "h"):
        table = installed / f"nnsp/shipped/firmware/models/def_nn3_se_small.{ending}"
        (tmp_path / table.name).write_bytes(table.read_bytes())
    noisy = str(installed / "nnsp/shipped/demo/noisy.wav")
    arguments = ("enhance", noisy, "--output=own", "--model=def_nn3_se_small.c")
    done = nnsp(installed, *arguments, cwd=tmp_path)
    assert done.returncode == 1 and "compiling a table needs a C compiler" in done.stderr
    for cache in (tmp_path / "cache", Path("/proc/none")):  # the second cannot be written
        done = nnsp(installed, *arguments, cwd=tmp_path, PATH=os.environ["PATH"], XDG_CACHE_HOME=str(cache))
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "cache/nnsp/host").glob("def_nn3_se_small_*.so"))) == 1
    assert (
        nnsp(installed, "enhance", noisy, "--output=shipped", "--model=se_small", cwd=tmp_path).returncode
        == 0
    )
    own, shipped = (tmp_path / name / "noisy_enhanced.wav" for name in ("own", "shipped"))
    assert own.read_bytes() == shipped.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["make_lookup"], "the library's sources are in a checkout"),
        (
            ["stream", "--board=qemu_m4", "--wav=x.wav"],
            "firmware is built from its sources; call this in a checkout",
        ),
    ],
)
def test_what_needs_a_checkout_says_so(
    installed: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = nnsp(installed, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr and done.stderr.count("\n") == 1
