# SPDX-License-Identifier: BSD-3-Clause
"""Make the lists of keywords for train_kws.py: data_kws.py --keywords=DIR --test_speakers=NAME,NAME."""

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from nnsp.errors import UserError

if TYPE_CHECKING:
    from nnsp.data.clips import Recording
    from nnsp.data.corpus import Clip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--keywords",
        required=True,
        metavar="DIR|CSV",
        help="a folder per keyword with files <speaker>_*.wav, or a manifest with the columns path, speaker and label",
    )
    add("--label_column", default="label", metavar="NAME", help="of a manifest (default %(default)s)")
    add("--test_speakers", required=True, metavar="NAME,...", help="speakers that are kept for testing")
    add(
        "--voices",
        type=int,
        default=0,
        metavar="N",
        help="have so many voices of espeak-ng say the keywords too, for training (default %(default)s)",
    )
    add(
        "--mixing", metavar="FILE", help="JSON of what rows are like, to lie beside the lists (default: made)"
    )
    add("--out", default="build/datasets/kws", metavar="DIR", help="where the lists go (default %(default)s)")
    add(
        "--num_procs",
        type=int,
        default=os.cpu_count(),
        help="decode in so many processes (default: all cores)",
    )
    return parser.parse_args()


def speaker(recording: "Recording") -> str:
    return recording.speaker or recording.path.stem.split("_")[0]


def spoken(labels: list[str], voices: int, folder: Path) -> "list[Clip]":
    """Every keyword by voices of espeak-ng, as files of a folder."""
    from nnsp.data import synthesis
    from nnsp.data.corpus import Clip
    from nnsp.signal import audio

    found = []
    for name, label, x in synthesis.spoken(labels, voices):
        path = folder / name / f"{label}.wav"
        audio.write_wav(path, x)
        found.append(Clip(str(path), "keyword", name, label, licence="made", source="espeak-ng"))
    return found


def main() -> None:
    args = parse()
    from nnsp.data import clips, corpus, keywords
    from nnsp.data.corpus import Clip
    from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings

    found = clips.find(args.keywords, args.label_column)
    unseen = set(args.test_speakers.split(","))
    speakers = Counter(speaker(recording) for recording in found)
    if unknown := sorted(unseen - set(speakers)):
        some = ", ".join(name for name, _ in speakers.most_common(8))
        raise UserError(
            f"--test_speakers: nobody is called {unknown[0]} in {args.keywords}; there are {some}"
        )
    if not set(speakers) - unseen:
        raise UserError("--test_speakers names all speakers; leave some for training")
    settings = MixingSettings.read(args.mixing) if args.mixing else keywords.SETTINGS
    sides: dict[str, list[Clip]] = {"train": [], "test": []}
    for recording in found:
        side = "test" if speaker(recording) in unseen else "train"
        sides[side].append(
            Clip(str(recording.path.resolve()), "keyword", speaker(recording), recording.label)
        )
    labels = sorted({recording.label for recording in found})
    out = Path(args.out)
    with tempfile.TemporaryDirectory() as folder:
        sides["train"] += spoken(labels, args.voices, Path(folder)) if args.voices else []
        for part, said in sides.items():
            done, rejected = corpus.write_list(said, out / f"{part}.csv", args.num_procs)
            for file in rejected:
                print(f"left out: {file.path}: {file.reason}")
            if missing := set(labels) - {clip.label for clip in done}:
                raise UserError(f"{part}: nobody says '{min(missing)}'; choose other --test_speakers")
            groups = {clip.group for clip in done}
            print(f"{part:5} {len(done):6} clips of {len(labels)} keywords by {len(groups)} speakers")
    settings.write(out / SETTINGS_FILE)
    print(f"train with --train_words={out / 'train.csv'} --test_words={out / 'test.csv'}")
