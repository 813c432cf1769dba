"""A board that enhances its own microphone: what it hears and makes of it, recorded here."""

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nnsp.commands.stream.recording import memory_rows, output_folder, write_json
from nnsp.device import samples
from nnsp.device.boards import MACHINES, build_image, open_board
from nnsp.device.link import Link, LinkLost, Recorded
from nnsp.device.messages import ENHANCED, RAW, Flag, Hello, LiveHop, Settings
from nnsp.device.reference import check_enhancer, enhancer_of, find_table
from nnsp.device.samples import Packing
from nnsp.errors import UserError
from nnsp.signal import audio
from nnsp.signal.levels import to_db

STREAMS = {"raw": RAW, "enhanced": ENHANCED, "both": RAW | ENHANCED}
PACKINGS = {"pcm16": Packing.PCM16, "adpcm4": Packing.ADPCM4}


@dataclass(frozen=True)
class Order:
    """What to record and where to; see `nnsp stream_se`."""

    board: str
    output: Path
    model: str
    image: Path | None
    baud: int
    check: bool
    seconds: float | None
    send: str
    packing: str
    gain: float
    output_gain: float
    bypass: bool
    microphone: Path | None


@contextmanager
def until_interrupted() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; a second one interrupts as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask_to_stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def bare_samples(wav: Path | None) -> Iterator[Path | None]:
    """Bare samples of a recording, as the microphone of an emulated board takes them."""
    if wav is None:
        yield None
        return
    sound = audio.to_int16(audio.read(wav))
    with tempfile.TemporaryDirectory(prefix="nnsp_") as folder:
        path = Path(folder) / "microphone.s16"
        path.write_bytes(sound.astype("<i2").tobytes())
        yield path


def placed(hello: Hello, recorded: Recorded, stream: int) -> NDArray[np.int16]:
    """Give one stream with every hop in its place: silence where hops are missing."""
    hops = recorded.hops
    sound = np.zeros((hops[-1].hop + 1 if hops else 0, hello.hop), np.int16)
    for hop in hops:
        sound[hop.hop] = hop.audio[stream]
    return sound.reshape(-1)


def missed_hops(recorded: Recorded) -> int:
    """Count the hops that the board's microphone lost up to the last hop that came."""
    missed = before = 0
    for hop in recorded.hops:
        missed += (hop.missed - before) & 0xFFFF
        before = hop.missed
    return missed


def unbroken(recorded: Recorded) -> int:
    """Count the hops in front of the first LIVE that did not come: of those all that the network heard is known."""
    next_hop = before = 0
    for count, hop in enumerate(recorded.hops):
        if hop.hop != next_hop + ((hop.missed - before) & 0xFFFF):
            return count
        next_hop, before = hop.hop + 1, hop.missed
    return len(recorded.hops)


def differing_samples(
    hello: Hello, recorded: Recorded, settings: Settings, reference: Any
) -> tuple[int, int]:
    """Compare the enhanced stream with what the C library here makes of the raw one.

    Returns
    -------
    tuple of int
        Samples that differ, and samples compared: up to the first frame that was lost on the line.
    """
    hops = recorded.hops[: unbroken(recorded)]
    if not hops:
        return 0, 0
    # What the microphone lost the network has not heard either: it goes on with the next hop.
    heard = np.concatenate([hop.audio[RAW] for hop in hops])
    enhanced = np.asarray(reference.process(heard), np.int16).reshape(-1, hello.hop)
    past = np.concatenate([np.zeros(hello.delay, np.int16), heard])[: len(heard)].reshape(-1, hello.hop)
    bypassed = np.array([bool(hop.flags & Flag.BYPASS) for hop in hops])
    expected = samples.amplify(np.where(bypassed[:, None], past, enhanced), settings.gain_out)
    got = np.stack([hop.audio[ENHANCED] for hop in hops])
    return int((got != expected).sum()), got.size


def _level(hops: list[LiveHop], which: str) -> str:
    values = np.array([getattr(hop, f"level_{which}") for hop in hops], float) / 32768
    mean, loudest = to_db(float(np.mean(values**2))), to_db(float(values.max() ** 2))
    clipped = sum(bool(hop.flags & Flag[f"CLIPPED_{which.upper()}"]) for hop in hops)
    return f"{mean:.1f} dBFS, loudest hop {loudest:.1f} dBFS, {clipped} hops clipped"


def report_rows(hello: Hello, recorded: Recorded, sent: str) -> Iterator[tuple[str, str]]:
    """Give name and value of what came of a live stream; `sent` says of what the board's frames were made."""
    hops = recorded.hops
    span = hops[-1].hop + 1
    missed = missed_hops(recorded)
    yield "board", f"{hello.board}, library {hello.library}, model '{hello.models}'"
    yield "last reset", hello.reset_cause
    yield "audio", f"{span * hello.hop / hello.rate:.2f} s in {recorded.seconds:.1f} s"
    yield "sent", sent
    yield "level in", _level(hops, "in")
    yield "level out", _level(hops, "out")
    work = np.array([hop.work for hop in hops])
    frame = f"{1000 * hello.hop / hello.rate:g} ms frame"
    yield f"{hello.unit} per {frame}", f"min {work.min()}, mean {work.mean():.0f}, max {work.max()}"
    if hello.count_hz:
        yield "processor load", f"{work.mean() * hello.rate / hello.hop / hello.count_hz:.1%}"
    late = recorded.stats.late if recorded.stats else sum(bool(hop.flags & Flag.LATE) for hop in hops)
    yield "late hops", f"{late}"
    yield "gaps in the microphone", f"{missed} hops (silence in their place)"
    yield "lost on the way", f"{span - missed - len(hops)} hops (silence in their place)"
    yield "bypassed", f"{sum(bool(hop.flags & Flag.BYPASS) for hop in hops)} of {len(hops)} hops"
    if recorded.stats:
        stats = recorded.stats
        yield "stack", f"{stats.stack_bytes - stats.stack_left} B used of {stats.stack_bytes}"
        yield "broken frames", f"{stats.broken} seen by the board, {recorded.broken} by the host"
        yield "unsent by the board", f"{stats.unsent} frames: the line did not take them"


def check_source(board: str, seconds: float | None, microphone: Path | None) -> None:
    """Refuse a length of nothing, and a recording for a microphone that hears by itself."""
    if seconds is not None and not seconds > 0:
        raise UserError(f"`seconds={seconds:g}`: nothing to record; expected more than 0")
    if microphone is not None and board not in MACHINES:
        raise UserError(f"`microphone`: {board} has its own; only {' and '.join(MACHINES)} take a recording")


def run(order: Order) -> None:
    """Record, check, and write raw.wav, enhanced.wav and report.json.

    Raises
    ------
    UserError
        Whatever is wrong with the board, the microphone or the output; one sentence.
        What had been received is written first.
    """
    settings = Settings(
        samples.gain_of(order.gain, "gain"),
        samples.gain_of(order.output_gain, "output_gain"),
        order.bypass,
        gating=False,
    )
    check_source(order.board, order.seconds, order.microphone)
    streams, packing = STREAMS[order.send], PACKINGS[order.packing]
    image = order.image
    if order.board in MACHINES and image is None:
        image = build_image(order.board, order.model)
    checked = order.check and order.send == "both" and packing is Packing.PCM16
    table = find_table(order.model) if checked else None
    output_folder(order.output)
    with (
        bare_samples(order.microphone) as sound,
        open_board(order.board, image, order.baud, sound) as port,
        until_interrupted() as stop,
    ):
        link = Link(port)
        hello = link.hello()
        check_enhancer(order.board, hello, order.model)
        reference = enhancer_of(table, hello) if table else None
        wanted = None if order.seconds is None else max(1, round(order.seconds * hello.rate / hello.hop))
        with tqdm(total=wanted, unit="hop", desc=order.board) as bar:

            def more(hop: LiveHop) -> bool:
                bar.update(hop.hop + 1 - bar.n)
                return not stop.is_set() and (wanted is None or hop.hop + 1 < wanted)

            recorded = link.live(hello, streams, packing, settings, more)
        if order.board in MACHINES and recorded.ended is None:
            with suppress(LinkLost):  # its answer may be lost; the emulator is ended in any case
                link.exit()
    if not recorded.hops:
        raise recorded.ended or UserError(
            f"{order.board}: stopped before the first hop came; nothing to write"
        )
    written = []
    for stream, name, late in ((RAW, "raw.wav", 0), (ENHANCED, "enhanced.wav", hello.delay)):
        if streams & stream:
            audio.write_wav(order.output / name, placed(hello, recorded, stream)[late:], hello.rate)
            written.append(name)
    lossy = ", lossy" if packing is Packing.ADPCM4 else ""
    rows = list(report_rows(hello, recorded, f"{order.send}, {order.packing}{lossy}"))
    report: dict[str, Any] = {"hello": asdict(hello), "sent": order.send, "packing": order.packing}
    report["stats"] = asdict(recorded.stats) if recorded.stats else None
    report["hops"] = [
        {
            "hop": hop.hop,
            "work": hop.work,
            "flags": int(hop.flags),
            "level_in": hop.level_in,
            "level_out": hop.level_out,
        }
        for hop in recorded.hops
    ]
    report["missed"] = missed_hops(recorded)
    report["lost"] = recorded.hops[-1].hop + 1 - report["missed"] - len(recorded.hops)
    if image is not None:
        rows += memory_rows(image)
    differing = 0
    if reference is not None:
        differing, compared = differing_samples(hello, recorded, settings, reference)
        report["differing_samples"], report["compared_samples"] = differing, compared
        rows.append(("differs from the C library here", f"{differing} of {compared} samples"))
    for name, value in rows:
        print(f"{name:42} {value}")
    write_json(order.output / "report.json", report)
    print(f"written: {order.output}/{', '.join([*written, 'report.json'])}")
    if recorded.ended:
        raise recorded.ended
    if differing:
        raise UserError(
            f"{order.board}: {differing} samples differ from what the C library makes of the same input "
            "on this computer; the board computes something else"
        )
