# SPDX-License-Identifier: BSD-3-Clause
"""Say when somebody speaks in recordings, and which keywords: nnsp detect noisy.wav."""

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from nnsp import places

if TYPE_CHECKING:
    from nnsp.inference.detection import Event


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("wavs", nargs="+", type=Path, metavar="WAV", help="sound files, any format and rate")
    add(
        "--model",
        default="vad,kws",
        metavar="NAME,...",
        help="classifiers: names of shipped tables, or paths of def_nn<id>_<name>.c (default %(default)s)",
    )
    add("--csv", type=Path, metavar="FILE", help="write the events there, too")
    return parser.parse_args()


def line(event: "Event") -> str:
    """Event as stream_events prints it."""
    edge = "" if event.edge == "event" else f" {event.edge}s"
    return f"{event.seconds:9.2f} s  {event.network:10} {event.probability:.2f}  {event.label}{edge}"


def main() -> None:
    args = parse()
    from nnsp.files import written
    from nnsp.inference.detection import TableDetector
    from nnsp.progress import progress, write
    from nnsp.signal import audio

    readers = [audio.Reader(path) for path in args.wavs]
    sources = [places.table_of(name) for name in args.model.split(",")]
    detectors = [TableDetector(source, source.stem.split("_", 2)[-1]) for source in sources]
    rows = [["file", "time_s", "network", "label", "edge", "probability"]]
    for reader in readers:
        if len(readers) > 1:
            write(f"{reader.path}:")
        found: list[Event] = []
        for detector in progress(detectors, desc=reader.path.name, unit="network", leave=False):
            found += detector.events(map(audio.to_int16, reader))
        for event in sorted(found, key=lambda event: event.seconds):
            write(line(event))
            time, probability = f"{event.seconds:.3f}", f"{event.probability:.5f}"
            rows.append([str(reader.path), time, event.network, event.label, event.edge, probability])
        if not found:
            write(f"{reader.path}: nothing was detected")
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        with written(args.csv) as part, part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        print(f"wrote {args.csv}")
