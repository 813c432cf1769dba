# SPDX-License-Identifier: BSD-3-Clause
"""Stream a recording through a board, emulated or real, or record what it hears, and write what comes back."""

import argparse
from dataclasses import fields
from pathlib import Path

from nnsp.commands.stream import flags, live, recording

ON_INTERRUPT = "stopped; nothing was kept, start it again"


def main() -> None:
    """Read the arguments and stream."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    flags.add_board(parser, "se")
    only = flags.add_streams(parser, "noisy recording")
    parser.add_argument("--clean", type=Path, help="its clean reference, for SI-SDR, STOI and PESQ")
    only.add_argument(
        "--send", choices=live.STREAMS, default="both", help="what the board sends (%(default)s)"
    )
    only.add_argument(
        "--packing",
        choices=live.PACKINGS,
        default="pcm16",
        help="samples as they are, or in 4 bits with loss, for a slow line (%(default)s)",
    )
    only.add_argument(
        "--output_gain", type=float, default=0.0, metavar="DB", help="of what comes out (%(default)g)"
    )
    only.add_argument("--bypass", action="store_true", help="send the microphone as enhanced, equally late")
    given = vars(parser.parse_args())
    recorded = {field.name for field in fields(live.Order)}
    streamed = {field.name for field in fields(recording.Order)}
    if given.pop("live"):
        flags.refuse(parser, given, streamed - recorded, "--live")
        live.run(live.Order(**given))
    else:
        flags.refuse(parser, given, recorded - streamed, "--wav")
        recording.run(recording.Order(**given))
