"""Flags that several commands share."""

import argparse

from nnsp.data import clips


def add_clips(parser: argparse.ArgumentParser) -> None:
    """Flags that say where clips are and what becomes of odd ones."""
    add = parser.add_argument
    add(
        "--clips",
        required=True,
        metavar="DIR|CSV",
        help="a folder per class in a folder, or a manifest with the columns path and label, perhaps speaker and split",
    )
    add("--label_column", default="label", help="what the manifest calls its labels (default %(default)s)")
    add(
        "--short",
        choices=("pad", "skip", "refuse"),
        default="pad",
        help="clips shorter than the network's window: amid silence, left out or refused (default %(default)s)",
    )
    add(
        "--unreadable",
        choices=("skip", "refuse"),
        default="refuse",
        help="files that cannot be read (default %(default)s)",
    )
    add(
        "--voices",
        type=int,
        default=0,
        metavar="N",
        help="have so many voices of espeak-ng say the labels too, for training alone (default %(default)s)",
    )


def open_clips(args: argparse.Namespace, rate: int, shortest: int) -> clips.Clips:
    """Read the clips that the flags of `add_clips` name."""
    found = clips.read(clips.find(args.clips, args.label_column), rate, shortest, args.short, args.unreadable)
    return clips.with_voices(found, args.voices)
