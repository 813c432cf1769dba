# SPDX-License-Identifier: BSD-3-Clause
"""From a trained network to the integers that a board runs, whatever it was trained for."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError
from nnsp.integer import calibration
from nnsp.integer.detector import DetectorTable
from nnsp.places import DEMO
from nnsp.signal import audio

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained
    from nnsp.integer.model import IntegerModel
    from nnsp.training.task import Detector

CALIBRATION = DEMO / "noisy.wav"


def detector_table(detector: "Detector") -> DetectorTable:
    """The integers of a task's detector."""
    return DetectorTable.quantized(detector.kind, detector.smoothing, detector.hold, detector.threshold)


def convert(
    trained: "Trained", samples: NDArray[np.int16] | None = None
) -> "tuple[IntegerModel, list[calibration.LayerReport]]":
    """The integers of a trained network with its labels and detector, and what they cost.

    Parameters
    ----------
    trained : Trained
    samples : int16 [n], optional
        Noisy speech that formats of linear layers come from; the demonstration clip if not given.

    Raises
    ------
    UserError
        No board computes its features.
    """
    if trained.task.host_features:
        raise UserError(
            f"{trained.arch.name}: hears {trained.task.host_features}, which no board computes; train it with "
            "`feat_type=mel` or mfcc, or use it here by predict_rec.py"
        )
    from nnsp.network.streaming import float_weights

    if samples is None:
        samples = audio.to_int16(audio.read(CALIBRATION, trained.frontend.rate))
    task = trained.task
    return calibration.convert(
        trained.arch,
        float_weights(trained.model),
        trained.frontend,
        trained.mean,
        trained.std,
        samples,
        task="classify" if task.labels else "enhance",
        labels=task.labels,
        detector=detector_table(task.detector) if task.detector else None,
    )
