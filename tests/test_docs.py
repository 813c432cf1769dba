# SPDX-License-Identifier: BSD-3-Clause
"""The pages end at 100 columns, and the links, files and commands that they name exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnsp.commands import COMMANDS
from nnsp.places import ROOT

COLUMNS = 100
FOLDERS = {"bench", "demo", "docs", "examples", "firmware", "models_shipped", "nn_arch", "nnsp_lib"}
FOLDERS |= {"py_tools", "site_scons", "tests", "zephyr"}
OF_THE_SCRIPT = {"setup", "demo", "test", "bench", "help"}  # what ./nnsp does itself
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "models_shipped/*.md", "examples/**/*.md", "nnsp_lib/**/*.md")
    for path in ROOT.glob(pattern)
)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    .*$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[\s/])nnsp ([a-z]\w*)", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def too_wide(text: str) -> Iterator[str]:
    """Yield lines beyond 100 columns, but for rows of tables and for lines that a URL alone makes so wide."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > COLUMNS and not line.startswith("|"):
            longest = max(line.split(), key=len)
            if "://" not in longest or len(line) - len(longest) > COLUMNS // 2:
                yield f"line {number}: {len(line)} columns"


def anchors(text: str) -> set[str]:
    """Return the names that a page's headings have in links."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> Iterator[str]:
    """Yield relative links whose file or heading does not exist."""
    for target in LINK.findall(FENCED.sub("", text)):
        name, _, heading = target.partition("#")
        if "://" in target:
            continue
        path = page.parent / name if name else page
        if not path.exists() or (heading and heading not in anchors(path.read_text())):
            yield target


def missing_files(text: str, root: Path) -> Iterator[str]:
    """Yield spans of code that begin with a folder of sources and name nothing in it.

    ``<name>`` and ``*`` stand for any name.
    """
    for span in SPAN.findall(FENCED.sub("", text)):
        is_path = span.split("/")[0] in FOLDERS and "/" in span and " " not in span
        if is_path and not any(root.glob(re.sub(r"<\w+>", "*", span))):
            yield span


def unknown_commands(text: str) -> Iterator[str]:
    """Yield words after nnsp, in code, that are no command."""
    code = [*FENCED.findall(text), *INDENTED.findall(text), *SPAN.findall(FENCED.sub("", text))]
    for name in COMMAND.findall("\n".join(code)):
        if name not in COMMANDS and name not in OF_THE_SCRIPT:
            yield name


@every_page
def test_page(page: Path) -> None:
    text = page.read_text()
    found = {
        "too wide": list(too_wide(text)),
        "links to nothing": list(broken_links(page, text)),
        "files that are not there": list(missing_files(text, ROOT)),
        "commands that are not there": list(unknown_commands(text)),
    }
    assert not any(found.values()), found


def test_index_has_every_page() -> None:
    index = ROOT / "docs/README.md"
    linked = set(LINK.findall(index.read_text()))
    assert {path.name for path in index.parent.glob("*.md")} - {index.name} <= linked


def test_faults_are_found(tmp_path: Path) -> None:
    page = tmp_path / "docs/page.md"
    page.parent.mkdir()
    page.write_text("# A heading: `x`\n")
    text = f"""
{"w" * 101}
| {"w" * 101} |
<https://example.org/{"w" * 101}>
[a](page.md#a-heading-x) [b](page.md#no) [c](none.md)
`docs/none.md` `docs/page.md` `docs/*.md` `docs/<name>.md` `build/none`

    ./nnsp test -k x; nnsp stir; venv/bin/nnsp shake
"""
    assert list(too_wide(text)) == ["line 2: 101 columns"]
    assert list(broken_links(page, text)) == ["page.md#no", "none.md"]
    assert list(missing_files(text, tmp_path)) == ["docs/none.md"]
    assert list(unknown_commands(text)) == ["stir", "shake"]
