"""Stream a recording through a board, emulated or real, and write what comes back."""

import argparse
from pathlib import Path

from nnsp.cli import run
from nnsp.device import streaming
from nnsp.device.boards import MACHINES


def main() -> None:
    """Read the arguments and stream."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--board",
        "--tty",
        required=True,
        help=f"{' or '.join(MACHINES)} to start an emulator; or a serial port, a pty, socket://host:port",
    )
    parser.add_argument("--wav", type=Path, required=True, help="noisy recording, any format and rate")
    parser.add_argument("--clean", type=Path, help="its clean reference, for SI-SDR, STOI and PESQ")
    parser.add_argument(
        "--output", "--out", type=Path, default=Path("test_results"), help="folder (%(default)s)"
    )
    parser.add_argument("--model", default="se", help="model that the board must have (%(default)s)")
    parser.add_argument("--image", type=Path, help="image for the emulator (built from the sources)")
    parser.add_argument("--baud", type=int, default=115200, help="bit/s of a serial port (%(default)s)")
    parser.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with the C library on this computer, to the bit",
    )
    streaming.run(streaming.Order(**vars(parser.parse_args())))


if __name__ == "__main__":
    run(main, "stopped; nothing was kept, start it again")
