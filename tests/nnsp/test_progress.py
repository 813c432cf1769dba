# SPDX-License-Identifier: BSD-3-Clause
"""Progress where stderr is no terminal."""

import pytest

from nnsp import progress


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)


def test_a_line_every_ten_per_cent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0)
    assert list(progress.progress(range(40), desc="work")) == list(range(40))
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"work: {tenth}0 %" for tenth in range(1, 11)] and not said.out
    with progress.progress(total=3, initial=1) as bar:
        bar.set_postfix(loss="0.5")
        bar.update(1.2)
    assert capsys.readouterr().err == "70 %, loss 0.5\n"


def test_counts_where_the_end_is_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))
    assert len(list(progress.progress(iter(range(8)), desc="board", unit="hop"))) == 8
    assert capsys.readouterr().err == "board: 1 hop\nboard: 3 hop\nboard: 7 hop\n"


def test_says_nothing_of_what_is_quick_or_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(list(progress.progress(range(100), desc="quick"))) == 100
    monkeypatch.setattr(progress, "SECONDS", 0)
    assert len(list(progress.progress(range(100), disable=True))) == 100
    assert list(progress.progress([])) == []
    assert capsys.readouterr().err == ""
