# SPDX-License-Identifier: BSD-3-Clause
"""Decisions by hand on short scores; the C detector equals the NumPy one to the bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnsp.errors import UserError
from nnsp.integer import clib
from nnsp.integer.c_streams import CDetector
from nnsp.integer.detector import DetectorTable, IntegerDetector

STATE = DetectorTable("state", smoothing=0, hold=2, threshold=16384)
EVENT = DetectorTable("event", smoothing=0, hold=3, threshold=16384)
HIGH, LOW = 20000, 3000


def column(*scores: int) -> np.ndarray:
    return np.array(scores, dtype=np.int16)[:, None]


@pytest.mark.parametrize("make", [IntegerDetector, CDetector])
def test_state_holds(make: type) -> None:
    scores = column(0, HIGH, 0, 0, 0, 16384, HIGH, 16383, HIGH, 0, 0, 0)
    assert make(STATE, 1).process(scores).tolist() == [0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0]
    assert make(replace(STATE, hold=0), 1).process(scores).tolist() == [0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("make", [IntegerDetector, CDetector])
def test_event_and_its_hold(make: type) -> None:
    """Label 0 never is one, the first of two equal labels is, and nothing follows for three outputs."""
    rows = [(HIGH, LOW, LOW), (LOW, LOW, HIGH), (LOW, HIGH, LOW), (LOW, HIGH, LOW), (LOW, HIGH, LOW)]
    rows += [(HIGH, 16384, 16384), (0, 0, 0), (0, 0, 0), (0, 0, 0), (HIGH, 16383, 16383)]
    scores = np.array(rows, dtype=np.int16)
    assert make(EVENT, 3).process(scores).tolist() == [0, 2, 0, 0, 0, 1, 0, 0, 0, 0]
    assert make(replace(EVENT, hold=0), 3).process(scores).tolist() == [0, 2, 1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("make", [IntegerDetector, CDetector])
def test_smoothing(make: type) -> None:
    """A step comes through as an exponential; a single score does not."""
    table = DetectorTable("state", smoothing=3, hold=0, threshold=24576)
    step = make(table, 1).process(column(*[32767] * 20))
    first = int(np.argmax(step))
    assert first == int(np.ceil(np.log(1 - 24576 / 32767) / np.log(7 / 8))) - 1
    assert step[first:].all()
    assert not make(table, 1).process(column(0, 32767, 0, 0)).any()


def test_smoothed_scores_reach_what_they_follow() -> None:
    detector = IntegerDetector(DetectorTable("state", 7, 0, 0), 1)
    for target in (32767, 0, 12345):
        smoothed = detector.smooth(column(*[target] * 3000))
        assert abs(smoothed[-1, 0] / 256 - target) <= 0.25


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(["state", "event"]),
    smoothing=st.integers(0, 7),
    hold=st.sampled_from([0, 1, 5, 65535]),
    threshold=st.sampled_from([0, 1, 9000, 16384, 32767]),
    labels=st.integers(2, 12),
    seed=st.integers(0, 2**31),
)
def test_c_equals_numpy(kind: str, smoothing: int, hold: int, threshold: int, labels: int, seed: int) -> None:
    labels = 1 if kind == "state" else labels
    rng = np.random.default_rng(seed)
    scores = rng.choice(np.array([0, 1, 8000, 16384, 32766, 32767], np.int16), (60, labels))
    table = DetectorTable(kind, smoothing, hold, threshold)
    library = clib.library(checked=True)
    library.lib.nnsp_checked.overflows = 0
    ours, theirs = IntegerDetector(table, labels), CDetector(table, labels, library)
    for part in np.split(scores, [1, 20, 20]):
        np.testing.assert_array_equal(theirs.process(part), ours.process(part))
    np.testing.assert_array_equal(theirs.smoothed, ours.smoothed)
    assert library.lib.nnsp_checked.overflows == 0
    for each in (ours, theirs):
        each.reset()
    np.testing.assert_array_equal(theirs.process(scores), ours.process(scores))


def test_threshold_of_a_table() -> None:
    assert DetectorTable.quantized("event", 2, 30, 0.5) == DetectorTable("event", 2, 30, 16384)
    assert DetectorTable.quantized("state", 0, 0, 1.0).threshold == 32767


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "edge"}, "detector: kind 'edge'; expected state or event"),
        ({"smoothing": 8}, "detector: smoothing 8; expected 0 to 7"),
        ({"hold": 65536}, "detector: hold 65536; expected 0 to 65535"),
        ({"threshold": 1.5}, r"detector: threshold 1\.5; expected 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], sentence: str) -> None:
    usual: dict[str, Any] = {"kind": "state", "smoothing": 2, "hold": 10, "threshold": 0.5}
    with pytest.raises(UserError, match=sentence):
        DetectorTable.quantized(**{**usual, **change})


@pytest.mark.parametrize(("table", "labels"), [(STATE, 2), (EVENT, 1), (STATE, 0)])
def test_numbers_of_labels_that_do_not_fit_are_refused(table: DetectorTable, labels: int) -> None:
    with pytest.raises(
        UserError, match=f"detector: {labels} labels; a state needs one, an event two or more"
    ):
        IntegerDetector(table, labels)


def test_bad_tables_are_refused_in_c() -> None:
    library = clib.library()
    ffi, lib = library.ffi, library.lib
    detector, memory = ffi.new("nnsp_detector *"), ffi.new("int32_t[]", 4)

    def start(fields: tuple[int, int, int, int] | None, labels: int, room: object = memory) -> int:
        table = ffi.NULL if fields is None else ffi.new("nnsp_detector_table *", fields)
        model = ffi.new("nnsp_model *", {"detector": table, "label_count": labels})
        return int(lib.nnsp_detector_init(detector, model, room))

    assert start((0, 7, 65535, 0), 1) == lib.NNSP_OK
    assert start((1, 0, 0, 32767), 2) == lib.NNSP_OK
    assert start(None, 1) == lib.NNSP_ERR_TASK
    assert start((0, 0, 0, 0), 1, ffi.NULL) == lib.NNSP_ERR_ARGUMENT
    for fields in [(2, 0, 0, 0), (0, 8, 0, 0), (0, 0, 0, -1)]:
        assert start(fields, 1) == lib.NNSP_ERR_TABLE
    for kind, labels in [(0, 0), (0, 2), (1, 1), (1, 0)]:
        assert start((kind, 0, 0, 0), labels) == lib.NNSP_ERR_SHAPE
