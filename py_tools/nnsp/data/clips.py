# SPDX-License-Identifier: BSD-3-Clause
"""Recordings of classes, from a folder per class or a manifest, and their split into train, validation and test."""

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError
from nnsp.progress import progress
from nnsp.signal import audio

SPLITS = ("train", "validation", "test")
SHARES = (0.7, 0.15, 0.15)
SILENT = 0.01  # share of the peak; quieter ends of a made word are cut off
SHOWN = 5  # names in a message that stands for many files

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Change = Callable[[np.random.Generator, Floats, int], Floats]


@dataclass(frozen=True)
class Recording:
    """A sound file of a class, or a made word of `with_voices`. Speaker and split are empty where not known."""

    path: Path
    label: str
    speaker: str = ""
    split: str = ""
    made: bool = False


@dataclass(frozen=True)
class Clips:
    """Recordings, the samples of each at one rate, and all their labels in order."""

    recordings: tuple[Recording, ...]
    samples: tuple[Floats, ...]
    labels: tuple[str, ...]
    rate: int

    @property
    def classes(self) -> Indices:
        """Return the index of each recording's label."""
        place = {label: i for i, label in enumerate(self.labels)}
        return np.array([place[r.label] for r in self.recordings])


def find(source: Path | str, label_column: str = "label") -> list[Recording]:
    """List recordings.

    Parameters
    ----------
    source : path
        A folder with a folder per class, or a CSV with the columns path (as seen from the CSV) and label, perhaps
        speaker and split.
    label_column : str
        What the CSV calls its labels.

    Raises
    ------
    UserError
        There is no such thing, a class without clips, or less than two classes.
    """
    source = Path(source)
    if source.is_dir():
        found = _in_folders(source)
    elif source.is_file():
        found = _in_manifest(source, label_column)
    else:
        raise UserError(
            f"{source}: no such folder or manifest; expected a folder for each class, or a CSV with the columns path "
            "and label"
        )
    labels = sorted({recording.label for recording in found})
    if len(labels) < 2:
        raise UserError(
            f"{source}: holds one class only, '{labels[0]}'; recognition wants two or more, each in a folder or "
            "under a label of its own"
        )
    return found


def _in_folders(root: Path) -> list[Recording]:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise UserError(f"{root}: holds no folders; expected one for each class, with its sound files in it")
    found = []
    for folder in folders:
        try:
            paths = audio.files(folder)
        except UserError:
            raise UserError(
                f"{folder}: class '{folder.name}' has no clips ({', '.join(sorted(audio.SUFFIXES))}); put some there, "
                "or remove the folder"
            ) from None
        found += [Recording(path, folder.name) for path in paths]
    return found


def _in_manifest(path: Path, label_column: str) -> list[Recording]:
    found = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            missing = [name for name in ("path", label_column) if name not in columns]
            if missing:
                raise UserError(
                    f"{path}: has no column '{missing[0]}' among {', '.join(columns) or 'none'}; it wants path, label "
                    "(or `label_column`), perhaps speaker and split"
                )
            for row in reader:
                values = [row[name] for name in ("path", label_column)]
                if not all(values):
                    raise UserError(
                        f"{path}: line {reader.line_num} has no path or no {label_column}; fill it in"
                    )
                speaker, split = (row.get(name) or "" for name in ("speaker", "split"))
                found.append(Recording(path.parent / values[0], values[1], speaker, split))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error}); expected a manifest of clips") from None
    if not found:
        raise UserError(f"{path}: lists no clips; expected a row for each")
    return found


def read(
    recordings: Sequence[Recording], rate: int, shortest: int, short: str = "pad", bad: str = "refuse"
) -> Clips:
    """Decode recordings as mono at one rate; print a line for each kind of change or omission.

    Parameters
    ----------
    shortest : int
        Samples that a clip should have.
    short : 'pad', 'skip' or 'refuse'
        What becomes of a shorter clip; one to be padded is given as it is, for `windows` to do it.
    bad : 'skip' or 'refuse'
        What becomes of a file that cannot be read.

    Raises
    ------
    UserError
        A clip is to be refused, or a class has none left.
    """
    kept, samples, rates = [], [], Counter[int]()
    left_out: dict[str, list[str]] = defaultdict(list)
    padded = 0
    for recording in progress(recordings, desc="reading", unit="clip", leave=False):
        try:
            x, file_rate, _ = audio.load(recording.path, rate)
        except UserError as error:
            if bad == "refuse":
                raise UserError(f"{error}; or give `unreadable=skip` to do without such files") from None
            left_out["could not be read"].append(str(error))
            continue
        if x.size < shortest:
            if short != "pad":
                what = f"{recording.path}: {x.size / rate:.2f} s"
                if short == "refuse":
                    raise UserError(
                        f"{what} is less than the window of {shortest / rate:.2f} s; give `short=pad` or `short=skip`"
                    )
                left_out[f"are shorter than {shortest / rate:.2f} s"].append(what)
                continue
            padded += 1
        rates[file_rate] += 1
        kept.append(recording)
        samples.append(x)
    for file_rate, count in rates.items():
        if file_rate != rate:
            print(f"{count} of {len(recordings)} clips were resampled from {file_rate} to {rate} Hz")
    if padded:
        print(
            f"{padded} of {len(recordings)} clips are shorter than {shortest / rate:.2f} s: with silence around them"
        )
    for reason, names in left_out.items():
        shown = "\n  ".join(names[:SHOWN])
        more = f"\n  and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        print(
            f"{len(names)} of {len(recordings)} clips {reason} and are left out:\n  {shown}{more}",
            file=sys.stderr,
        )
    labels = sorted({recording.label for recording in recordings})
    gone = set(labels) - {recording.label for recording in kept}
    if gone:
        raise UserError(
            f"class '{min(gone)}' has no clips left of those in {recordings[0].path.parent.parent}; "
            "the reasons are above: mend its files, or take the class out"
        )
    return Clips(tuple(kept), tuple(samples), tuple(labels), rate)


def with_voices(clips: Clips, count: int) -> Clips:
    """Append each label spoken by `count` voices of espeak-ng; every split trains on these."""
    from nnsp.data import synthesis

    recordings, samples = list(clips.recordings), list(clips.samples)
    for name, label, x in synthesis.spoken(clips.labels, count):
        loud = np.flatnonzero(np.abs(x) > SILENT * np.abs(x).max())
        recordings.append(Recording(Path(name, label), label, name, made=True))
        samples.append(audio.resample(x[loud[0] : loud[-1] + 1], synthesis.RATE, clips.rate))
    return Clips(tuple(recordings), tuple(samples), clips.labels, clips.rate)


def windows(x: Floats, length: int) -> Floats:
    """Cut a clip into evenly spaced windows, [windows, length, ...]; pad a short clip with zeros on both sides."""
    if len(x) < length:
        before = (length - len(x)) // 2
        return np.pad(x, [(before, length - len(x) - before)] + [(0, 0)] * (x.ndim - 1))[None]
    starts = np.linspace(0, len(x) - length, -(-len(x) // length)).round().astype(np.int64)
    return np.stack([x[start : start + length] for start in starts])


def relabelled(clips: Clips, labels: Sequence[str], whose: str) -> Clips:
    """Return the clips with the labels of a trained network, in its order.

    Raises
    ------
    UserError
        The clips have a label that the network does not know.
    """
    unknown = sorted(set(clips.labels) - set(labels))
    if unknown:
        raise UserError(
            f"{whose}: does not know the class '{unknown[0]}'; it was trained with {', '.join(labels)}"
        )
    return Clips(clips.recordings, clips.samples, tuple(labels), clips.rate)


class ClipSource:
    """Rows for training, or all clips once for judging.

    Parameters
    ----------
    items : sequence of float32[length, ...]
        Samples of clips, or frames of features.
    classes : int64[items]
    length : int
        Of a row.
    seed : int
    change : callable, optional
        Row of (generator, item, length), for training: every row is a class drawn evenly, and one of its clips drawn
        evenly. Without it the rows are the middles of all the items in turn, then rows of no weight.
    """

    def __init__(
        self, items: Sequence[Floats], classes: Indices, length: int, seed: int, change: Change | None = None
    ) -> None:
        self.items, self.classes, self.length, self.seed = items, classes, length, seed
        self.change = change
        self._members = [np.flatnonzero(classes == c) for c in np.unique(classes)]

    @property
    def identity(self) -> object:
        """Return what decides the rows; equal identities give equal rows."""
        change = getattr(self.change, "__name__", repr(self.change))
        return (self.seed, self.length, self.classes.tolist(), [len(x) for x in self.items], change)

    def batch(
        self, epoch: int, step: int, batch_size: int, seconds: float, worker: int = 0, workers: int = 1
    ) -> tuple[Floats, Indices, Floats]:
        """Return rows [rows, length, ...], classes [rows] and weights [rows], which are 0 where there is no clip."""
        rows, classes, weights = [], [], []
        for row in range(worker, batch_size, workers):
            if self.change is None:
                place = step * batch_size + row
                index = place % len(self.items)
                rows.append(_middle(self.items[index], self.length))
                weights.append(float(place < len(self.items)))
            else:
                rng = np.random.default_rng((self.seed, epoch, step, row))
                members = self._members[int(rng.integers(len(self._members)))]
                index = int(rng.choice(members))
                rows.append(self.change(rng, self.items[index], self.length))
                weights.append(1.0)
            classes.append(self.classes[index])
        return np.stack(rows), np.array(classes), np.array(weights, np.float32)


def _middle(x: Floats, length: int) -> Floats:
    start = max(0, (len(x) - length) // 2)
    return windows(x[start : start + length], length)[0]


def cut(rng: np.random.Generator, x: Floats, length: int) -> Floats:
    """Cut a part out of a long clip, or place a short one among zeros."""
    start = int(rng.integers(max(0, len(x) - length) + 1))
    part = x[start : start + length]
    row = np.zeros((length, *x.shape[1:]), np.float32)
    at = int(rng.integers(length - len(part) + 1))
    row[at : at + len(part)] = part
    return row


def split(
    recordings: Sequence[Recording], by: str, seed: int, shares: Sequence[float] = SHARES
) -> dict[str, Indices]:
    """Return the indices of train, validation and test, in order.

    Parameters
    ----------
    by : 'class', 'speaker' or 'given'
        Shares of every class; whole speakers, drawn until each share is reached; or as the manifest says.
    seed : int
    shares : sequence of float
        Of train, validation and test.

    Raises
    ------
    UserError
        There are too few clips or speakers, or training would go without a class.
    """
    rng = np.random.default_rng(seed)
    parts: dict[str, list[int]] = {name: [] for name in SPLITS}
    recordings, made = _divided(recordings)
    if by == "given":
        for i, recording in enumerate(recordings):
            if recording.split not in SPLITS:
                raise UserError(
                    f"{recording.path}: its split is '{recording.split}'; expected {', '.join(SPLITS)} in the manifest "
                    "or `split=class` or `split=speaker`"
                )
            parts[recording.split].append(i)
    elif by == "class":
        for label, indices in _groups([r.label for r in recordings]).items():
            counts = _counts(len(indices), shares)
            if min(counts) < 1:
                raise UserError(
                    f"class '{label}' has {len(indices)} clips, too few for shares of {_percent(shares)} in train, "
                    "validation and test; add clips, or change `shares`"
                )
            cuts = np.split(rng.permutation(indices), np.cumsum(counts)[:-1])
            for name, cut in zip(SPLITS, cuts, strict=True):
                parts[name] += cut.tolist()
    else:
        groups = _groups([_speaker(r) for r in recordings])
        counts = _counts(len(groups), shares)
        if min(counts) < 1:
            raise UserError(
                f"{len(groups)} speakers are too few for shares of {_percent(shares)} in train, validation and test"
            )
        names = np.repeat(SPLITS, counts)
        for name, speaker in zip(names, rng.permutation(list(groups)), strict=True):
            parts[name] += groups[speaker]
    return _checked(recordings, parts, made)


def leave_out(
    recordings: Sequence[Recording], seed: int, share: float = 0.05
) -> Iterator[tuple[str, dict[str, Indices]]]:
    """Yield each speaker's name with a split that tests on that speaker alone.

    Validation is a share of every class of the others; speakers who say less than all classes are always trained on.

    Raises
    ------
    UserError
        There are less than two such speakers.
    """
    recordings, made = _divided(recordings)
    labels = {r.label for r in recordings}
    said: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        said[_speaker(recording)].add(recording.label)
    speakers = sorted(speaker for speaker, heard in said.items() if heard == labels)
    if len(speakers) < 2:
        raise UserError(
            f"{len(speakers)} speakers say all {len(labels)} classes; leaving one out wants two or more"
        )
    for speaker in speakers:
        rng = np.random.default_rng(seed)
        parts: dict[str, list[int]] = {name: [] for name in SPLITS}
        parts["test"] = [i for i, r in enumerate(recordings) if r.speaker == speaker]
        for indices in _groups([r.label for r in recordings]).values():
            others = [i for i in indices if recordings[i].speaker != speaker]
            held = rng.permutation(others)[: max(1, round(share * len(others)))].tolist()
            parts["validation"] += held
            parts["train"] += sorted(set(others) - set(held))
        yield speaker, _checked(recordings, parts, made)


def _divided(recordings: Sequence[Recording]) -> tuple[Sequence[Recording], list[int]]:
    """Return the recorded clips and the indices of the made ones, which follow them."""
    given = [r for r in recordings if not r.made]
    return given, list(range(len(given), len(recordings)))


def _speaker(recording: Recording) -> str:
    if not recording.speaker:
        raise UserError(
            f"{recording.path}: its speaker is not known; give a manifest with a column speaker, or `split=class`"
        )
    return recording.speaker


def _groups(names: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        groups[name].append(i)
    return dict(sorted(groups.items()))


def _counts(total: int, shares: Sequence[float]) -> list[int]:
    """Return the sizes of train, validation and test; what rounding leaves over goes to training."""
    rest = [max(1, round(total * share)) if share else 0 for share in shares[1:]]
    return [total - sum(rest), *rest]


def _percent(shares: Sequence[float]) -> str:
    return ":".join(f"{share:.0%}" for share in shares)


def _checked(
    recordings: Sequence[Recording], parts: dict[str, list[int]], made: list[int]
) -> dict[str, Indices]:
    for name, indices in parts.items():
        if not indices:
            raise UserError(f"no clips are left for {name}; change the split or its shares")
    missing = {r.label for r in recordings} - {recordings[i].label for i in parts["train"]}
    if missing:
        raise UserError(
            f"no clip of class '{min(missing)}' is left to train with; change the split or its seed"
        )
    parts["train"] += made
    return {name: np.array(sorted(indices)) for name, indices in parts.items()}
