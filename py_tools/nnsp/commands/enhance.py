"""Enhance recordings or the microphone: test_se.py --nn_arch=TXT --test_wavefile=WAV."""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

from nnsp.errors import UserError
from nnsp.inference import enhancement
from nnsp.progress import progress, write
from nnsp.signal import audio, metrics, plots
from nnsp.signal.frontend import FEAT_TYPES

SECONDS = 10


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--nn_arch", required=True, metavar="TXT", help="text of the network")
    add("--feat_type", choices=FEAT_TYPES, help="check that the network was trained with these features")
    add("--epoch_loaded", default="latest", metavar="latest|N", help="epoch to load (default %(default)s)")
    add("--models_dir", metavar="DIR", help="where models lie (default models_trained, else models_shipped)")
    add(
        "--test_wavefile",
        metavar="WAV",
        help="recording to enhance, or folder of recordings, which keep their names",
    )
    add("--recording", type=int, choices=(0, 1), default=0, help=f"1: record {SECONDS} s of the microphone")
    add("--clean", metavar="WAV", help="clean reference (or folder with the same names), to score against")
    add("--output", default="build/enhanced", metavar="DIR", help="where results go (default %(default)s)")
    add("--engine", choices=enhancement.ENGINES, default="float", help="what computes (default %(default)s)")
    add("--quantized", type=int, choices=(0, 1), default=0, help="1: float engine rounds as the integers do")
    add(
        "--pictures",
        action=argparse.BooleanOptionalAction,
        help="spectrograms beside the wavs (default: of a single recording)",
    )
    return parser.parse_args()


def destinations(folder: Path, out: Path) -> dict[Path, Path]:
    """Recording -> wav of the same name below `out`, for all in a folder."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"--output={out}: lies in {folder}, which is to be enhanced; give a folder elsewhere")
    found = {path: (out / path.relative_to(folder)).with_suffix(".wav") for path in audio.files(folder)}
    twice = [path for path, count in Counter(found.values()).items() if count > 1]
    if twice:
        raise UserError(
            f"{folder}: {len(twice)} names are there with more than one ending, as {twice[0].stem}; "
            "enhance them in folders of their own"
        )
    return found


def main() -> None:
    args = parse()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if bool(args.recording) == bool(args.test_wavefile):
        raise UserError("give either --test_wavefile=WAV or --recording=1")
    out = Path(args.output)
    root = Path(args.test_wavefile or out / "recording.wav")
    if args.recording:
        audio.write_wav(root, audio.record(SECONDS))
    many = root.is_dir()
    results = destinations(root, out) if many else {root: out / f"{root.stem}_enhanced.wav"}
    references = {}
    if args.clean:
        references = {path: audio.partner(path, Path(args.clean), root if many else None) for path in results}
    if not many:
        audio.load(root)  # what cannot be read is said before the network is made ready

    from nnsp.inference.trained import load_trained

    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    if args.feat_type and args.feat_type != trained.frontend.feat_type:
        raise UserError(
            f"the network was trained with --feat_type={trained.frontend.feat_type}; ask for that"
        )
    enhance = enhancement.open_engine(trained, args.engine, bool(args.quantized))
    print(f"{trained.arch.name}, epoch {trained.epoch}, engine {args.engine}")
    scores: dict[str, list[metrics.Scores]] = {"noisy": [], "enhanced": []}
    failed, heard, passed, worked = 0, 0, 0.0, 0.0
    for path, result in progress(results.items(), unit="file", disable=not many):
        try:
            began = time.monotonic(), time.process_time()
            noisy = audio.read(path)
            enhanced = enhance(audio.to_int16(noisy))
            audio.write_wav(result, enhanced)
            passed += time.monotonic() - began[0]
            worked += time.process_time() - began[1]
            heard += noisy.size
            shown = {"noisy": noisy, "enhanced": audio.from_int16(enhanced)}
            if path in references:
                clean = audio.read(references[path])
                for name, sound in shown.items():
                    scores[name].append(metrics.score(clean, sound))
                shown["clean"] = clean
            if args.pictures or (args.pictures is None and not many):
                plots.spectrograms(result.with_suffix(".png"), shown)
        except (UserError, OSError) as error:
            reason = str(error)
            if not many:
                raise UserError(reason) from None
            failed += 1
            write(f"left out: {reason}", file=sys.stderr)
    if scores["enhanced"]:
        rows = [(name, metrics.Scores.mean(values)) for name, values in scores.items()]
        print(metrics.table(f"mean of {len(scores['enhanced'])}" if many else root.stem, rows))
    if not many:
        print(f"wrote {result}" + ("" if args.pictures is False else " and .png"))
        return
    seconds = heard / audio.RATE
    print(
        f"{len(results) - failed} of {len(results)} files, {seconds:.1f} s of audio in {passed:.1f} s, "
        f"{worked:.1f} s of them on the processor: {seconds / max(worked, 1e-9):.0f} x real time on one core\n"
        f"written below {out}"
    )
    if failed:
        raise UserError(f"{failed} of {len(results)} files were left out; their reasons are above")
