# SPDX-License-Identifier: BSD-3-Clause
"""What training asks of a network. Networks of text have it (`streaming.Network`), any Keras model gets it here."""

from pathlib import Path
from typing import Any, Protocol

import keras

from nnsp.errors import UserError
from nnsp.network.arch import Arch


class Network(Protocol):
    """A network that can be trained, stopped, kept in a folder and trained further.

    ``stride``: how many frames of input there are for each time its last layer runs. ``quantisable``: whether it can be
    trained with the integers of the tables. ``arch``: the text it was made of, or None; tables are made of that.
    """

    arch: Arch | None
    quantisable: bool

    @property
    def name(self) -> str:
        """Return its name, that of its folder."""

    @property
    def stride(self) -> int:
        """Return the number that the frames of a chunk must be a multiple of."""

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Return the weights."""

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """Return what else a pass in training changes: running statistics, random generators."""

    @property
    def variables(self) -> list[keras.Variable]:
        """Return both."""

    def zero_state(self, batch: int) -> Any:
        """Return the state of a batch of streams before their first frame: a tree of tensors, the batch first."""

    def step(
        self,
        features: Any,
        state: Any,
        quantized: bool = False,
        dropout: keras.random.SeedGenerator | None = None,
    ) -> tuple[Any, Any]:
        """Run some frames.

        Parameters
        ----------
        features : float [batch, time, features]
        state : tree
            Of `zero_state` or the step before.
        quantized : bool
            With the integers of the tables.
        dropout : SeedGenerator, optional
            Given in training alone.

        Returns
        -------
        outputs : float [batch, time, n]
        state : tree
        """

    def describe(self) -> str:
        """Return the text that its folder keeps."""

    def matches(self, path: Path) -> bool:
        """Tell whether the text in a folder describes the same weights, so that training can go on with them.

        Raises
        ------
        UserError
            The text cannot be read.
        """

    def save_weights(self, path: Path) -> None:
        """Write all variables to an HDF5 file."""

    def load_weights(self, path: Path) -> None:
        """Read all variables from such a file."""


class KerasNetwork:
    """A Keras model of one's own as a `Network`: of floating point, and without memory from chunk to chunk.

    The model may look at all frames of a chunk, the later ones too. It is told that it trains by Keras' ``training``.
    The folder keeps the shapes of its weights, by which it is known again.

    Parameters
    ----------
    model : keras.Model
        From features [batch, time, features] to outputs [batch, time, n], with its weights made. Its name is that of
        the folder.
    stride : int
        Number that the frames of a chunk must be a multiple of.

    Raises
    ------
    UserError
        The model has no weights yet.
    """

    arch: Arch | None = None
    quantisable = False

    def __init__(self, model: keras.Model, stride: int = 1) -> None:
        if not model.trainable_variables:
            raise UserError(
                f"{model.name}: has no weights yet; call it once on frames of features, then train it"
            )
        self.model, self.stride = model, stride
        self.name: str = model.name
        self.save_weights, self.load_weights = model.save_weights, model.load_weights

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Return the weights."""
        return list(self.model.trainable_variables)

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """Return running statistics and random generators."""
        return list(self.model.non_trainable_variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """Return both."""
        return list(self.model.variables)

    def zero_state(self, batch: int) -> tuple[()]:
        """Return nothing: there is no state."""
        return ()

    def step(
        self,
        features: Any,
        state: Any,
        quantized: bool = False,
        dropout: keras.random.SeedGenerator | None = None,
    ) -> tuple[Any, Any]:
        """Run the frames of a chunk through the model; it drops by its own generators."""
        return self.model(features, training=dropout is not None), state

    def describe(self) -> str:
        """Return a line for every weight: its name and shape."""
        shapes = (f"{weight.name} {'x'.join(map(str, weight.shape))}" for weight in self.model.weights)
        return "\n".join([f"# {self.name}: a Keras model with these weights", *shapes]) + "\n"

    def matches(self, path: Path) -> bool:
        """Tell whether the text has the same shapes.

        Raises
        ------
        UserError
            The text cannot be read.
        """
        try:
            return path.read_text(encoding="utf-8").splitlines()[1:] == self.describe().splitlines()[1:]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); train the network again") from None


def text_of(network: Network) -> Arch:
    """Return the text that a network was made of.

    Raises
    ------
    UserError
        It was made without one.
    """
    if network.arch is None:
        raise UserError(
            f"{network.name}: was not made of a text, so there is no integer network or table of it"
        )
    return network.arch
