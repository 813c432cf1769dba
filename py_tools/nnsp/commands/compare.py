# SPDX-License-Identifier: BSD-3-Clause
"""Train recognisers over seeds, perhaps leaving each speaker out, and compare them in one table.

The same command goes on where it was stopped.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnsp import places
from nnsp.commands import flags
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.network.arch import Arch
from nnsp.signal.clip_features import COUNTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nnsp.data.clips import Clips
    from nnsp.evaluation.recognition import Result
    from nnsp.tasks.recognition import Recognition

Parts = dict[str, "NDArray[np.int64]"]

ON_INTERRUPT = "stopped; finished runs and epochs are kept, the same command goes on"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--nn_arch",
        nargs="+",
        required=True,
        metavar="TXT[:FEATURES]",
        help=f"networks, each with mel (if nothing is said), mfcc, or features of the host: {', '.join(COUNTS)}",
    )
    flags.add_clips(parser)
    add(
        "--seeds", type=int, default=5, help="trainings of each network, from seed 0 on (default %(default)s)"
    )
    add("--split", choices=("class", "speaker", "given"), default="class", help="as of train_rec.py")
    add("--leave_out", choices=("speaker",), help="test on each speaker in turn, who is not trained on")
    add(
        "--baseline",
        action="store_true",
        help="logistic regression on mean and deviation of MFCC beside them",
    )
    add("--num_epoch", type=int, default=30, help="epochs in floating point (default %(default)s)")
    add(
        "--quantized_epochs",
        type=int,
        default=6,
        help="epochs with the integers after them (default %(default)s)",
    )
    add("--batchsize", type=int, default=64, help="clips side by side (default %(default)s)")
    add("--learning_rate", type=float, default=3e-3, help="of the first update (default %(default)s)")
    add("--output", required=True, metavar="DIR", help="where runs and the table go")
    return parser.parse_args()


class Entrant:
    """A network, its features, and the clips as it sees them."""

    def __init__(self, text: str, args: argparse.Namespace) -> None:
        path, _, features = text.partition(":")
        kinds = ("mel", "mfcc", *COUNTS)
        if features and features not in kinds:
            raise UserError(f"--nn_arch={text}: unknown features '{features}'; known are {', '.join(kinds)}")
        self.arch: Arch = arch_text.load(places.network(path))
        arch_text.check_clips(self.arch)

        from nnsp.inference.recognition import clip_samples
        from nnsp.tasks import recognition

        host = features if features in COUNTS else ""
        task = recognition.Recognition(features=host)
        self.frontend = task.frontend()
        if features and not host:
            self.frontend = replace(self.frontend, feat_type=features)
        self.length = clip_samples(self.arch.clip_frames, self.frontend.hop, bool(host))
        self.sounds: Clips = flags.open_clips(args, self.frontend.rate, self.length)
        self.task: Recognition = replace(
            task, labels=self.sounds.labels, seconds=self.length / self.frontend.rate
        )
        self.task.check(self.arch, self.frontend)
        self.material = recognition.items(self.sounds, host, self.length)
        self.row = self.arch.clip_frames if host else self.length


def splits(sounds: "Clips", args: argparse.Namespace) -> Iterator[tuple[str, int, Parts]]:
    """Fold, seed and clips of each run."""
    from nnsp.data import clips

    for seed in range(args.seeds):
        if args.leave_out:
            for speaker, parts in clips.leave_out(sounds.recordings, seed):
                yield speaker, seed, parts
        else:
            yield "", seed, clips.split(sounds.recordings, args.split, seed)


def train(entrant: Entrant, parts: Parts, seed: int, folder: Path, args: argparse.Namespace) -> float:
    """Train, or go on; the seconds it took in all."""
    import keras

    from nnsp.data.augmentation import Augmentation
    from nnsp.network.streaming import build
    from nnsp.tasks import recognition
    from nnsp.training.folder import ModelFolder
    from nnsp.training.settings import Settings
    from nnsp.training.trainer import Trainer

    keras.backend.clear_session()
    models = ModelFolder(folder, entrant.arch.name)
    augmentation = None if entrant.task.features else Augmentation()
    sources = recognition.sources(
        entrant.material, entrant.sounds.classes, parts, entrant.row, seed, augmentation
    )
    usual = Settings(
        batch_size=args.batchsize,
        timesteps=entrant.arch.clip_frames,
        batches=-(-len(parts["train"]) // args.batchsize),
        epochs=args.num_epoch,
        learning_rate=args.learning_rate,
        patience=0,
        validation_batches=-(-len(parts["validation"]) // args.batchsize),
        seed=seed,
        threads=1,
    )
    last = args.num_epoch + args.quantized_epochs
    for settings in (usual, replace(usual, quantized=True, epochs=last)):
        done = models.epochs()
        if done and done[-1] >= settings.epochs:
            continue
        network = build(entrant.arch, seed)
        trainer = Trainer(models, network, entrant.frontend, entrant.task, *sources, settings)
        if done:
            trainer.resume("latest", overwrite=False)
        else:
            trainer.begin({"clips": str(args.clips)}, overwrite=False)
        trainer.run()
    return sum(float(row["seconds"]) for row in models.history(last))


def examine(entrant: Entrant, parts: Parts, fold: str, seed: int, folder: Path, seconds: float) -> "Result":
    """Scores of a trained network: in floating point on all parts, in C and NumPy integers on test."""
    from nnsp.data import clips
    from nnsp.evaluation import recognition
    from nnsp.evaluation.recognition import Result
    from nnsp.inference.recognition import Recogniser
    from nnsp.inference.trained import load_trained
    from nnsp.network import sizes

    trained = load_trained(entrant.arch, "latest", folder)
    sounds, classes = entrant.sounds, entrant.sounds.classes
    exact = Recogniser(trained)
    scores = {name: exact.scores([sounds.samples[i] for i in index]) for name, index in parts.items()}
    heard = [sounds.samples[i] for i in parts["test"]]
    windows = [window for x in heard for window in clips.windows(x, entrant.length)]
    c, integer = Recogniser(trained, "c"), Recogniser(trained, "integer")
    decided = c.scores(heard).argmax(axis=1)
    # NumPy is slow: its equality is looked at once for every clip, not once for every seed.
    equal = None
    if seed == 0:
        same = (c.window_scores(windows) == integer.window_scores(windows)).all(axis=1)
        equal = float(same.mean())
    wanted = classes[parts["test"]]
    host = bool(entrant.task.features)
    size = sum(map(sizes.layer_bytes, entrant.arch.layers, entrant.arch.inputs))
    return Result(
        network=entrant.arch.name,
        fold=fold,
        seed=seed,
        parameters=entrant.arch.parameters,
        kilobytes=(size if host else sizes.table_bytes(entrant.arch, entrant.frontend)) / 1000,
        seconds=seconds,
        loss={name: recognition.cross_entropy(scores[name], classes[i]) for name, i in parts.items()},
        accuracy={
            name: float((scores[name].argmax(axis=1) == classes[i]).mean()) for name, i in parts.items()
        },
        c_accuracy=float((decided == wanted).mean()),
        c_agrees=float((decided == scores["test"].argmax(axis=1)).mean()),
        numpy_equal=equal,
        labels=sounds.labels,
        confusion=recognition.confusion(decided, wanted, len(sounds.labels)),
    )


def baseline(sounds: "Clips", statistics: "NDArray[Any]", parts: Parts, fold: str, seed: int) -> "Result":
    """Logistic regression on the statistics of each clip."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nnsp.evaluation import recognition
    from nnsp.evaluation.recognition import BASELINE, Result

    started = time.monotonic()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(statistics[parts["train"]], sounds.classes[parts["train"]])
    seconds = time.monotonic() - started
    scores = {name: model.predict_proba(statistics[index]) for name, index in parts.items()}
    wanted = {name: sounds.classes[index] for name, index in parts.items()}
    decided = {name: values.argmax(axis=1) for name, values in scores.items()}
    return Result(
        network=BASELINE,
        fold=fold,
        seed=seed,
        parameters=0,
        kilobytes=0.0,
        seconds=seconds,
        loss={name: recognition.cross_entropy(scores[name], wanted[name]) for name in parts},
        accuracy={name: float((decided[name] == wanted[name]).mean()) for name in parts},
        c_accuracy=None,
        c_agrees=None,
        numpy_equal=None,
        labels=sounds.labels,
        confusion=recognition.confusion(decided["test"], wanted["test"], len(sounds.labels)),
    )


def main() -> None:
    args = parse()
    for name in ("seeds", "num_epoch", "batchsize"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name}={getattr(args, name)} must be 1 or more")
    names = [Path(text.partition(":")[0]).name for text in args.nn_arch]
    if len(set(names)) < len(names):
        raise UserError(
            f"--nn_arch={' '.join(args.nn_arch)}: two networks have one name; copy a text under another"
        )
    from nnsp.evaluation import recognition
    from nnsp.evaluation.recognition import Result

    output = Path(args.output)
    results = []
    entrants = [Entrant(text, args) for text in args.nn_arch]
    runs = list(splits(entrants[0].sounds, args))
    for number, (fold, seed, parts) in enumerate(runs, start=1):
        for entrant in entrants:
            run = output / "runs" / f"{fold or 'split'}_{seed}"
            path = run / f"{entrant.arch.name}.json"
            if path.is_file():
                results.append(Result.read(path))
                continue
            print(
                f"run {number} of {len(runs)}: {entrant.arch.name}, {fold or args.split}, seed {seed}",
                flush=True,
            )
            run.mkdir(parents=True, exist_ok=True)
            with (run / f"{entrant.arch.name}.log").open("a", encoding="utf-8") as log, redirect_stdout(log):
                seconds = train(entrant, parts, seed, run, args)
                results.append(examine(entrant, parts, fold, seed, run, seconds))
            results[-1].write(path)
            print(f"  test {results[-1].accuracy['test']:.1%}, in C {results[-1].c_accuracy:.1%}", flush=True)
    if args.baseline:
        sounds = entrants[0].sounds
        statistics = recognition.statistics(sounds.samples, sounds.rate)
        results += [baseline(sounds, statistics, parts, fold, seed) for fold, seed, parts in runs]
    print(recognition.write(output, results))
    print(f"wrote {output}/comparison.md, .csv and .png")
