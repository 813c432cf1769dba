# SPDX-License-Identifier: BSD-3-Clause
"""Make the lists of speech and noise that training mixes from.

data_se.py --speech=DIR --noise=DIR takes folders of your own; the built-in generator makes what is left out.
"""

import argparse
import os
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnsp.data import download
from nnsp.errors import UserError

if TYPE_CHECKING:
    from nnsp.data.corpus import Clip

ON_INTERRUPT = "stopped; the same command continues a download, and makes unfinished lists again"
MEASURED_SECONDS = 640
MEASURED_ROWS, ROW_SECONDS = 16, 10  # of a batch


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--speech", nargs="+", default=[], metavar="DIR", help="folders of speech, split by speaker")
    add("--noise", nargs="+", default=[], metavar="DIR", help="folders of noise, split by source")
    add("--rooms", nargs="+", default=[], metavar="DIR", help="folders of room responses (default: made up)")
    add("--train_dataset_path", metavar="DIR", help="speech that is wholly for training")
    add("--test_dataset_path", metavar="DIR", help="speech that is wholly for testing")
    add(
        "--download",
        default="",
        metavar="NAME,...",
        help=f"fetch and use {', '.join(download.SETS)}, or all; 1 is {', '.join(download.DEFAULT)}",
    )
    add("--download_folder", default="build/downloads", metavar="DIR", help="where to (default %(default)s)")
    add("--out", default="build/datasets", metavar="DIR", help="where the lists go (default %(default)s)")
    add(
        "--datasize_noise",
        "--dataset_noise",
        type=int,
        default=-1,
        metavar="N",
        help="use N training utterances (-1: all)",
    )
    add(
        "--mixing",
        metavar="FILE",
        help="JSON of what mixtures are like, to lie beside the lists (default: made)",
    )
    add("--reverb_prob", type=float, help="share of mixtures in a room (default: as --mixing, or 0.2)")
    add(
        "--test_share",
        type=float,
        default=0.15,
        help="share of the seconds kept for testing (default %(default)s)",
    )
    add("--seed", type=int, default=0, help="of the split (default %(default)s)")
    add(
        "--num_procs",
        type=int,
        default=os.cpu_count(),
        help="decode in so many processes (default: all cores)",
    )
    add("--measure", metavar="LIST", help="only make ten minutes of mixtures of a list, and say how fast")
    add("--demo_clip", metavar="DIR", help="only write the demonstration, noisy.wav and clean.wav, there")
    return parser.parse_args()


def describe(name: str, clips: "list[Clip]") -> None:
    for kind, who in (("speech", "speakers"), ("noise", "sources"), ("room", "places")):
        seconds: dict[str, float] = defaultdict(float)
        count = 0
        for clip in clips:
            if clip.kind == kind:
                seconds[clip.group] += clip.frames / 16000
                count += 1
        if not count:
            continue
        hours = sum(seconds.values()) / 3600
        print(f"{name:5} {kind:6} {hours:6.2f} h  {count:6} files  {len(seconds):5} {who}")


def measure(list_path: str) -> None:
    """Print how many seconds of mixtures a second of computing makes."""
    from nnsp.data import mixing
    from nnsp.data.source import prefetch
    from nnsp.progress import progress

    mixer, threads = mixing.Mixer.open(list_path, 0), os.cpu_count() or 1
    batches = MEASURED_SECONDS // (MEASURED_ROWS * ROW_SECONDS)
    mixer.batch(0, 0, MEASURED_ROWS, ROW_SECONDS)  # rooms and curves are made once
    started, used = time.monotonic(), time.process_time()
    made = prefetch(mixer, 1, range(batches), MEASURED_ROWS, ROW_SECONDS, threads)
    for _ in progress(made, total=batches, unit="batch", leave=False):
        pass
    took, used = time.monotonic() - started, time.process_time() - used
    print(
        f"{MEASURED_SECONDS} s of mixtures: {used:.2f} s of one core, {MEASURED_SECONDS / used:.0f} x real time; "
        f"with {threads} threads, beside whatever else runs, {MEASURED_SECONDS / took:.0f} x"
    )


def main() -> None:
    args = parse()
    from nnsp.data import corpus, synthesis
    from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
    from nnsp.signal import audio

    if args.measure:
        measure(args.measure)
        return
    if args.demo_clip:
        for name, sound in zip(("noisy", "clean"), synthesis.demo_pair(), strict=True):
            audio.write_wav(Path(args.demo_clip) / f"{name}.wav", sound)
        return
    if not 0 < args.test_share < 1 or not 0 <= (args.reverb_prob or 0) <= 1:
        raise UserError("--test_share must lie between 0 and 1, --reverb_prob from 0 to 1")
    fixed = bool(args.train_dataset_path), bool(args.test_dataset_path)
    if fixed[0] != fixed[1]:
        raise UserError(
            "--train_dataset_path and --test_dataset_path go together; or give --speech and have it split"
        )
    settings = MixingSettings.read(args.mixing) if args.mixing else MixingSettings()
    if args.reverb_prob is not None:
        settings = replace(settings, reverb_prob=args.reverb_prob)
    out = Path(args.out)
    for name in download.chosen(args.download):
        kinds = download.get(name, Path(args.download_folder))
        args.speech += kinds.get("speech", [])
        args.noise += kinds.get("noise", [])
        args.rooms += kinds.get("room", [])
    speech = [clip for folder in args.speech for clip in corpus.find_clips(folder, "speech")]
    noise = [clip for folder in args.noise for clip in corpus.find_clips(folder, "noise")]
    if not noise or not (speech or all(fixed)):
        made = out / "synthetic"
        print(f"speech or noise is not given: the built-in generator makes it in {made}")
        synthesis.make_corpus(made)
        noise = noise or corpus.find_clips(made / "noise", "noise")
        speech = speech or ([] if all(fixed) else corpus.find_clips(made / "speech", "speech"))
    train, test = corpus.split(speech, args.test_share, args.seed) if speech else ([], [])
    if all(fixed):
        train += corpus.find_clips(args.train_dataset_path, "speech")
        test += corpus.find_clips(args.test_dataset_path, "speech")
    train = corpus.thin(train, args.datasize_noise, args.seed)
    train_noise, test_noise = corpus.split(noise, args.test_share, args.seed)
    room = [clip for folder in args.rooms for clip in corpus.find_clips(folder, "room")]
    train_room, test_room = corpus.split(room, args.test_share, args.seed) if room else ([], [])
    sides = {"train": train + train_noise + train_room, "test": test + test_noise + test_room}
    for name, clips in sides.items():
        done, rejected = corpus.write_list(clips, out / f"{name}.csv", args.num_procs)
        for file in rejected:
            print(f"left out: {file.path}: {file.reason}")
        if rejected:
            print(f"{len(rejected)} of {len(clips)} {name} files left out")
        describe(name, done)
    settings.write(out / SETTINGS_FILE)
    print(f"train with --train_list={out / 'train.csv'} --test_list={out / 'test.csv'}")
