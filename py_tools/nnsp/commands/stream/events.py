# SPDX-License-Identifier: BSD-3-Clause
"""Stream a recording, or a board's own microphone, through its classifiers, and show what they hear."""

import argparse
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnsp.commands.stream import common, flags
from nnsp.device import results
from nnsp.device.check import Check, Differences
from nnsp.device.kept import Decisions, Heard, Log
from nnsp.device.link import Link
from nnsp.device.live import Live
from nnsp.device.messages import RAW, Hello, Settings
from nnsp.device.playback import Playback
from nnsp.device.reference import Reference, find_table
from nnsp.device.report import (
    decision_rows,
    live_rows,
    memory_rows,
    open_hops,
    playback_rows,
    work_rows,
)
from nnsp.device.samples import Packing, gain_of
from nnsp.device.session import Consumer, End, Hop, Session, connected
from nnsp.errors import UserError
from nnsp.progress import write
from nnsp.signal import audio, plots

ON_INTERRUPT = "stopped; nothing was kept, start it again"
GATINGS = ("on", "off", "both")


def main() -> None:
    """Read the arguments and stream."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    flags.add_board(parser, "se,vad,kws")
    flags.add_streams(parser, "recording")
    parser.add_argument(
        "--gating",
        choices=GATINGS,
        default="on",
        help="whether the network 'vad' lets the others rest; both streams twice (%(default)s)",
    )
    given = vars(parser.parse_args())
    if given.pop("live"):
        flags.refuse(parser, given, {"wav"}, "--live")
    else:
        flags.refuse(parser, given, {"seconds", "gain", "microphone"}, "--wav")
    run(Order(**given))


@dataclass(frozen=True)
class Order:
    """What to stream and where to; see `nnsp stream_events`. Without `wav` the board's microphone."""

    board: str
    output: Path
    model: str
    image: Path | None
    baud: int
    check: bool
    gating: str
    wav: Path | None = None
    seconds: float | None = None
    gain: float = 0.0
    microphone: Path | None = None


class _Shown(Consumer):
    """Prints each decision."""

    def __init__(self, hello: Hello) -> None:
        self._hello = hello

    def take(self, hop: Hop) -> None:
        for decision in hop.events.values():
            write(results.line_of(self._hello, decision))


class _Stream:
    """One stream, gated or not, and what is kept of it."""

    def __init__(self, session: Session, gated: bool, name: str, check: Check | None) -> None:
        self.session, self.gated, self.name, self.check = session, gated, name, check
        self.decisions, self.log, self.heard = Decisions(), Log(), Heard()
        self.end: End

    def run(self, board: str, *others: Consumer) -> None:
        """Stream; the first Ctrl-C ends a live stream, and interrupts another."""
        consumers: list[Consumer] = [self.decisions, self.log, self.heard, *others]
        consumers += [self.check] if self.check else []
        session = self.session
        is_live = isinstance(session, Live)
        interrupt = common.stopped_by_interrupt(session) if is_live else nullcontext()
        with interrupt, common.Progress(board + self.name, session.hops) as bar:
            self.end = session.run(*consumers, bar)

    def rows(self) -> list[tuple[str, str]]:
        hello, log = self.session.hello, self.log
        is_open = open_hops(hello, self.decisions, log.hops)[log["number"]]
        return [
            *work_rows(hello, log["work"], is_open, self.name),
            *decision_rows(hello, self.decisions, self.end.stats, log.came, self.name),
        ]

    def report(self) -> dict[str, Any]:
        return {
            "gating": self.gated,
            "stats": asdict(self.end.stats) if self.end.stats else None,
            "work": self.log["work"].tolist(),
            "events": len(self.decisions.events),
            "scored_hops": len(self.decisions.scores),
        }


def _streams(order: Order, tables: list[Path], link: Link, hello: Hello) -> list[_Stream]:
    """Prepare what is asked for: with or without gating, or both of a recording."""
    gatings = {"on": [True], "off": [False], "both": [True, False]}[order.gating]
    if hello.gating is None and order.wav is not None:
        gatings = [True]
    sound = None if order.wav is None else common.padded(audio.to_int16(audio.read(order.wav)), hello)
    streams = []
    for gated in gatings:
        if sound is not None:
            session: Session = Playback(link, hello, sound, Settings(gating=gated), scores=True)
        else:
            settings = Settings(gain_in=gain_of(order.gain, "gain"), gating=gated)
            wanted = common.hops_in(order.seconds, hello)
            asked = RAW if order.check else 0
            session = Live(link, hello, asked, Packing.PCM16, settings, scores=True, hops=wanted)
        # A live stream may end after the last hop that came.
        check = Check(hello, Reference(tables, hello), counts_events=sound is not None) if tables else None
        name = "" if gated or len(gatings) == 1 else ", without gating"
        streams.append(_Stream(session, gated, name, check))
    return streams


def run(order: Order) -> None:
    """Stream, check, and write events.csv, scores.csv, events.png, report.json and what was made of a recording.

    Raises
    ------
    UserError
        Whatever is wrong with the board, the recording or the output; one sentence. What had been received of
        a live stream is written first.
    """
    common.check_source(order.board, order.seconds, order.microphone)
    if order.wav is None and order.gating == "both":
        raise UserError("`gating=both`: a live stream comes only once; expected on or off with `live`")
    image = common.image_of(order.board, order.image, order.model)
    tables = [find_table(name) for name in order.model.split(",")] if order.check else []
    results.output_folder(order.output)
    names = ["events.csv", "scores.csv"]
    with (
        common.bare_samples(order.microphone) as sound,
        connected(order.board, image, order.baud, sound) as (link, hello),
        ExitStack() as files,
    ):
        _check_networks(order, hello)
        streams = _streams(order, tables, link, hello)
        for number, stream in enumerate(streams):
            others: list[Consumer] = [_Shown(hello)]
            if order.wav and hello.enhancer and number == 0:
                path = order.output / "enhanced_speech.wav"
                others.append(files.enter_context(results.wav_writer(path, hello, "enhanced", hello.delay)))
                names.append(path.name)
            stream.run(order.board, *others)
        first = streams[0]
        common.first_hop_came(order.board, first.log.came, first.end)
    sent = "raw, pcm16" if order.check else "no audio"
    rows = list(
        playback_rows(hello, first.log, first.end)
        if order.wav
        else live_rows(hello, first.log, first.end, sent)
    )
    for stream in streams:
        rows += stream.rows()
    if image is not None:
        rows += memory_rows(image)
    report: dict[str, Any] = {"hello": asdict(hello), "gating": order.gating}
    report["streams"] = [stream.report() for stream in streams]
    found = Differences()
    for stream, said in zip(streams, report["streams"], strict=True):
        if stream.check is None:
            continue
        found = stream.check.found
        said["differences"] = asdict(found)
        rows.append(
            (
                f"differs from the C library here{stream.name}",
                f"{found.events} of {found.events_compared} events, {found.scores} of {found.scores_compared} "
                f"scores, {found.samples} of {found.samples_compared} samples",
            )
        )
        if found.any:
            break
    common.print_rows(rows)
    results.write_events(order.output / "events.csv", hello, first.decisions)
    results.write_scores(order.output / "scores.csv", hello, first.decisions)
    if plots.possible():
        heard = first.heard.samples.astype(np.float32) / np.float32(results.FULL)
        plots.scores(order.output / "events.png", heard, results.curves(hello, first.decisions))
        names.append("events.png")
    results.write_json(order.output / "report.json", report)
    print(f"written: {order.output}/{', '.join([*names, 'report.json'])}")
    if first.end.ended:
        raise first.end.ended
    common.refuse_differences(
        order.board, f"{found.events} events, {found.scores} scores and {found.samples} samples", found.any
    )


def _check_networks(order: Order, hello: Hello) -> None:
    """Refuse a board with other networks than asked for, or without a classifier."""
    if hello.models != order.model:
        raise UserError(
            f"{order.board}: the board has the networks {hello.models}, {order.model} were asked for; "
            f"load the other firmware, or say `model={hello.models}`"
        )
    if not hello.classifiers:
        raise UserError(
            f"{order.board}: {hello.models} gives no events; stream_se streams through an enhancer alone"
        )
