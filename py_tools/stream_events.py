"""Stream a recording, or a board's own microphone, through its classifiers, and show what they hear."""

import argparse

from nnsp.cli import run
from nnsp.device import arguments, events


def main() -> None:
    """Read the arguments and stream."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_board(parser, "se,vad,kws")
    arguments.add_streams(parser, "recording")
    parser.add_argument(
        "--gating",
        choices=events.GATINGS,
        default="on",
        help="whether the network 'vad' lets the others rest; both streams twice (%(default)s)",
    )
    given = vars(parser.parse_args())
    if given.pop("live"):
        arguments.refuse(parser, given, {"wav"}, "--live")
    else:
        arguments.refuse(parser, given, {"seconds", "gain", "microphone"}, "--wav")
    events.run(events.Order(**given))


if __name__ == "__main__":
    run(main, "stopped; nothing was kept, start it again")
