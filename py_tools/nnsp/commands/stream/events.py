"""Stream a recording, or a board's own microphone, through its classifiers, and show what they hear."""

import argparse
import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nnsp.commands.stream import flags, live, recording
from nnsp.device import samples
from nnsp.device.boards import MACHINES, build_image, open_board
from nnsp.device.link import Link, LinkLost, Recorded, Streamed
from nnsp.device.messages import RAW, Decision, Decisions, Edge, Hello, LiveHop, Settings
from nnsp.device.reference import Expected, Reference, find_table, had
from nnsp.device.samples import Packing
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.signal import audio, plots

ON_INTERRUPT = "stopped; nothing was kept, start it again"
GATINGS = ("on", "off", "both")
FULL = 32768
EDGES = {Edge.EVENT: "event", Edge.BEGIN: "begin", Edge.END: "end"}


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


@dataclass
class Differences:
    """What a board and the C library here do not agree in, of how many."""

    samples: int = 0
    samples_compared: int = 0
    scores: int = 0
    scores_compared: int = 0
    events: int = 0
    events_compared: int = 0

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.samples or self.scores or self.events)


def time_of(hello: Hello, hop: int) -> float:
    """Seconds from the start of the stream to the end of a hop, when it was decided on."""
    return (hop + 1) * hello.hop / hello.rate


def line_of(hello: Hello, decision: Decision) -> str:
    """Give the line of the terminal for a decision."""
    network = next(network for network in hello.classifiers if network.model_id == decision.model_id)
    edge = "" if decision.edge is Edge.EVENT else f" {EDGES[decision.edge]}s"
    return (
        f"{time_of(hello, decision.hop):9.2f} s  {network.name:10} {decision.probability / FULL:.2f}  "
        f"{network.labels[decision.label]}{edge}"
    )


def open_hops(hello: Hello, decisions: Decisions, hops: int) -> NDArray[np.bool_]:
    """Give the hops in which the gate was open, by its EVENTs; all of them where there is no gate."""
    gate = hello.gating
    state = np.full(hops, gate is None)
    for _, decision in sorted(decisions.events.items()):
        if gate is not None and decision.model_id == gate.model_id:
            state[decision.hop :] = decision.edge is Edge.BEGIN
    return state


def compare(
    reference: Reference,
    heard: list[tuple[int, NDArray[np.int16]]],
    decisions: Decisions,
    audio_of: dict[int, NDArray[np.int16]],
    made: int | None = None,
) -> Differences:
    """Compare what came with what the networks make of the same hops on this computer.

    Parameters
    ----------
    reference : Reference
        From silence.
    heard : list of (int, int16 [hop])
        Number and samples of all hops that the board had, in their order.
    decisions : Decisions
    audio_of : dict
        What came out of the board, by hop.
    made : int, optional
        EVENTs that the board made of these hops, and no others.
    """
    found = Differences()
    expected_events: list[Decision] = []
    for number, hop in heard:
        expected = reference.step(number, hop)
        expected_events += expected.decisions
        if number in audio_of:
            found.samples += int((audio_of[number] != expected.audio).sum())
            found.samples_compared += len(expected.audio)
        if number in decisions.scores:
            found.scores += _differing_scores(expected, *decisions.scores[number])
            found.scores_compared += len(expected.scores)
    last = heard[-1][0] if heard else -1
    for number, decision in decisions.events.items():
        if decision.hop <= last:
            same = number < len(expected_events) and expected_events[number] == decision
            found.events += not same
            found.events_compared += 1
    if made is not None:
        found.events += abs(made - len(expected_events))
    return found


def _differing_scores(expected: Expected, given: NDArray[np.bool_], scores: NDArray[np.int16]) -> int:
    if not np.array_equal(expected.given, given):
        return len(scores)
    return int((expected.scores != scores).sum())


def work_rows(
    hello: Hello, work: NDArray[np.uint32], is_open: NDArray[np.bool_], name: str = ""
) -> Iterator[tuple[str, str]]:
    """Give name and value of what hops took, with the gate open and closed."""
    frame = f"{1000 * hello.hop / hello.rate:g} ms frame"
    millions = work.mean() * hello.rate / hello.hop / 1e6
    yield f"million {hello.unit} per second of audio{name}", f"{millions:.2f}"
    if is_open.any() and not is_open.all():
        yield (
            f"with and without speech{name}",
            f"mean {work[is_open].mean():.0f} and {work[~is_open].mean():.0f} {hello.unit} per {frame}",
        )


def decision_rows(
    hello: Hello, decisions: Decisions, stats: Any, hops: int, name: str = ""
) -> Iterator[tuple[str, str]]:
    """Give name and value of what classifiers said."""
    if hello.gating is not None and stats is not None:
        yield f"hops in which networks rested{name}", f"{stats.rested} of {stats.hops}"
    made = stats.events if stats is not None else max(decisions.events, default=-1) + 1
    yield f"events{name}", f"{made} on the board, {len(decisions.events)} came"
    yield f"hops with scores{name}", f"{len(decisions.scores)} of {hops} came"


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
        for hop, (given, scores) in sorted(decisions.scores.items()):
            texts = [
                f"{score / FULL:.5f}" if there else ""
                for there, score in zip(np.repeat(given, counts), scores, strict=True)
            ]
            rows.writerow([f"{time_of(hello, hop):.3f}", hop, *texts])


def curves(hello: Hello, decisions: Decisions) -> list[plots.Curves]:
    """Give what the picture shows of each classifier; where it rested there is a gap."""
    found, at = [], 0
    hops = sorted(decisions.scores)
    is_open = open_hops(hello, decisions, max(hops, default=-1) + 1)
    for number, network in enumerate(hello.classifiers):
        end = at + len(network.labels)
        rests = ~is_open & (network is not hello.gating)
        there = [hop for hop in hops if decisions.scores[hop][0][number] or rests[hop]]
        values = np.array([decisions.scores[hop][1][at:end] for hop in there], float).reshape(-1, end - at)
        values[[not decisions.scores[hop][0][number] for hop in there]] = np.nan
        marks = [
            (time_of(hello, decision.hop), network.labels[decision.label], EDGES[decision.edge])
            for _, decision in sorted(decisions.events.items())
            if decision.model_id == network.model_id
        ]
        times = np.array([time_of(hello, hop) for hop in there])
        found.append(plots.Curves(network.name, network.labels, times, values / FULL, marks))
        at = end
    return found


@dataclass
class Course:
    """What came of a stream, from a recording or live."""

    hello: Hello
    decisions: Decisions
    stats: Any
    work: NDArray[np.uint32]
    is_open: NDArray[np.bool_]
    heard: list[tuple[int, NDArray[np.int16]]]
    out: dict[int, NDArray[np.int16]]
    rows: list[tuple[str, str]]
    ended: LinkLost | None = None


def _streamed(hello: Hello, sound: NDArray[np.int16], streamed: Streamed) -> Course:
    came = np.flatnonzero(streamed.answered)
    out = streamed.audio.reshape(-1, hello.hop)
    return Course(
        hello,
        streamed.decisions,
        streamed.stats,
        streamed.work[came],
        open_hops(hello, streamed.decisions, len(out))[came],
        list(enumerate(had(hello, sound, streamed.silenced))),
        {int(hop): out[hop] for hop in came},
        list(recording.report_rows(hello, streamed)),
    )


def _recorded(hello: Hello, recorded: Recorded, raw: bool) -> Course:
    hops = recorded.hops
    known = hops[: live.unbroken(recorded)] if raw else []
    return Course(
        hello,
        recorded.decisions,
        recorded.stats,
        np.array([hop.work for hop in hops], np.uint32),
        open_hops(hello, recorded.decisions, hops[-1].hop + 1)[[hop.hop for hop in hops]],
        [(hop.hop, hop.audio[RAW]) for hop in known],
        {},
        list(live.report_rows(hello, recorded, "raw, pcm16" if raw else "no audio")),
        recorded.ended,
    )


def _gated(gating: str, hello: Hello) -> list[bool]:
    if hello.gating is None:
        return [True]
    return {"on": [True], "off": [False], "both": [True, False]}[gating]


def _play(
    order: Order, link: Link, hello: Hello, show: Callable[[Decision], None]
) -> list[tuple[bool, Course]]:
    """Stream a recording, once or with and without gating."""
    assert order.wav is not None
    sound = recording.padded(audio.to_int16(audio.read(order.wav)), hello)
    courses = []
    for gated in _gated(order.gating, hello):
        title = order.board if gated else f"{order.board}, without gating"
        with tqdm(total=len(sound) // hello.hop, unit="hop", desc=title) as bar:
            settings = Settings(gating=gated)
            streamed = link.stream(hello, sound, bar.update, settings, scores=True, on_decision=show)
        courses.append((gated, _streamed(hello, sound, streamed)))
    return courses


def _record(
    order: Order, link: Link, hello: Hello, show: Callable[[Decision], None]
) -> list[tuple[bool, Course]]:
    """Have the board listen to its microphone."""
    gain = samples.gain_of(order.gain, "gain")
    wanted = None if order.seconds is None else max(1, round(order.seconds * hello.rate / hello.hop))
    gated = order.gating != "off"
    with live.until_interrupted() as stop, tqdm(total=wanted, unit="hop", desc=order.board) as bar:

        def more(hop: LiveHop) -> bool:
            bar.update(hop.hop + 1 - bar.n)
            return not stop.is_set() and (wanted is None or hop.hop + 1 < wanted)

        streams = RAW if order.check else 0
        settings = Settings(gain_in=gain, gating=gated)
        recorded = link.live(hello, streams, Packing.PCM16, settings, more, scores=True, on_decision=show)
    if not recorded.hops:
        raise recorded.ended or UserError(
            f"{order.board}: stopped before the first hop came; nothing to write"
        )
    return [(gated, _recorded(hello, recorded, order.check))]


def run(order: Order) -> None:
    """Stream, check, and write events.csv, scores.csv, events.png, report.json and what was heard and made of it.

    Raises
    ------
    UserError
        Whatever is wrong with the board, the recording or the output; one sentence. What had been received of
        a live stream is written first.
    """
    live.check_source(order.board, order.seconds, order.microphone)
    if order.wav is None and order.gating == "both":
        raise UserError("`gating=both`: a live stream comes only once; expected on or off with `live`")
    image = order.image
    if order.board in MACHINES and image is None:
        image = build_image(order.board, order.model)
    tables = [find_table(name) for name in order.model.split(",")] if order.check else []
    recording.output_folder(order.output)
    with (
        live.bare_samples(order.microphone) as sound,
        open_board(order.board, image, order.baud, sound) as port,
    ):
        link = Link(port)
        hello = link.hello()
        if hello.models != order.model:
            raise UserError(
                f"{order.board}: the board has the networks {hello.models}, {order.model} were asked for; "
                f"load the other firmware, or say `model={hello.models}`"
            )
        if not hello.classifiers:
            raise UserError(
                f"{order.board}: {hello.models} gives no events; stream_se streams through an enhancer alone"
            )
        # The tables are looked at before the stream, which may be long.
        references = (
            [Reference(tables, hello, gated) for gated in _gated(order.gating, hello)] if tables else []
        )

        def show(decision: Decision) -> None:
            tqdm.write(line_of(hello, decision))

        courses = (_record if order.wav is None else _play)(order, link, hello, show)
        if order.board in MACHINES and courses[0][1].ended is None:
            with suppress(LinkLost):  # its answer may be lost; the emulator is ended in any case
                link.exit()
    _, course = courses[0]
    rows, found = list(course.rows), Differences()
    for gated, each in courses:
        name = "" if gated or len(courses) == 1 else ", without gating"
        rows += work_rows(hello, each.work, each.is_open, name)
        rows += decision_rows(hello, each.decisions, each.stats, len(each.work), name)
    report: dict[str, Any] = {"hello": asdict(hello), "gating": order.gating}
    report["streams"] = [
        {
            "gating": gated,
            "stats": asdict(each.stats) if each.stats else None,
            "work": each.work.tolist(),
            "events": len(each.decisions.events),
            "scored_hops": len(each.decisions.scores),
        }
        for gated, each in courses
    ]
    if image is not None:
        rows += recording.memory_rows(image)
    for here, (gated, each), stream in zip(references, courses, report["streams"], strict=False):
        made = each.stats.events if order.wav else None  # a live stream ends behind the last hop that came
        found = compare(here, each.heard, each.decisions, each.out, made)
        stream["differences"] = asdict(found)
        rows.append(
            (
                "differs from the C library here"
                + (", without gating" if not gated and len(courses) > 1 else ""),
                f"{found.events} of {found.events_compared} events, {found.scores} of {found.scores_compared} "
                f"scores, {found.samples} of {found.samples_compared} samples",
            )
        )
        if found.any:
            break
    for name, value in rows:
        print(f"{name:42} {value}")
    names = _write(order.output, hello, course)
    recording.write_json(order.output / "report.json", report)
    print(f"written: {order.output}/{', '.join([*names, 'report.json'])}")
    if course.ended:
        raise course.ended
    if found.any:
        raise UserError(
            f"{order.board}: {found.events} events, {found.scores} scores and {found.samples} samples differ from what "
            "the C library makes of the same input on this computer; the board computes something else"
        )


def _write(output: Path, hello: Hello, course: Course) -> list[str]:
    write_events(output / "events.csv", hello, course.decisions)
    write_scores(output / "scores.csv", hello, course.decisions)
    heard = np.zeros((course.heard[-1][0] + 1 if course.heard else 0, hello.hop), np.int16)
    for number, hop in course.heard:
        heard[number] = hop
    sound = heard.reshape(-1).astype(np.float32) / np.float32(FULL)
    plots.scores(output / "events.png", sound, curves(hello, course.decisions))
    names = ["events.csv", "scores.csv", "events.png"]
    if course.out and hello.enhancer:
        enhanced = np.zeros((len(heard), hello.hop), np.int16)
        for number, hop in course.out.items():
            enhanced[number] = hop
        made = enhanced.reshape(-1)[hello.delay :].astype(np.float32) / np.float32(FULL)
        audio.write_wav(output / "enhanced_speech.wav", made, hello.rate)
        names.append("enhanced_speech.wav")
    return names


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
