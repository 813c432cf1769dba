# SPDX-License-Identifier: BSD-3-Clause
"""The files of a stream: sounds, events, scores, what a picture shows of them."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from nnsp.device.kept import Decisions
from nnsp.device.messages import Decision, Edge, Hello
from nnsp.device.report import open_hops
from nnsp.device.session import Consumer, Hop
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.signal import plots

FULL = 32768
EDGES = {Edge.EVENT: "event", Edge.BEGIN: "begin", Edge.END: "end"}


def output_folder(path: Path) -> None:
    """Make the folder that `output` names; raises UserError where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot write there: {error.strerror}; give another `output`") from error


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a report, whole or not at all."""
    with written(path) as part:
        part.write_text(json.dumps(values, indent=2) + "\n")


class _Wav(Consumer):
    """Writes one sound of a stream as its hops come, silence where one is missing."""

    def __init__(self, file: soundfile.SoundFile, hop: int, sound: str, skipped: int) -> None:
        self._file, self._sound, self._skipped = file, sound, skipped
        self._silence = np.zeros(hop, np.int16)

    def take(self, hop: Hop) -> None:
        samples = getattr(hop, self._sound)
        samples = self._silence if samples is None else samples
        self._file.write(samples[self._skipped :])
        self._skipped = max(0, self._skipped - len(samples))


@contextmanager
def wav_writer(path: Path, hello: Hello, sound: str, skipped: int = 0) -> Iterator[Consumer]:
    """Open a wav that takes a stream; it is there when the block ends, and only if the block ends well.

    Parameters
    ----------
    sound : str
        "heard" or "enhanced".
    skipped : int
        Samples left out at the beginning.
    """
    with (
        written(path) as part,
        soundfile.SoundFile(part, "w", hello.rate, 1, subtype="PCM_16", format="WAV") as file,
    ):
        yield _Wav(file, hello.hop, sound, skipped)


def time_of(hello: Hello, hop: int) -> float:
    """Return the seconds from the start of the stream to the end of a hop, when it was decided on."""
    return (hop + 1) * hello.hop / hello.rate


def line_of(hello: Hello, decision: Decision) -> str:
    """Return the line of the terminal for a decision."""
    network = next(network for network in hello.classifiers if network.model_id == decision.model_id)
    edge = "" if decision.edge is Edge.EVENT else f" {EDGES[decision.edge]}s"
    return (
        f"{time_of(hello, decision.hop):9.2f} s  {network.name:10} {decision.probability / FULL:.2f}  "
        f"{network.labels[decision.label]}{edge}"
    )


def write_events(path: Path, hello: Hello, decisions: Decisions) -> None:
    """Write events.csv: one line a decision."""
    names = {network.model_id: network for network in hello.classifiers}
    with written(path) as part, part.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["time_s", "hop", "network", "label", "edge", "probability"])
        for _, decision in sorted(decisions.events.items()):
            network = names[decision.model_id]
            rows.writerow(
                [
                    f"{time_of(hello, decision.hop):.3f}",
                    decision.hop,
                    network.name,
                    network.labels[decision.label],
                    EDGES[decision.edge],
                    f"{decision.probability / FULL:.5f}",
                ]
            )


def write_scores(path: Path, hello: Hello, decisions: Decisions) -> None:
    """Write scores.csv: one line a hop, one column a label; empty where a network gave none in that hop."""
    with written(path) as part, part.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        labels = [f"{network.name}:{label}" for network in hello.classifiers for label in network.labels]
        rows.writerow(["time_s", "hop", *labels])
        counts = [len(network.labels) for network in hello.classifiers]
        for hop, scores in sorted(decisions.scores.items()):
            texts = [
                f"{value / FULL:.5f}" if there else ""
                for there, value in zip(np.repeat(scores.given, counts), scores.values, strict=True)
            ]
            rows.writerow([f"{time_of(hello, hop):.3f}", hop, *texts])


def curves(hello: Hello, decisions: Decisions) -> list[plots.Curves]:
    """Return what the picture shows of each classifier; where it rested there is a gap."""
    found, at = [], 0
    hops = sorted(decisions.scores)
    is_open = open_hops(hello, decisions, max(hops, default=-1) + 1)
    for number, network in enumerate(hello.classifiers):
        end = at + len(network.labels)
        given = {hop: bool(decisions.scores[hop].given[number]) for hop in hops}
        rests = ~is_open & (network is not hello.gating)
        there = [hop for hop in hops if given[hop] or rests[hop]]
        values = np.array([decisions.scores[hop].values[at:end] for hop in there], float)
        values = values.reshape(-1, end - at)
        values[[not given[hop] for hop in there]] = np.nan
        marks = [
            (time_of(hello, decision.hop), network.labels[decision.label], EDGES[decision.edge])
            for _, decision in sorted(decisions.events.items())
            if decision.model_id == network.model_id
        ]
        times = np.array([time_of(hello, hop) for hop in there])
        found.append(plots.Curves(network.name, network.labels, times, values / FULL, marks))
        at = end
    return found
