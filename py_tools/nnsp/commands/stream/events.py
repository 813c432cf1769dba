"""Stream a recording, or a board's own microphone, through its classifiers, and show what they hear."""

import argparse

from nnsp.commands.stream import flags
from nnsp.device import events

ON_INTERRUPT = "stopped; nothing was kept, start it again"


def main() -> None:
    """Read the arguments and stream."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    flags.add_board(parser, "se,vad,kws")
    flags.add_streams(parser, "recording")
    parser.add_argument(
        "--gating",
        choices=events.GATINGS,
        default="on",
        help="whether the network 'vad' lets the others rest; both streams twice (%(default)s)",
    )
    given = vars(parser.parse_args())
    if given.pop("live"):
        flags.refuse(parser, given, {"wav"}, "--live")
    else:
        flags.refuse(parser, given, {"seconds", "gain", "microphone"}, "--wav")
    events.run(events.Order(**given))
