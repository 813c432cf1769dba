"""A recording through a board, and what came of it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nnsp.device import image as images
from nnsp.device.boards import MACHINES, build_image, open_board
from nnsp.device.link import Link, Streamed
from nnsp.device.messages import Hello, Settings
from nnsp.device.reference import check_enhancer, differing_samples, expected_output, find_table
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.signal import audio, metrics, plots


@dataclass(frozen=True)
class Order:
    """What to stream and where to; see `nnsp stream_se`."""

    board: str
    wav: Path
    clean: Path | None
    output: Path
    model: str
    image: Path | None
    baud: int
    check: bool


def report_rows(hello: Hello, streamed: Streamed) -> Iterator[tuple[str, str]]:
    """Give name and value of what the link and the board say."""
    work = streamed.work[streamed.answered]
    stats = streamed.stats
    hops = len(streamed.answered)
    seconds = hops * hello.hop / hello.rate
    yield "board", f"{hello.board}, library {hello.library}, model '{hello.models}'"
    yield "last reset", hello.reset_cause
    yield (
        "audio",
        f"{seconds:.2f} s in {streamed.seconds:.1f} s ({seconds / streamed.seconds:.2f} x real time)",
    )
    if len(work):
        frame = f"{1000 * hello.hop / hello.rate:g} ms frame"
        yield f"{hello.unit} per {frame}", f"min {work.min()}, mean {work.mean():.0f}, max {work.max()}"
        millions = work.mean() * hello.rate / hello.hop / 1e6
        yield f"million {hello.unit} per second of audio", f"{millions:.2f}"
        if hello.count_hz:
            yield "processor load", f"{millions * 1e6 / hello.count_hz:.1%}"
    yield "state", f"{hello.state_bytes} B"
    yield "stack", f"{stats.stack_bytes - stats.stack_left} B used of {stats.stack_bytes}"
    yield "hops", f"{hops} sent, {int(streamed.answered.sum())} came back"
    yield (
        "lost on the way to the board",
        f"{stats.lost} hops (silence in their place), {streamed.resent} sent again",
    )
    yield "lost on the way back", f"{int((~streamed.answered).sum())} hops (silence in their place)"
    yield "doubled", f"{stats.doubled} seen by the board, {streamed.doubled} by the host"
    yield "broken frames", f"{stats.broken} seen by the board, {streamed.broken} by the host"
    if stats.refused or stats.unsent or stats.overrun:
        yield (
            "trouble on the board",
            f"{stats.refused} refused, {stats.unsent} unsent, {stats.overrun} bytes overrun",
        )


def memory_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Give name and value of what an image takes."""
    image = images.load(path)
    yield "flash", f"{image.flash} B: code {image.size('.text')}, model tables {image.size('.tables')}"
    yield "RAM", f"{image.ram} B: stack {image.size('.stack')}, data {image.size('.data', '.bss')}"


def run(order: Order) -> None:
    """Stream, check, and write enhanced_speech.wav, spectrogram.png and report.json.

    Raises
    ------
    UserError
        Whatever is wrong with the board, the recording or the output; one sentence.
    """
    image = order.image
    if order.board in MACHINES and image is None:
        image = build_image(order.board, order.model)
    noisy = audio.read(order.wav)
    clean = audio.read(order.clean) if order.clean else None
    if clean is not None and len(clean) != len(noisy):
        raise UserError(
            f"{order.clean}: {len(clean)} samples, but {order.wav} has {len(noisy)}; "
            "the clean reference must be the same recording"
        )
    table = find_table(order.model) if order.check else None
    output_folder(order.output)
    with open_board(order.board, image, order.baud) as port:
        link = Link(port)
        hello = link.hello()
        check_enhancer(order.board, hello, order.model)
        samples = padded(audio.to_int16(noisy), hello)
        with tqdm(total=len(samples) // hello.hop, unit="hop", desc=order.board) as bar:
            # Of an enhancer among other networks this is about the enhancer alone.
            streamed = link.stream(hello, samples, bar.update, Settings(gating=False))
        if order.board in MACHINES:
            link.exit()
    enhanced = streamed.audio[hello.delay : hello.delay + len(noisy)].astype(np.float32) / np.float32(32768)
    audio.write_wav(order.output / "enhanced_speech.wav", enhanced, hello.rate)
    sounds = {"noisy": noisy, "enhanced": enhanced} | ({} if clean is None else {"clean": clean})
    plots.spectrograms(order.output / "spectrogram.png", sounds)
    rows = list(report_rows(hello, streamed))
    report: dict[str, Any] = {"hello": asdict(hello), "stats": asdict(streamed.stats)}
    report["work"] = streamed.work.tolist()
    report["answered"] = int(streamed.answered.sum())
    if image is not None:
        rows += memory_rows(image)
        report["sections"] = {section.name: section.size for section in images.load(image).sections}
    differing = 0
    if table is not None:
        expected = expected_output(table, hello, samples, streamed.silenced)
        differing = report["differing_samples"] = differing_samples(hello, streamed, expected)
        rows.append(
            ("differs from the C library here", f"{differing} of {report['answered'] * hello.hop} samples")
        )
    for name, value in rows:
        print(f"{name:42} {value}")
    if clean is not None:
        scores = {title: metrics.score(clean, sounds[title]) for title in ("noisy", "enhanced")}
        print("\n" + metrics.table("", list(scores.items())) + "\n")
        report["scores"] = {title: asdict(score) for title, score in scores.items()}
    write_json(order.output / "report.json", report)
    print(f"written: {order.output}/enhanced_speech.wav, spectrogram.png, report.json")
    if differing:
        raise UserError(
            f"{order.board}: {differing} samples differ from what the C library makes of the same input "
            "on this computer; the board computes something else"
        )


def padded(samples: NDArray[np.int16], hello: Hello) -> NDArray[np.int16]:
    """Add the silence that brings the delayed end out, up to a whole number of hops.

    Raises
    ------
    UserError
        The board's networks have another rate than recordings here.
    """
    if hello.rate != audio.RATE:
        raise UserError(
            f"{hello.board}: its networks run at {hello.rate} Hz, recordings here at {audio.RATE} Hz"
        )
    size = -(-(len(samples) + hello.delay) // hello.hop) * hello.hop
    return np.pad(samples, (0, size - len(samples)))


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
