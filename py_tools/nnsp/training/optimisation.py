# SPDX-License-Identifier: BSD-3-Clause
"""How the weights are updated: optimiser, learning rate and clipping, as text; what they did is kept in the history."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nnsp.training import choices
from nnsp.training.choices import Choice, Number

if TYPE_CHECKING:
    import keras

EPSILON = Number(1e-7, 1e-12, 1.0)
OPTIMISERS: dict[str, dict[str, Number]] = {
    "adam": {"beta1": Number(0.9, 0, 0.9999), "beta2": Number(0.999, 0, 0.999999), "epsilon": EPSILON},
    "sgd": {"momentum": Number(0.0, 0, 0.9999), "nesterov": Number(0, 0, 1, whole=True)},
    "rmsprop": {"rho": Number(0.9, 0, 0.9999), "momentum": Number(0.0, 0, 0.9999), "epsilon": EPSILON},
    "adagrad": {"initial": Number(0.1, 0, 100), "epsilon": EPSILON},
    "adadelta": {"rho": Number(0.95, 0, 0.9999), "epsilon": EPSILON},
}
SCHEDULES: dict[str, dict[str, Number]] = {
    "cosine": {"alpha": Number(0.02, 0, 1)},
    "constant": {},
    "step": {"size": Number(5, 1, 100_000, whole=True), "gamma": Number(0.98, 0.001, 1)},
    "plateau": {"factor": Number(0.5, 0.001, 0.999), "patience": Number(5, 1, 100_000, whole=True)},
}
CLASSES = {
    "adam": "Adam",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
}
ARGUMENTS = {"beta1": "beta_1", "beta2": "beta_2", "initial": "initial_accumulator_value"}
"""Parameters that Keras spells in another way."""

FIRST = {
    "optimizer": "adam(beta1=0.9,beta2=0.999,epsilon=1e-07)",
    "schedule": "cosine(alpha=0.02)",
    "clip": 1.0,
}
"""What a row of a history was trained with that does not say it."""


def parse_optimizer(text: str, source: str = "optimizer") -> Choice:
    """Read an optimiser, as ``sgd(momentum=0.9)``.

    Raises
    ------
    UserError
        Another form, or an unknown name, parameter or value.
    """
    return choices.parse(text, OPTIMISERS, "optimiser", source)


def parse_schedule(text: str, source: str = "schedule") -> Choice:
    """Read a schedule of the learning rate, as ``step(size=5,gamma=0.98)``.

    Raises
    ------
    UserError
        Another form, or an unknown name, parameter or value.
    """
    return choices.parse(text, SCHEDULES, "schedule", source)


class Optimisation:
    """An optimiser with its schedule and clipping.

    ``cosine`` leads from the learning rate to ``alpha`` of it at the last update. ``step`` multiplies it by ``gamma``
    after every ``size`` epochs, ``plateau`` by ``factor`` after ``patience`` epochs without a smaller validation loss.

    Parameters
    ----------
    optimizer, schedule : str
    clip : float
        Most that the norm of all gradients together may be; 0: any.
    learning_rate : float
        Of the first update.
    epochs, updates : int
        Epochs in all, and updates in each.
    ema : float
        Share of the averages of the weights that each update leaves; 0: no averages.
    """

    def __init__(
        self,
        optimizer: str,
        schedule: str,
        clip: float,
        learning_rate: float,
        epochs: int,
        updates: int,
        ema: float = 0.0,
    ) -> None:
        import keras

        self.chosen, self.schedule = parse_optimizer(optimizer), parse_schedule(schedule)
        self.clip, self.first_rate = clip, learning_rate
        self.values = {name: float(value) for name, value in self.schedule.values}
        self.cuts, self.best, self.waited = 0, float("inf"), 0
        rate: Any = learning_rate
        if self.schedule.name == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, epochs * updates, alpha=self.values["alpha"])
        elif self.schedule.name == "step":
            rate = keras.optimizers.schedules.ExponentialDecay(
                rate, int(self.values["size"]) * updates, self.values["gamma"], staircase=True
            )
        self.keras: keras.optimizers.Optimizer = getattr(keras.optimizers, CLASSES[self.chosen.name])(
            rate,
            **{ARGUMENTS.get(name, name): value for name, value in self.chosen.values},
            global_clipnorm=clip or None,
            use_ema=bool(ema),
            ema_momentum=ema,
        )

    @property
    def text(self) -> dict[str, Any]:
        """Optimiser, schedule and clipping as a history keeps them."""
        return {"optimizer": str(self.chosen), "schedule": str(self.schedule), "clip": self.clip}

    @property
    def memory(self) -> list["keras.Variable"]:
        """What the optimiser remembers from update to update, but for the learning rate."""
        rate = self.keras.learning_rate
        return [variable for variable in self.keras.variables if variable is not rate]

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        import keras

        return float(keras.ops.convert_to_numpy(self.keras.learning_rate))

    def end_epoch(self, epoch: int, val_loss: float) -> None:
        """Let the schedule act on the validation loss of an epoch."""
        if self.schedule.name == "step":
            self.cuts = epoch // int(self.values["size"])
        if self.schedule.name != "plateau":
            return
        self.waited = 0 if val_loss < self.best else self.waited + 1
        self.best = min(self.best, val_loss)
        if self.waited >= self.values["patience"]:
            self.cuts, self.waited = self.cuts + 1, 0
            self._cut()

    @property
    def state(self) -> dict[str, Any]:
        """How often the schedule has cut the rate so far; of a plateau, the best loss and the epochs since."""
        plateau = {"plateau_best": self.best, "plateau_epochs": self.waited}
        return {"cuts": self.cuts, **(plateau if self.schedule.name == "plateau" else {})}

    def go_on(self, row: Mapping[str, Any], comparable: bool) -> None:
        """Take the schedule's state from the last row of a history.

        Parameters
        ----------
        row : mapping
        comparable : bool
            Whether its validation loss compares with those to come; else the best is sought again.
        """
        if row.get("schedule", FIRST["schedule"]) != str(self.schedule):
            return
        self.cuts = row.get("cuts", 0)
        if self.schedule.name == "plateau":
            if comparable:
                self.best, self.waited = row["plateau_best"], row["plateau_epochs"]
            self._cut()

    def _cut(self) -> None:
        self.keras.learning_rate = self.first_rate * self.values["factor"] ** self.cuts
