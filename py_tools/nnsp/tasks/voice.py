# SPDX-License-Identifier: BSD-3-Clause
"""Voice activity: whether somebody speaks, in every frame, from mixtures of speech and noise."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnsp.data.mixing import QUIETEST
from nnsp.signal import frontend, levels, roc
from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.frames import FrameTask, LabelledFrames
from nnsp.training.task import Detector, Floats

# ITU-T P.56 counts as speech what is above a threshold 15.9 dB below the active level, and pauses of up to 200 ms.
MARGIN_DB = 15.9
PAUSE_SECONDS = 0.2
DETECTOR = Detector("state", smoothing=1, hold=10, threshold=0.5)


def activity(fe: FrontEnd, clean: Floats) -> NDArray[np.bool_]:
    """Tell whether there is speech in every frame, [rows, frames], of clean speech [rows, samples].

    A frame is active when its window holds no less than the row's active level less `MARGIN_DB`; pauses between active
    frames of up to `PAUSE_SECONDS` are active too.
    """
    windows = np.lib.stride_tricks.sliding_window_view(
        frontend.with_history(fe, clean), fe.window_size, axis=-1
    )[:, :: fe.hop]
    power = np.einsum("rtn,rtn->rt", windows, windows) / np.float32(fe.window_size)
    level = np.array([levels.active_power(row) for row in clean])
    active = (power >= level[:, None] * 10 ** (-MARGIN_DB / 10)) & (level[:, None] > QUIETEST)
    longest = round(PAUSE_SECONDS * fe.rate / fe.hop)
    for row in active:
        at = np.flatnonzero(row)
        for before, after in pairwise(at):
            if 1 < after - before <= longest + 1:
                row[before:after] = True
    return np.asarray(active)


@dataclass(frozen=True)
class VoiceActivity(FrameTask):
    """Tell speech from none."""

    labels: tuple[str, ...] = ("speech",)
    detector: Detector | None = DETECTOR

    name: ClassVar[str] = "vad"
    metrics: ClassVar[tuple[str, ...]] = ("val_auc", "val_equal_error_rate")

    @property
    def class_weights(self) -> tuple[float, ...]:
        """Return the weights of silence and speech, of which there is about twice as much in mixtures."""
        return 1.5, 0.75

    def frontend(self) -> FrontEnd:
        """Return the default front end, of 20 mel bands."""
        return FrontEnd(bands=20)

    def batch(self, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> LabelledFrames:
        """Build a batch from the arrays of Mixer.batch."""
        target = activity(fe, made[1]).astype(np.int64)
        return LabelledFrames.of(fe, made[0], target, self.class_weights)

    def measure(self, fe: FrontEnd, batch: LabelledFrames, outputs: Floats) -> dict[str, list[float]]:
        """Measure the ROC over all frames of the batch; with several workers, of each one's rows."""
        curve = roc.roc(outputs[..., 1].ravel(), batch.target.ravel() > 0)
        return {"val_auc": [curve.auc], "val_equal_error_rate": [curve.equal_error_rate]}

    def describe(self, row: dict[str, Any]) -> str:
        """Say both metrics."""
        return f"AUC {row['val_auc']:.4f}, equal error rate {row['val_equal_error_rate']:.1%}"


TASK = VoiceActivity
