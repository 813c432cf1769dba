# SPDX-License-Identifier: BSD-3-Clause
"""A board that enhances its own microphone: what it hears and makes of it, recorded here."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnsp.commands.stream import common
from nnsp.device import samples
from nnsp.device.check import EnhancerCheck
from nnsp.device.kept import COLUMNS, Log
from nnsp.device.live import Live
from nnsp.device.messages import ENHANCED, RAW, Settings
from nnsp.device.reference import check_enhancer, enhancer_of, find_table
from nnsp.device.report import live_rows, memory_rows
from nnsp.device.results import output_folder, wav_writer, write_json
from nnsp.device.samples import Packing
from nnsp.device.session import Consumer, connected

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
    common.check_source(order.board, order.seconds, order.microphone)
    streams, packing = STREAMS[order.send], PACKINGS[order.packing]
    image = common.image_of(order.board, order.image, order.model)
    checked = order.check and order.send == "both" and packing is Packing.PCM16
    table = find_table(order.model) if checked else None
    output_folder(order.output)
    log, names = Log(), []
    with (
        common.bare_samples(order.microphone) as sound,
        connected(order.board, image, order.baud, sound) as (link, hello),
        ExitStack() as stack,
    ):
        check_enhancer(order.board, hello, order.model)
        checks = [EnhancerCheck(hello, enhancer_of(table, hello))] if table else []
        hops = common.hops_in(order.seconds, hello)
        session = Live(link, hello, streams, packing, settings, hops=hops)
        consumers: list[Consumer] = [log, *checks, stack.enter_context(common.Progress(order.board, hops))]
        for stream, source, name, skipped in (
            (RAW, "heard", "raw.wav", 0),
            (ENHANCED, "enhanced", "enhanced.wav", hello.delay),
        ):
            if streams & stream:
                writer = wav_writer(order.output / name, hello, source, skipped)
                consumers.append(stack.enter_context(writer))
                names.append(name)
        stack.enter_context(common.stopped_by_interrupt(session))
        end = session.run(*consumers)
        common.first_hop_came(order.board, log.came, end)
    lossy = ", lossy" if packing is Packing.ADPCM4 else ""
    rows = list(live_rows(hello, log, end, f"{order.send}, {order.packing}{lossy}"))
    report: dict[str, Any] = {"hello": asdict(hello), "sent": order.send, "packing": order.packing}
    report["stats"] = asdict(end.stats) if end.stats else None
    columns = [log[name].tolist() for name in COLUMNS]
    report["hops"] = [
        dict(zip(("hop", "work", "flags", "level_in", "level_out"), values, strict=True))
        for values in zip(*columns, strict=True)
    ]
    report["missed"], report["lost"] = log.missed, log.lost
    if image is not None:
        rows += memory_rows(image)
    differing = 0
    for check in checks:
        differing, compared = check.found.samples, check.found.samples_compared
        report["differing_samples"], report["compared_samples"] = differing, compared
        rows.append(("differs from the C library here", f"{differing} of {compared} samples"))
    common.print_rows(rows)
    write_json(order.output / "report.json", report)
    print(f"written: {order.output}/{', '.join([*names, 'report.json'])}")
    if end.ended:
        raise end.ended
    common.refuse_differences(order.board, f"{differing} samples", differing > 0)
