# SPDX-License-Identifier: BSD-3-Clause
"""DNSMOS P.835 around a stand-in for its network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nnsp.errors import UserError
from nnsp.evaluation import enhancement, pairs
from nnsp.evaluation.systems import System
from nnsp.signal import audio, dnsmos


def network(path: Path, outputs: Sequence[str] = ("mean", "peak", "mean"), name: str = "input_1") -> Path:
    """Says of a piece what mean and largest sample are."""
    nodes = [
        helper.make_node("ReduceMean", [name], ["mean"], axes=[1], keepdims=1),
        helper.make_node("ReduceMax", [name], ["peak"], axes=[1], keepdims=1),
        helper.make_node("Concat", list(outputs), ["scores"], axis=1),
    ]
    x = helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, dnsmos.PIECE])
    y = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, len(outputs)])
    graph = helper.make_graph(nodes, "stand_in", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("seconds", "times", "pieces"),
    [(3, 4, 3), (5, 2, 1), (9.5, 1, 1), (10.5, 1, 1), (11, 1, 2), (14.2, 1, 5)],
)
def test_pieces_begin_every_second_and_short_sounds_are_doubled(
    tmp_path: Path, seconds: float, times: int, pieces: int
) -> None:
    x = np.random.default_rng(0).uniform(-0.5, 1, round(seconds * 16000)).astype(np.float32)
    scores = dnsmos.score(network(tmp_path / "a.onnx"), x)
    whole = np.tile(x, times)
    cut = [whole[16000 * n : 16000 * n + dnsmos.PIECE] for n in range(pieces)]
    assert all(piece.size == dnsmos.PIECE for piece in cut)
    means, peaks = np.array([p.mean() for p in cut]), np.array([p.max() for p in cut])
    assert scores["sig"] == pytest.approx(
        (-0.08397278 * means**2 + 1.22083953 * means + 0.0052439).mean(), abs=1e-5
    )
    assert scores["bak"] == pytest.approx(
        (-0.13166888 * peaks**2 + 1.60915514 * peaks - 0.39604546).mean(), abs=1e-5
    )
    assert scores["ovrl"] == pytest.approx(
        (-0.06766283 * means**2 + 1.11546468 * means + 0.04602535).mean(), abs=1e-5
    )


def test_scores_stand_beside_the_others(small: Path, tmp_path: Path) -> None:
    made = pairs.mixtures(small / "all.csv", [5.0], 1, 2.0, seed=1)
    ready = [System("noisy", lambda pair: pair.noisy)]
    results = enhancement.evaluate(made, ready, network(tmp_path / "a.onnx"), processes=1)
    x = audio.from_int16(next(iter(made)).noisy)
    assert results[0].values["bak"] == pytest.approx(dnsmos.score(tmp_path / "a.onnx", x)["bak"])
    assert "BAK" in enhancement.table(enhancement.summary(results, "noisy"), "noisy")


def test_other_networks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    for path, words in {
        tmp_path / "none.onnx": "no such file; give DNSMOS P.835's sig_bak_ovr.onnx",
        tmp_path / "text.onnx": "not a network that ONNX Runtime can run",
        network(tmp_path / "two.onnx", ("mean", "peak")): r"gives \(1, 2\); expected",
        network(tmp_path / "named.onnx", name="audio"): "not a network that ONNX Runtime can run",
    }.items():
        with pytest.raises(UserError, match=words):
            dnsmos.session(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "onnxruntime", None)
        with pytest.raises(UserError, match="needs ONNX Runtime, which is not installed"):
            dnsmos.session(tmp_path / "other.onnx")
