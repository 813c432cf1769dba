"""Keywords: which of some words has just been said, in every frame of a stream."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.frames import FrameTask, LabelledFrames
from nnsp.training.task import Detector, Floats

NONE = "none"  # label 0: other speech, noise, silence
FIRES_SECONDS = 0.25  # from the end of a word on its label is wanted
OPEN_SECONDS = (0.15, 0.1)  # before the end and after that, either will do
DETECTOR = Detector("event", smoothing=3, hold=25, threshold=0.7)


def classes(fe: FrontEnd, words: NDArray[Any], frames: int) -> NDArray[np.int64]:
    """Class of every frame, [rows, frames], -1 where it is open, of words [rows, n, (label, start, end)] in samples.

    A word is heard out when it ends: from there its label is wanted for `FIRES_SECONDS`.
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
    """One of some words, or none of these: label 0."""

    detector: Detector | None = DETECTOR

    name: ClassVar[str] = "kws"
    metrics: ClassVar[tuple[str, ...]] = ("val_found", "val_false")

    @property
    def class_weights(self) -> tuple[float, ...]:
        """Of none and of each word: about one frame in ten is a word's."""
        return (1.0, *[2.0] * (len(self.labels) - 1))

    def frontend(self) -> FrontEnd:
        """That of the enhancer, with fewer mel bands."""
        return FrontEnd(bands=32)

    def batch(self, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> LabelledFrames:
        """Of a `KeywordMixer`."""
        waves, words = made
        target = classes(fe, words, waves.shape[1] // fe.hop)
        return LabelledFrames.of(fe, waves, target, self.class_weights)

    def measure(self, fe: FrontEnd, batch: LabelledFrames, outputs: Floats) -> dict[str, list[float]]:
        """Shares of the words' frames with the word's score above half, and of the others with any word's."""
        counts = batch.weight > 0
        right = np.take_along_axis(outputs, batch.target[..., None].astype(np.int64), axis=-1)[..., 0] > 0.5
        word = batch.target > 0
        return {
            "val_found": [float(value) for value in right[counts & word]],
            "val_false": [float(value) for value in outputs[counts & ~word][:, 0] < 0.5],
        }

    def told(self, row: dict[str, Any]) -> str:
        """Both shares."""
        return (
            f"{row['val_found']:.1%} of frames of words found, {row['val_false']:.2%} of others taken for one"
        )
