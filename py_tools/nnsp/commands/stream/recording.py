# SPDX-License-Identifier: BSD-3-Clause
"""A recording through a board, and what came of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnsp.commands.stream import common
from nnsp.device import image as images
from nnsp.device.check import EnhancerCheck
from nnsp.device.kept import Log, play
from nnsp.device.messages import Settings
from nnsp.device.reference import check_enhancer, enhancer_of, find_table
from nnsp.device.report import memory_rows, playback_rows
from nnsp.device.results import output_folder, write_json
from nnsp.device.session import connected
from nnsp.errors import UserError
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


def run(order: Order) -> None:
    """Stream, check, and write enhanced_speech.wav, spectrogram.png and report.json.

    Raises
    ------
    UserError
        Whatever is wrong with the board, the recording or the output; one sentence.
    """
    image = common.image_of(order.board, order.image, order.model)
    noisy = audio.read(order.wav)
    clean = audio.read(order.clean) if order.clean else None
    if clean is not None and len(clean) != len(noisy):
        raise UserError(
            f"{order.clean}: {len(clean)} samples, but {order.wav} has {len(noisy)}; "
            "the clean reference must be the same recording"
        )
    table = find_table(order.model) if order.check else None
    output_folder(order.output)
    log = Log()
    with connected(order.board, image, order.baud) as (link, hello):
        check_enhancer(order.board, hello, order.model)
        samples = common.padded(audio.to_int16(noisy), hello)
        checks = [EnhancerCheck(hello, enhancer_of(table, hello))] if table else []
        with common.Progress(order.board, len(samples) // hello.hop) as bar:
            # Of an enhancer among other networks this is about the enhancer alone.
            streamed = play(link, hello, samples, log, bar, *checks, settings=Settings(gating=False))
    enhanced = streamed.audio[hello.delay : hello.delay + len(noisy)].astype(np.float32) / np.float32(32768)
    audio.write_wav(order.output / "enhanced_speech.wav", enhanced, hello.rate)
    sounds = {"noisy": noisy, "enhanced": enhanced} | ({} if clean is None else {"clean": clean})
    if drawn := plots.possible():
        plots.spectrograms(order.output / "spectrogram.png", sounds)
    rows = list(playback_rows(hello, log, streamed.end))
    report: dict[str, Any] = {"hello": asdict(hello), "stats": asdict(streamed.stats)}
    report["work"] = streamed.work.tolist()
    report["answered"] = log.came
    if image is not None:
        rows += memory_rows(image)
        report["sections"] = {section.name: section.size for section in images.load(image).sections}
    differing = 0
    for check in checks:
        differing = report["differing_samples"] = check.found.samples
        rows.append(
            ("differs from the C library here", f"{differing} of {check.found.samples_compared} samples")
        )
    common.print_rows(rows)
    if clean is not None:
        scores = {title: metrics.score(clean, sounds[title]) for title in ("noisy", "enhanced")}
        print("\n" + metrics.table("", list(scores.items())) + "\n")
        report["scores"] = {title: asdict(score) for title, score in scores.items()}
    write_json(order.output / "report.json", report)
    print(f"written: {order.output}/enhanced_speech.wav, {'spectrogram.png, ' * drawn}report.json")
    common.refuse_differences(order.board, f"{differing} samples", differing > 0)
