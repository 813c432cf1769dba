# SPDX-License-Identifier: BSD-3-Clause
"""How sources look: `./nnsp test` runs clang-format and ruff, and this counts columns and licence lines."""

from nnsp.places import ROOT

COLUMNS = 100
LICENCE = "SPDX-License-Identifier: BSD-3-Clause"
SOURCES = {".py", ".c", ".h", ".S", ".ld", ".ino", ".cmake", ".html", ".toml", ".yml", ".sh"}
NAMES = {"CMakeLists.txt", "Kconfig", "Makefile", "SConstruct", "nnsp", "prj.conf"}
FOLDERS = ("bench", "examples", "firmware", "nnsp_lib", "py_tools", "site_scons", "tests", "zephyr")


def test_lines_of_c_end_at_100_columns() -> None:
    """Of comments, too, which clang-format leaves alone; generated tables may be wider."""
    paths = [
        path
        for folder in ("nnsp_lib", "examples", "firmware", "bench")
        for path in (ROOT / folder).rglob("*.[chS]")
    ]
    assert len(paths) > 100
    wide = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)} columns"
        for path in paths
        if not path.name.startswith("def_nn")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > COLUMNS
    ]
    assert not wide, "\n".join(wide)


def test_every_source_names_its_licence() -> None:
    """Generated tables hold trained weights, which have terms of their own."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    sources = [
        path
        for path in [*paths, *ROOT.glob("*"), *(ROOT / ".ci").glob("*")]
        if path.is_file() and (path.suffix in SOURCES or path.name in NAMES or path.parent.name == ".ci")
    ]
    assert len(sources) > 300
    generated = ROOT / "firmware" / "models"
    without = [
        str(path.relative_to(ROOT))
        for path in sources
        if path.parent != generated and LICENCE not in path.read_text()[:200]
    ]
    assert not without, "\n".join(without)
