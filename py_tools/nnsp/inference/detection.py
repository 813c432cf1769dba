"""Streams of sound through a trained detector: scores in floating point, in NumPy integers, or in C."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsp import arithmetic
from nnsp.errors import UserError

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained

SCALE = 2.0 ** arithmetic.OUTPUT_FRAC["softmax"]  # of integer scores, those of a sigmoid too

Score = Callable[[NDArray[np.int16]], NDArray[np.int16]]


def open_engine(trained: "Trained", engine: str, task: str) -> Score:
    """What scores recordings.

    Parameters
    ----------
    trained : Trained
    engine : 'float', 'integer' or 'c'
    task : str
        What it must have been trained for.

    Returns
    -------
    callable
        int16 [n], n a multiple of the hop, to scores int16 [outputs, labels], Q15; each call from a fresh state.

    Raises
    ------
    UserError
        It was trained for something else.
    """
    if trained.task.name != task:
        raise UserError(
            f"{trained.arch.name}: was trained for '{trained.task.name}', not for '{task}'; give a network of "
            f"train_{task}.py"
        )
    if engine == "float":

        def of_floats(samples: NDArray[np.int16]) -> NDArray[np.int16]:
            outputs = trained.outputs(trained.features(samples))[:: trained.arch.stride]
            return arithmetic.saturate16(np.rint(outputs * SCALE))

        return of_floats
    from nnsp.inference.conversion import convert

    model, _ = convert(trained)
    if engine == "integer":
        from nnsp.integer.classifier import IntegerClassifier

        stream: Any = IntegerClassifier(model)
    else:
        from nnsp.integer.c_streams import CClassifier

        stream = CClassifier(model)

    def of_integers(samples: NDArray[np.int16]) -> NDArray[np.int16]:
        stream.reset()
        return np.asarray(stream.process(samples), np.int16)

    return of_integers
