# SPDX-License-Identifier: BSD-3-Clause
"""Flags that several commands share. What is named here and in the commands themselves is light to import."""

import argparse
from typing import TYPE_CHECKING

from nnsp import places

if TYPE_CHECKING:
    from nnsp.data import clips


def add_network(parser: argparse.ArgumentParser, default: str = "", about: str = "") -> None:
    """Flags that say which trained network is meant.

    Parameters
    ----------
    parser : ArgumentParser
    default : str
        Name in nn_arch of the network that is taken where none is named; without it one must be named.
    about : str
        More help on it.
    """
    add = parser.add_argument
    text = "text of the network, of your own or in nn_arch"
    add(
        "--nn_arch",
        "--s2i_nn_arch",
        type=places.network,
        default=default and places.NN_ARCH / default,
        required=not default,
        metavar="TXT",
        help=f"{text}{about}" + (f" (default {default})" if default else ""),
    )
    add_epoch(parser)


def add_epoch(parser: argparse.ArgumentParser) -> None:
    """Flags that say which epoch of a network is loaded, and from where."""
    add = parser.add_argument
    add("--epoch_loaded", default="latest", metavar="latest|N", help="epoch to load (default %(default)s)")
    add("--models_dir", metavar="DIR", help="where models lie (default models_trained, else models_shipped)")


def add_test_list(parser: argparse.ArgumentParser, about: str) -> None:
    """Flag of the list of unseen speech and noise that `nnsp data_se` makes."""
    parser.add_argument(
        "--test_list",
        default="build/datasets/test.csv",
        metavar="CSV",
        help=f"{about} (default %(default)s)",
    )


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


def open_clips(args: argparse.Namespace, rate: int, shortest: int) -> "clips.Clips":
    """Read the clips that the flags of `add_clips` name."""
    from nnsp.data import clips

    found = clips.read(clips.find(args.clips, args.label_column), rate, shortest, args.short, args.unreadable)
    return clips.with_voices(found, args.voices)
