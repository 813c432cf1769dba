# SPDX-License-Identifier: BSD-3-Clause
"""Files are whole or not there, whoever else writes them and however long their names are."""

from pathlib import Path

import pytest

from nnsp.files import written


def test_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with written(path) as first, written(path) as second:
        assert first != second and first.suffix == second.suffix == ".csv"
        first.write_text("one")
        second.write_text("two")
        assert not path.exists()
    assert path.read_text() == "one"  # the outer one ended last
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail() -> None:
        with written(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["n" * 251 + ".csv", "a." + "n" * 249 + ".csv", "epoch_001.weights.h5"])
def test_endings_and_the_longest_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with written(path) as part:
        assert part.name.endswith(name[-4:] if len(name) > 200 else ".weights.h5")
        part.write_text("whole")
    assert path.read_text() == "whole"
