"""How to train, whatever for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to train. An epoch is `batches` batches of rows, cut into updates of `timesteps` frames.

    ``ema`` is the share of an average of the weights that each update leaves in it; with it, not 0, the averages are
    what is validated and kept. ``threads`` make the rows.
    """

    batch_size: int = 64
    timesteps: int = 100
    batches: int = 100
    epochs: int = 100
    learning_rate: float = 1e-3
    quantized: bool = False
    patience: int = 20
    validation_batches: int = 2
    seed: int = 0
    ema: float = 0.0
    threads: int = 2
