# SPDX-License-Identifier: BSD-3-Clause
"""What came of a stream, in rows of a name and a value."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.device import image as images
from nnsp.device.kept import Decisions, Log
from nnsp.device.messages import Edge, Flag, Hello, Stats
from nnsp.device.session import End
from nnsp.signal.levels import to_db

Rows = Iterator[tuple[str, str]]


def playback_rows(hello: Hello, log: Log, end: End) -> Rows:
    """Yield what link and board say of a recording."""
    stats, work = end.stats, log["work"]
    assert stats is not None
    seconds = log.hops * hello.hop / hello.rate
    yield "board", f"{hello.board}, library {hello.library}, model '{hello.models}'"
    yield "last reset", hello.reset_cause
    yield "audio", f"{seconds:.2f} s in {end.seconds:.1f} s ({seconds / end.seconds:.2f} x real time)"
    if len(work):
        frame = f"{1000 * hello.hop / hello.rate:g} ms frame"
        yield f"{hello.unit} per {frame}", f"min {work.min()}, mean {work.mean():.0f}, max {work.max()}"
        millions = work.mean() * hello.rate / hello.hop / 1e6
        yield f"million {hello.unit} per second of audio", f"{millions:.2f}"
        if hello.count_hz:
            yield "processor load", f"{millions * 1e6 / hello.count_hz:.1%}"
    yield "state", f"{hello.state_bytes} B"
    yield "stack", f"{stats.stack_bytes - stats.stack_left} B used of {stats.stack_bytes}"
    yield "hops", f"{log.hops} sent, {log.came} came back"
    yield (
        "lost on the way to the board",
        f"{stats.lost} hops (silence in their place), {end.resent} sent again",
    )
    yield "lost on the way back", f"{log.lost} hops (silence in their place)"
    yield "doubled", f"{stats.doubled} seen by the board, {end.doubled} by the host"
    yield "broken frames", f"{stats.broken} seen by the board, {end.broken} by the host"
    if stats.refused or stats.unsent or stats.overrun:
        yield (
            "trouble on the board",
            f"{stats.refused} refused, {stats.unsent} unsent, {stats.overrun} bytes overrun",
        )


def live_rows(hello: Hello, log: Log, end: End, sent: str) -> Rows:
    """Yield what link and board say of a live stream; `sent` is what its frames were made of."""
    work, flags, stats = log["work"], log["flags"], end.stats
    yield "board", f"{hello.board}, library {hello.library}, model '{hello.models}'"
    yield "last reset", hello.reset_cause
    yield "audio", f"{log.hops * hello.hop / hello.rate:.2f} s in {end.seconds:.1f} s"
    yield "sent", sent
    yield "level in", _level(log["level_in"], flags & Flag.CLIPPED_IN)
    yield "level out", _level(log["level_out"], flags & Flag.CLIPPED_OUT)
    frame = f"{1000 * hello.hop / hello.rate:g} ms frame"
    yield f"{hello.unit} per {frame}", f"min {work.min()}, mean {work.mean():.0f}, max {work.max()}"
    if hello.count_hz:
        yield "processor load", f"{work.mean() * hello.rate / hello.hop / hello.count_hz:.1%}"
    yield "late hops", f"{stats.late if stats else np.count_nonzero(flags & Flag.LATE)}"
    yield "gaps in the microphone", f"{log.missed} hops (silence in their place)"
    yield "lost on the way", f"{log.lost} hops (silence in their place)"
    yield "bypassed", f"{np.count_nonzero(flags & Flag.BYPASS)} of {log.came} hops"
    if stats:
        yield "stack", f"{stats.stack_bytes - stats.stack_left} B used of {stats.stack_bytes}"
        yield "broken frames", f"{stats.broken} seen by the board, {end.broken} by the host"
        yield "unsent by the board", f"{stats.unsent} frames: the line did not take them"


def _level(levels: NDArray[np.int64], clipped: NDArray[np.int64]) -> str:
    values = levels / 32768
    mean, loudest = to_db(float(np.mean(values**2))), to_db(float(values.max() ** 2))
    return f"{mean:.1f} dBFS, loudest hop {loudest:.1f} dBFS, {np.count_nonzero(clipped)} hops clipped"


def memory_rows(path: Path) -> Rows:
    """Yield what an image takes."""
    image = images.load(path)
    yield "flash", f"{image.flash} B: code {image.size('.text')}, model tables {image.size('.tables')}"
    yield "RAM", f"{image.ram} B: stack {image.size('.stack')}, data {image.size('.data', '.bss')}"


def open_hops(hello: Hello, decisions: Decisions, hops: int) -> NDArray[np.bool_]:
    """Return the hops in which the gate was open, by its EVENTs; all of them where there is no gate."""
    gate = hello.gating
    state = np.full(hops, gate is None)
    for _, decision in sorted(decisions.events.items()):
        if gate is not None and decision.model_id == gate.model_id:
            state[decision.hop :] = decision.edge is Edge.BEGIN
    return state


def work_rows(hello: Hello, work: NDArray[np.int64], is_open: NDArray[np.bool_], name: str = "") -> Rows:
    """Yield what hops took, with the gate open and closed."""
    frame = f"{1000 * hello.hop / hello.rate:g} ms frame"
    millions = work.mean() * hello.rate / hello.hop / 1e6
    yield f"million {hello.unit} per second of audio{name}", f"{millions:.2f}"
    if is_open.any() and not is_open.all():
        yield (
            f"with and without speech{name}",
            f"mean {work[is_open].mean():.0f} and {work[~is_open].mean():.0f} {hello.unit} per {frame}",
        )


def decision_rows(hello: Hello, decisions: Decisions, stats: Stats | None, hops: int, name: str = "") -> Rows:
    """Yield what classifiers said in so many hops that came."""
    if hello.gating is not None and stats is not None:
        yield f"hops in which networks rested{name}", f"{stats.rested} of {stats.hops}"
    made = stats.events if stats is not None else max(decisions.events, default=-1) + 1
    yield f"events{name}", f"{made} on the board, {len(decisions.events)} came"
    yield f"hops with scores{name}", f"{len(decisions.scores)} of {hops} came"
