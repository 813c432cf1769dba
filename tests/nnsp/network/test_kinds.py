# SPDX-License-Identifier: BSD-3-Clause
"""A kind of layer stands in its own files and in the tables of kinds, and nowhere else."""

import ast
import re

import pytest

from nnsp.integer import layers as integer_layers
from nnsp.integer import tables
from nnsp.network import layers as keras_layers
from nnsp.network.kinds import KINDS
from nnsp.network.kinds.kind import Kind
from nnsp.places import ROOT


def test_every_table_has_every_kind() -> None:
    for table in (keras_layers.LAYERS, integer_layers.LAYERS, tables.KINDS):
        assert list(table) == list(KINDS)


def test_numbers_are_those_of_c() -> None:
    header = (ROOT / "nnsp_lib" / "include" / "nnsp_table.h").read_text()
    enum = re.search(r"typedef enum nnsp_kind \{(.*?)\}", header, re.DOTALL)
    assert enum
    numbers = {name.lower(): int(number) for name, number in re.findall(r"NNSP_(\w+) = (\d+)", enum[1])}
    assert numbers == tables.KINDS


def compared_kinds(text: str) -> list[int]:
    """Lines that compare anything with the name of a kind."""
    compares = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Compare)]
    return [
        node.lineno
        for node in compares
        if any(isinstance(part, ast.Constant) and part.value in KINDS for part in ast.walk(node))
    ]


def test_no_code_asks_for_a_kind_by_name() -> None:
    """Only a layer's own modules know their kind; what differs between kinds is asked of the tables."""
    sources = [*(ROOT / "py_tools" / "nnsp").rglob("*.py"), *(ROOT / "bench").glob("*.py")]
    others = [
        path for path in sources if path.stem not in KINDS or path.parent.name not in ("kinds", "layers")
    ]
    asked = [
        f"{path.relative_to(ROOT)}:{line}" for path in others for line in compared_kinds(path.read_text())
    ]
    assert not asked, "compares with the name of a kind: " + ", ".join(asked)


def test_a_question_by_name_is_found() -> None:
    text = 'a = layer.kind == "lstm"\nb = kind in ("fc", "conv1d")\nc = "gates"\nd = {"fc": 1}\n'
    assert compared_kinds(text) == [1, 2]


@pytest.mark.parametrize("name", KINDS)
def test_values_make_the_layer_again(name: str) -> None:
    kind: Kind = KINDS[name]
    needed = {"layer_neurons": 5, "num_filters": 5, "kernel_size": 3, "activation": kind.activations[0]}
    layer = kind.layer({**kind.defaults, **{key: needed[key] for key in kind.keys if key in needed}})
    assert layer.kind == name
    assert kind.layer({**kind.defaults, **kind.values(layer)}) == layer
    assert set(kind.values(layer)) <= set(kind.keys)
    assert set(kind.defaults) <= set(kind.keys)
    assert len(kind.row_frac(layer, 11)) == kind.shapes(layer, 7)["bias"][0]
