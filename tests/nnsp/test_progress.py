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


def test_says_nothing_of_what_is_quick_silent_or_endless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(list(progress.progress(range(100), desc="quick"))) == 100
    monkeypatch.setattr(progress, "SECONDS", 0)
    assert len(list(progress.progress(range(100), disable=True))) == 100
    assert len(list(progress.progress(iter(range(100))))) == 100
    assert list(progress.progress([])) == []
    assert capsys.readouterr().err == ""
