# SPDX-License-Identifier: BSD-3-Clause
"""Arguments that the streaming tools have in common."""

import argparse
from pathlib import Path
from typing import Any

from nnsp.device.boards import MACHINES


def add_board(parser: argparse.ArgumentParser, model: str) -> None:
    """Add where the board is and what must be on it."""
    parser.add_argument(
        "--board",
        "--tty",
        required=True,
        help=f"{' or '.join(MACHINES)} to start an emulator; or a serial port, a pty, socket://host:port",
    )
    parser.add_argument("--model", default=model, help="what the board must have (%(default)s)")
    parser.add_argument("--image", type=Path, help="image for the emulator (built from the sources)")
    parser.add_argument("--baud", type=int, default=115200, help="bit/s of a serial port (%(default)s)")


def add_streams(parser: argparse.ArgumentParser, wav: str) -> argparse._ArgumentGroup:
    """Add where the audio comes from and where results go; return the group of what only --live has."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--wav", type=Path, help=f"{wav}, any format and rate")
    source.add_argument("--live", action="store_true", help="the board's own microphone; Ctrl-C ends it")
    parser.add_argument(
        "--output", "--out", type=Path, default=Path("test_results"), help="folder (%(default)s)"
    )
    parser.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with the C library on this computer, to the bit",
    )
    only = parser.add_argument_group("with --live")
    only.add_argument("--seconds", type=float, help="how long (until Ctrl-C)")
    only.add_argument("--gain", type=float, default=0.0, metavar="DB", help="of the microphone (%(default)g)")
    only.add_argument(
        "--microphone", type=Path, metavar="WAV", help="what an emulated board hears, then silence"
    )
    return only


def refuse(parser: argparse.ArgumentParser, given: dict[str, Any], names: set[str], mode: str) -> None:
    """Take the arguments `names` out of `given`, and end the tool where one was set that `mode` has no use for."""
    for name in sorted(names):
        if given.pop(name) != parser.get_default(name):
            parser.error(f"--{name} has no meaning with {mode}")
