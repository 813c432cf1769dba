"""How C sources look: `./nnsp test` runs clang-format, and this counts columns."""

from nnsp.places import ROOT

COLUMNS = 100


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
