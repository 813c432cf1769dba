# SPDX-License-Identifier: BSD-3-Clause
"""The folder of a trained network: text, front end, weights per epoch, history, state to go on from."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from nnsp import places
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.network.network import Network
from nnsp.signal.frontend import SMALLEST_STD, FrontEnd
from nnsp.training import optimisation

OWN = Path("models_trained")
SHIPPED = places.MODELS
WEIGHTS = re.compile(r"epoch_(\d+)\.weights\.h5")
# How epochs were trained whose rows of the history do not say it.
FIRST = {"objective": "1*compressed(c=0.5,a=0.5,reduction=root)", **optimisation.FIRST}
# Fields of the front end that older folders do not have.
LATER = {field.name: field.default for field in fields(FrontEnd) if field.name in ("low_cut", "coefficients")}
ENHANCEMENT: dict[str, Any] = {"task": "se", "labels": [], "detector": None}  # of folders without task.json
RESUMABLE = 2  # epochs whose optimiser state is kept


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of the features, float32 [features], in octaves of energy in int16 steps squared."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


class ModelFolder:
    """<models_dir>/<name of the network>/.

    Parameters
    ----------
    models_dir : path
    name : str
        Of the network.
    """

    def __init__(self, models_dir: Path | str, name: str) -> None:
        self.path = Path(models_dir) / name

    def epochs(self) -> list[int]:
        """Return the epochs with weights, in order."""
        names = (WEIGHTS.fullmatch(path.name) for path in self.path.glob("epoch_*"))
        return sorted(int(name[1]) for name in names if name)

    def weights_path(self, epoch: int) -> Path:
        """Return the path of one epoch's weights."""
        return self.path / f"epoch_{epoch:03d}.weights.h5"

    def find(self, epoch_loaded: str) -> int:
        """Return the number of the epoch meant by 'latest' or a number.

        Raises
        ------
        UserError
            There is no such epoch.
        """
        known = self.epochs()
        if not known:
            raise UserError(
                f"{self.path}: holds no trained epoch; train first with train_se.py, or the tool of its task, "
                "and `epoch_loaded=random`"
            )
        if epoch_loaded == "latest":
            return known[-1]
        if not (epoch_loaded.isascii() and epoch_loaded.isdigit()):
            raise UserError(
                f"`epoch_loaded={epoch_loaded}`: expected random, latest, or the number of an epoch"
            )
        if int(epoch_loaded) not in known:
            listed = ", ".join(map(str, known[-10:]))
            raise UserError(
                f"{self.path}: holds no epoch {epoch_loaded}; there are {'..., ' * (len(known) > 10)}{listed}"
            )
        return int(epoch_loaded)

    def check(self, network: Network) -> None:
        """Refuse a network whose weights are not those that the folder's text describes.

        Raises
        ------
        UserError
            They are not.
        """
        path = self.path / "arch.txt"
        if not network.matches(path):
            raise UserError(
                f"{self.path}: was trained with another network than it is now (see {path}); "
                "give the new one another name, or start again with `epoch_loaded=random` `overwrite`"
            )

    def start(
        self,
        network: str,
        fe: FrontEnd,
        normalisation: Normalisation,
        provenance: dict[str, Any],
        task: dict[str, Any],
    ) -> None:
        """Start the folder: remove what an earlier training left, write arch.txt, frontend.json and task.json.

        Parameters
        ----------
        network : str
            Its description.
        fe : FrontEnd
        normalisation : Normalisation
        provenance, task : dict
            How the training was started, and what for.
        """
        for old in [*self.path.glob("epoch_*"), *self.path.glob("resume_*"), *self.path.glob("history.*")]:
            old.unlink()
        self.path.mkdir(parents=True, exist_ok=True)
        for old in (self.path / "tensorboard").glob("events.*"):
            old.unlink()
        with written(self.path / "arch.txt") as part:
            part.write_text(network, encoding="utf-8")
        form = {
            **asdict(fe),
            "mean": [float(f"{v:.6g}") for v in normalisation.mean],
            "std": [float(f"{v:.6g}") for v in normalisation.std],
            "provenance": provenance,
        }
        for name, content in (("frontend.json", form), ("task.json", task)):
            with written(self.path / name) as part:
                part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def task(self) -> dict[str, Any]:
        """Return what the network was trained for: task, labels, detector.

        Raises
        ------
        UserError
            task.json is damaged.
        """
        path = self.path / "task.json"
        if not path.is_file():
            return ENHANCEMENT
        try:
            form = json.loads(path.read_text(encoding="utf-8"))
            return {**form, "labels": [str(label) for label in form["labels"]], "detector": form["detector"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: cannot be read ({error!r}); train the network again") from None

    def frontend(self, features: int | None = None) -> tuple[FrontEnd, Normalisation]:
        """Return the front end that the network was trained with.

        Parameters
        ----------
        features : int, optional
            How many the network takes, where that is known.

        Raises
        ------
        UserError
            frontend.json is missing or damaged.
        """
        path = self.path / "frontend.json"
        try:
            form = {**LATER, **json.loads(path.read_text(encoding="utf-8"))}
            fe = FrontEnd(**{field.name: form[field.name] for field in fields(FrontEnd)})
            mean, std = (np.asarray(form[name], dtype=np.float32) for name in ("mean", "std"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: cannot be read ({error!r}); train the network again") from None
        count = features or mean.size
        if mean.shape != (count,) or std.shape != mean.shape or not (std >= SMALLEST_STD).all():
            raise UserError(f"{path}: mean and std do not fit {count} features; train the network again")
        return fe, Normalisation(mean, std)

    def save(
        self,
        epoch: int,
        network: Network,
        memory: Sequence[keras.Variable],
        history: list[dict[str, Any]],
        unaveraged: Sequence[NDArray[np.float32]] = (),
    ) -> None:
        """Write an epoch. The weights come last: an epoch whose weights are there is complete.

        Parameters
        ----------
        epoch : int
        network : Network
        memory : sequence of Variable
            What an update changes beside the weights.
        history : list of dict
            A row per epoch.
        unaveraged : sequence of array
            The weights with which training goes on, if the network has their averages now.
        """
        values = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(memory)}
        values |= {f"w{i}": weights for i, weights in enumerate(unaveraged)}
        with written(self.path / f"resume_{epoch:03d}.npz") as part, part.open("wb") as file:
            np.savez(file, **values)
        self._write_history(history)
        with written(self.weights_path(epoch)) as part:
            network.save_weights(part)
        for old in sorted(self.path.glob("resume_*.npz"))[:-RESUMABLE]:
            old.unlink()

    def load_weights(self, network: Network, epoch: int) -> None:
        """Put an epoch's weights into the network.

        Raises
        ------
        UserError
            The file is damaged or of another network.
        """
        path = self.weights_path(epoch)
        try:
            with h5py.File(path):
                pass
            network.load_weights(path)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{path}: is no checkpoint of {network.name} ({reason}); take another epoch"
            ) from None

    def load_memory(self, memory: Sequence[keras.Variable], network: Network, epoch: int) -> bool:
        """Restore the memory after an epoch, and unaveraged weights; False if none is kept that fits."""
        path = self.path / f"resume_{epoch:03d}.npz"
        if not path.is_file():
            return False
        with np.load(path) as values:
            if sum(name[0] == "v" for name in values.files) != len(memory):
                return False
            for letter, variables in (("v", memory), ("w", network.trainable_variables)):
                for i, variable in enumerate(variables):
                    if f"{letter}{i}" in values:
                        variable.assign(values[f"{letter}{i}"])
        return True

    def history(self, until: int) -> list[dict[str, Any]]:
        """Return the history's rows of the epochs up to `until`."""
        path = self.path / "history.json"
        rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        return [row for row in rows if row["epoch"] <= until]

    def trained_with(self, epoch: int) -> dict[str, Any]:
        """Return what an epoch was trained with: objective, optimizer and schedule as text, and clip."""
        rows = self.history(epoch)
        return {name: rows[-1].get(name, first) if rows else first for name, first in FIRST.items()}

    def drop_after(self, epoch: int) -> None:
        """Remove the epochs after one from which training goes on."""
        for later in self.epochs():
            if later > epoch:
                self.weights_path(later).unlink()
                (self.path / f"resume_{later:03d}.npz").unlink(missing_ok=True)

    def _write_history(self, history: list[dict[str, Any]]) -> None:
        with written(self.path / "history.json") as part:
            part.write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
        with written(self.path / "history.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
            columns = dict.fromkeys(name for row in (history[-1], *history) for name in row)
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(history)
        plot_history(self.path / "loss.png", history)


def find_folder(models_dir: Path | str | None, name: str) -> ModelFolder:
    """Find the folder to load from: in models_dir, else in models_trained, or models_shipped if nothing was trained."""
    if models_dir is not None:
        return ModelFolder(models_dir, name)
    own, shipped = ModelFolder(OWN, name), ModelFolder(SHIPPED, name)
    return shipped if shipped.epochs() and not own.epochs() else own


def plot_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Draw the losses of every epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss")
    epochs = [row["epoch"] for row in history]
    for column, label in (("loss", "training"), ("val_loss", "unseen speakers and noise")):
        axes.plot(epochs, [row[column] for row in history], marker=".", label=label)
    axes.grid(alpha=0.3)
    axes.legend()
    with written(path) as part:
        figure.savefig(part, format="png", dpi=120)
