# SPDX-License-Identifier: BSD-3-Clause
"""Keywords: which of some words has just been said, in every frame of a stream."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.frames import FrameTask, LabelledFrames
from nnsp.training.task import Detector, Floats

NONE = "none"  # label 0: other speech, noise, silence
FIRES_SECONDS = 0.25  # for so long after the end of a word its label is wanted
OPEN_SECONDS = (0.15, 0.1)  # before the end and after that time, either answer is right
DETECTOR = Detector("event", smoothing=3, hold=25, threshold=0.7)


def classes(fe: FrontEnd, words: NDArray[Any], frames: int) -> NDArray[np.int64]:
    """Return the class of every frame, [rows, frames], of words [rows, n, (label, start, end)] in samples.

    The label of a word is wanted for `FIRES_SECONDS` after its end. Frames in which either answer is right have -1.
    """
    target = np.zeros((len(words), frames), np.int64)
    second = fe.rate / fe.hop
    before, after = (round(seconds * second) for seconds in OPEN_SECONDS)
    fires = round(FIRES_SECONDS * second)
    ends = [
        (row, int(label), -(-int(end) // fe.hop))
        for row, of in enumerate(words)
        for label, _, end in of
        if label
    ]
    for row, _, end in ends:
        target[row, max(0, end - before) : end + fires + after] = -1
    for row, label, end in ends:
        target[row, end : end + fires] = label
    return target


@dataclass(frozen=True)
class Keywords(FrameTask):
    """Tell which of some words has been said, or none: label 0."""

    detector: Detector | None = DETECTOR

    name: ClassVar[str] = "kws"
    metrics: ClassVar[tuple[str, ...]] = ("val_found", "val_false")

    @property
    def class_weights(self) -> tuple[float, ...]:
        """Return the weights of none and of each word: about one frame in ten is of a word."""
        return (1.0, *[2.0] * (len(self.labels) - 1))

    def frontend(self) -> FrontEnd:
        """Return the default front end, of 32 mel bands."""
        return FrontEnd(bands=32)

    def batch(self, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> LabelledFrames:
        """Build a batch from the arrays of KeywordMixer.batch."""
        waves, words = made
        target = classes(fe, words, waves.shape[1] // fe.hop)
        return LabelledFrames.of(fe, waves, target, self.class_weights)

    def measure(self, fe: FrontEnd, batch: LabelledFrames, outputs: Floats) -> dict[str, list[float]]:
        """Measure the shares of words' frames that are found, and of other frames that are taken for a word."""
        counts = batch.weight > 0
        right = np.take_along_axis(outputs, batch.target[..., None].astype(np.int64), axis=-1)[..., 0] > 0.5
        word = batch.target > 0
        return {
            "val_found": [float(value) for value in right[counts & word]],
            "val_false": [float(value) for value in outputs[counts & ~word][:, 0] < 0.5],
        }

    def describe(self, row: dict[str, Any]) -> str:
        """Say both shares."""
        return (
            f"{row['val_found']:.1%} of frames of words found, {row['val_false']:.2%} of others taken for one"
        )


TASK = Keywords
