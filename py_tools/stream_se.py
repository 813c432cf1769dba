"""Stream a recording through a board, emulated or real, or record what it hears, and write what comes back."""

import argparse
from dataclasses import fields
from pathlib import Path

from nnsp.cli import run
from nnsp.device import live, streaming
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
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--wav", type=Path, help="noisy recording, any format and rate")
    source.add_argument("--live", action="store_true", help="the board's own microphone; Ctrl-C ends it")
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
    only = parser.add_argument_group("with --live")
    only.add_argument("--seconds", type=float, help="how long (until Ctrl-C)")
    only.add_argument(
        "--send", choices=live.STREAMS, default="both", help="what the board sends (%(default)s)"
    )
    only.add_argument(
        "--packing",
        choices=live.PACKINGS,
        default="pcm16",
        help="samples as they are, or in 4 bits with loss, for a slow line (%(default)s)",
    )
    only.add_argument("--gain", type=float, default=0.0, metavar="DB", help="of the microphone (%(default)g)")
    only.add_argument(
        "--output_gain", type=float, default=0.0, metavar="DB", help="of what comes out (%(default)g)"
    )
    only.add_argument("--bypass", action="store_true", help="send the microphone as enhanced, equally late")
    only.add_argument(
        "--microphone", type=Path, metavar="WAV", help="what an emulated board hears, then silence"
    )
    given = vars(parser.parse_args())
    orders: list[type[live.Order] | type[streaming.Order]] = [live.Order, streaming.Order]
    chosen, other = orders if given.pop("live") else reversed(orders)
    names = {field.name for field in fields(chosen)}
    for name in {field.name for field in fields(other)} - names:
        if given.pop(name) != parser.get_default(name):
            mode = "--live" if chosen is live.Order else "--wav"
            parser.error(f"--{name} has no meaning with {mode}")
    order = chosen(**given)
    if isinstance(order, live.Order):
        live.run(order)
    else:
        streaming.run(order)


if __name__ == "__main__":
    run(main, "stopped; nothing was kept, start it again")
