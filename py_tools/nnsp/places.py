# SPDX-License-Identifier: BSD-3-Clause
"""Where files lie: in a checkout, in an installed wheel, and in the user's own folders."""

import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

from nnsp.errors import UserError

_PACKAGE = Path(__file__).resolve().parent

CHECKOUT = (_PACKAGE.parents[1] / "SConstruct").is_file()
"""Whether this is a checkout, with sources to build from; else it is an installed wheel."""

ROOT = _PACKAGE.parents[1] if CHECKOUT else _PACKAGE / "shipped"
"""A checkout; the wheel has the folders below in the same places."""

NN_ARCH = ROOT / "nn_arch"
MODELS = ROOT / "models_shipped"
TABLES = ROOT / "firmware" / "models"
HEADERS = ROOT / "nnsp_lib" / "include"
DEMO = ROOT / "demo"
LIBRARY = ROOT / "libnnsp.so"
"""The compiled library, which a wheel alone has; SCons builds that of a checkout."""

ENHANCER = "def_se_bands.txt"
"""Text in `NN_ARCH` of the shipped enhancer."""


def network(path: Path | str) -> Path:
    """Find the text of a network: the path itself, else the shipped one of that name in `nn_arch`."""
    shipped = NN_ARCH / Path(path).name
    return shipped if not Path(path).exists() and shipped.is_file() else Path(path)


def table(model: str, folder: Path = TABLES) -> Path:
    """Find the generated C file def_nn<id>_<model>.c.

    Raises
    ------
    UserError
        There is not just one.
    """
    prefix, suffix = "def_nn", f"_{model}.c"
    found = [
        path
        for path in folder.glob(f"{prefix}*{suffix}")
        if path.name.removeprefix(prefix).removesuffix(suffix).isdigit()
    ]
    if len(found) != 1:
        what = "no" if not found else "more than one"
        raise UserError(f"there is {what} {folder}/def_nn<id>_{model}.c; c_code_table_converter.py makes it")
    return found[0]


def table_of(name: str) -> Path:
    """Find the shipped table of that name, or take it for the path of a generated C file if it ends in .c."""
    return Path(name) if name.endswith(".c") else table(name)


def network_of(name: str) -> Path:
    """Find the text of the network that a table was made from, by the table's header.

    Raises
    ------
    UserError
        There is no such table, or its network's text is not in `NN_ARCH`.
    """
    source = table_of(name)
    found = re.search(r'_ARCH "(\w+)"', source.with_suffix(".h").read_text())
    text = NN_ARCH / f"def_{found[1] if found else name}.txt"
    if not text.is_file():
        raise UserError(f"{source}: the text of its network is not in {NN_ARCH}; name it with `nn_arch`")
    return text


@cache
def builds() -> Path:
    """Return the folder for what is compiled while running: build/ of a checkout, else the user's cache.

    Where the cache cannot be written, it is a temporary folder, for this process alone.
    """
    if CHECKOUT:
        return ROOT / "build"
    folder = _cache() / "nnsp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="nnsp_"))


def _cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
