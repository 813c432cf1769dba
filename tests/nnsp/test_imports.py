# SPDX-License-Identifier: BSD-3-Clause
"""Imports of nnsp run one way, in no circle, and the command line stays in nnsp.commands."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnsp.places import ROOT

# A folder may import from itself and from those before it; "base" are the files of nnsp itself.
ORDER = ["base", "signal", "data", "network", "training", "tasks", "integer", "inference", "device"]
ORDER += ["evaluation", "search", "viewer", "commands"]


def modules(folder: Path) -> dict[str, Path]:
    """Dotted name -> file of every module of the package nnsp in a folder."""
    paths = sorted((folder / "nnsp").rglob("*.py"))
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imports(path: Path, known: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of a file, inside functions and for types alone too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node.lineno, inner if inner in known else node.module


def rank(module: str) -> int:
    """Place of a module's folder in the order."""
    parts = module.split(".")[1:]
    folder = parts[0] if parts and parts[0] in ORDER else "base"
    folder = "commands" if parts == ["__main__"] else folder
    return ORDER.index(folder)


def faults(folder: Path) -> list[str]:
    """What is wrong with the imports of the package nnsp in a folder, a sentence each."""
    known = modules(folder)
    arrows: dict[str, set[str]] = {}
    found = []
    for module, path in known.items():
        where = path.relative_to(folder)
        parts = module.split(".")[1:]
        if len(where.parts) > 2 and parts[0] not in ORDER:
            found.append(f"{where}: folder {parts[0]} has no place in the order {' < '.join(ORDER)}")
        for line, name in imports(path, known):
            if name == "argparse" and ORDER[rank(module)] != "commands":
                found.append(f"{where}:{line}: argparse outside of nnsp.commands")
            if name in known:
                arrows.setdefault(module, set()).add(name)
                if rank(name) > rank(module):
                    arrow = f"{ORDER[rank(module)]} imports {name} of {ORDER[rank(name)]}"
                    found.append(f"{where}:{line}: {arrow}, which comes after it")
    return found + [f"a circle of imports: {' -> '.join(circle)}" for circle in circles(arrows)]


def circles(arrows: dict[str, set[str]]) -> Iterator[list[str]]:
    """A circle for every arrow that closes one."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> Iterator[list[str]]:
        if module in way:
            yield [*way[way.index(module) :], module]
        elif module not in done:
            for name in sorted(arrows.get(module, ())):
                yield from visit(name, [*way, module])
            done.add(module)

    for module in sorted(arrows):
        yield from visit(module, [])


def test_imports_run_one_way() -> None:
    assert not faults(ROOT / "py_tools"), "\n".join(faults(ROOT / "py_tools"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "from nnsp.commands import run",
            "nnsp/data/a.py:1: data imports nnsp.commands.run of commands, which",
        ),
        ("import nnsp.tasks.b", "nnsp/data/a.py:1: data imports nnsp.tasks.b of tasks, which comes after it"),
        ("def f():\n    from nnsp.tasks.b import f", "nnsp/data/a.py:2: data imports nnsp.tasks.b of tasks"),
        (
            "if TYPE_CHECKING:\n    from nnsp.tasks import b",
            "nnsp/data/a.py:2: data imports nnsp.tasks.b of tasks",
        ),
        ("import argparse", "nnsp/data/a.py:1: argparse outside of nnsp.commands"),
        ("from nnsp.data import c", "a circle of imports: nnsp.data.a -> nnsp.data.c -> nnsp.data.a"),
    ],
)
def test_faults_are_found(text: str, fault: str, tmp_path: Path) -> None:
    files = {
        "data/a": text,
        "data/c": "def f():\n    from nnsp.data.a import x",
        "tasks/b": "",
        "commands/run": "",
    }
    for name, content in files.items():
        path = tmp_path / "nnsp" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (found,) = faults(tmp_path)
    assert found.startswith(fault)


def test_a_folder_without_a_place_is_found(tmp_path: Path) -> None:
    (tmp_path / "nnsp" / "attic").mkdir(parents=True)
    (tmp_path / "nnsp" / "attic" / "a.py").touch()
    assert faults(tmp_path)[0].startswith(
        "nnsp/attic/a.py: folder attic has no place in the order base < signal"
    )
