# SPDX-License-Identifier: BSD-3-Clause
"""Take the noise out of recordings: nnsp enhance noisy.wav writes noisy_enhanced.wav beside it.

Without --nn_arch and --engine the shipped network enhances, compiled to C, in a stream: recordings may be of any
length. --test_wavefile and --recording=1 write test_results/enhanced_speech.wav and a picture.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnsp import places
from nnsp.commands import flags
from nnsp.errors import UserError
from nnsp.inference import ENGINES
from nnsp.signal import FEAT_TYPES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nnsp.inference.enhancement import EnhanceBlocks
    from nnsp.signal import audio
    from nnsp.signal.metrics import Scores

SECONDS = 10
RESULTS = Path("test_results")
RECORDED = Path("test_wavs/speech.wav")


@dataclass(frozen=True)
class Job:
    """A recording, where its result goes, and the folder that it was found in, if any."""

    noisy: Path
    result: Path
    root: Path | None = None


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("wavs", nargs="*", type=Path, metavar="WAV", help="recordings, or folders of them with --output")
    add("--test_wavefile", metavar="WAV", help="recording or folder, as an argument without a name")
    add("--recording", type=int, choices=(0, 1), default=0, help=f"1: record {SECONDS} s of the microphone")
    add(
        "--output",
        type=Path,
        metavar="DIR",
        help="where NAME_enhanced.wav goes; results of a folder keep their names (default: beside the recording)",
    )
    add(
        "--model",
        default="se",
        metavar="NAME",
        help="shipped network, se or se_small, or a def_nn<id>_<name>.c (default %(default)s)",
    )
    add("--nn_arch", type=places.network, metavar="TXT", help="network of your own instead, by its text")
    flags.add_epoch(parser)
    add("--feat_type", choices=FEAT_TYPES, help="check that the network was trained with these features")
    add("--engine", choices=ENGINES, help="what computes (default: c, or float with --nn_arch)")
    add("--quantized", type=int, choices=(0, 1), default=0, help="1: float engine rounds as the integers do")
    add("--clean", metavar="WAV", help="clean reference (or folder with the same names), to score against")
    add(
        "--pictures",
        action=argparse.BooleanOptionalAction,
        help="spectrograms beside the wavs (default: of --test_wavefile and --recording alone)",
    )
    return parser.parse_args()


def plan(args: argparse.Namespace) -> list[Job]:
    """List recordings and their results; record the microphone first if that is asked for."""
    if sum(map(bool, (args.wavs, args.test_wavefile, args.recording))) != 1:
        raise UserError("name recordings, or give either --test_wavefile=WAV or --recording=1")
    if args.recording:
        from nnsp.signal import audio

        path = args.output / "recording.wav" if args.output else RECORDED
        audio.write_wav(path, audio.record(SECONDS))
        args.test_wavefile = path
    if args.test_wavefile and not args.output and not Path(args.test_wavefile).is_dir():
        return [Job(Path(args.test_wavefile), RESULTS / "enhanced_speech.wav")]
    if args.test_wavefile:
        args.output = args.output or RESULTS
    jobs: list[Job] = []
    for path in args.wavs or [Path(args.test_wavefile)]:
        if path.is_dir():
            jobs += folder_jobs(path, args.output)
        else:
            jobs.append(Job(path, (args.output or path.parent) / f"{path.stem}_enhanced.wav"))
    twice = [path for path, count in Counter(job.result for job in jobs).items() if count > 1]
    if twice:
        raise UserError(f"{twice[0]}: would be the result of two recordings; enhance them one by one")
    if lost := {job.result.resolve() for job in jobs} & {job.noisy.resolve() for job in jobs}:
        raise UserError(f"{min(lost)}: is to be enhanced, and would be overwritten; give another --output")
    return jobs


def folder_jobs(folder: Path, out: Path | None) -> list[Job]:
    """A wav of the same name below `out` for each recording in a folder."""
    from nnsp.signal import audio

    if out is None:
        raise UserError(f"{folder}: is a folder; say with --output=DIR where its enhanced recordings go")
    if out.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"--output={out}: lies in {folder}, which is to be enhanced; give a folder elsewhere")
    found = [
        Job(path, (out / path.relative_to(folder)).with_suffix(".wav"), folder)
        for path in audio.files(folder)
    ]
    twice = [path for path, count in Counter(job.result for job in found).items() if count > 1]
    if twice:
        raise UserError(
            f"{folder}: {len(twice)} names are there with more than one ending, as {twice[0].stem}; "
            "enhance them in folders of their own"
        )
    return found


def enhancer(args: argparse.Namespace) -> "tuple[EnhanceBlocks, str]":
    """What enhances, and how it is called."""
    from nnsp.inference import enhancement

    keras = (
        args.nn_arch or args.models_dir or args.feat_type or args.quantized or args.epoch_loaded != "latest"
    )
    if not keras and args.engine in (None, "c"):
        source = places.table_of(args.model)
        return enhancement.open_table(source), f"{source.stem}, engine c"
    from nnsp.inference.trained import load_trained

    network = args.nn_arch or places.network_of(args.model)
    trained = load_trained(network, args.epoch_loaded, args.models_dir)
    if args.feat_type and args.feat_type != trained.frontend.feat_type:
        raise UserError(
            f"the network was trained with --feat_type={trained.frontend.feat_type}; ask for that"
        )
    engine = args.engine or "float"
    opened = enhancement.open_blocks(trained, engine, bool(args.quantized))
    return opened, f"{trained.arch.name}, epoch {trained.epoch}, engine {engine}"


def main() -> None:
    args = parse()
    jobs = plan(args)
    from nnsp.progress import progress, write
    from nnsp.signal import audio, plots

    many = len(jobs) > 1 or jobs[0].root is not None
    pictures = args.pictures
    if pictures is None:
        pictures = bool(args.test_wavefile) and not many and plots.possible()
    references = {}
    if args.clean:
        references = {job.noisy: audio.partner(job.noisy, Path(args.clean), job.root) for job in jobs}
    if not many:
        audio.Reader(jobs[0].noisy)  # what cannot be read is said before the network is made ready
    enhance, name = enhancer(args)
    print(name)
    scores: dict[str, list[Scores]] = {"noisy": [], "enhanced": []}
    failed, heard, passed, worked = 0, 0, 0.0, 0.0
    for job in progress(jobs, unit="file", disable=not many):
        try:
            began = time.monotonic(), time.process_time()
            reader = audio.Reader(job.noisy)
            if reader.changes:
                write(f"{job.noisy}: {reader.changes}")
            audio.write_blocks(job.result, enhance(blocks(reader, not many)))
            passed += time.monotonic() - began[0]
            worked += time.process_time() - began[1]
            heard += reader.frames / reader.file_rate
            clean = references.get(job.noisy)
            if clean or pictures:
                look(job, clean, pictures, scores)
        except (UserError, OSError) as error:
            reason = str(error)
            if not many:
                raise UserError(reason) from None
            failed += 1
            write(f"left out: {reason}", sys.stderr)
    if scores["enhanced"]:
        from nnsp.signal import metrics

        rows = [(name, metrics.Scores.mean(values)) for name, values in scores.items()]
        print(metrics.table(f"mean of {len(scores['enhanced'])}" if many else jobs[0].noisy.stem, rows))
    if not many:
        print(f"wrote {jobs[0].result}" + (" and .png" if pictures else ""))
        return
    print(
        f"{len(jobs) - failed} of {len(jobs)} files, {heard:.1f} s of audio in {passed:.1f} s, "
        f"{worked:.1f} s of them on the processor: {heard / max(worked, 1e-9):.0f} x real time on one core\n"
        f"written {f'below {args.output}' if args.output else 'beside them'}"
    )
    if failed:
        raise UserError(f"{failed} of {len(jobs)} files were left out; their reasons are above")


def blocks(reader: "audio.Reader", shown: bool) -> "Iterator[NDArray[np.int16]]":
    """Samples of a recording, block by block."""
    from nnsp.progress import progress
    from nnsp.signal import audio

    count = -(-reader.frames // audio.BLOCK)
    for block in progress(
        reader, total=count, desc=reader.path.name, unit="block", leave=False, disable=not shown
    ):
        yield audio.to_int16(block)


def look(job: Job, reference: Path | None, picture: bool, scores: "dict[str, list[Scores]]") -> None:
    """Score a result against its clean reference, and draw it."""
    from nnsp.signal import audio, metrics, plots

    shown = {name: audio.load(path)[0] for name, path in (("noisy", job.noisy), ("enhanced", job.result))}
    if reference:
        clean = audio.read(reference)
        for name, sound in shown.items():
            scores[name].append(metrics.score(clean, sound))
        shown["clean"] = clean
    if picture:
        plots.spectrograms(job.result.with_suffix(".png"), shown)
