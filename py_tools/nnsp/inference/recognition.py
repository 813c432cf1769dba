# SPDX-License-Identifier: BSD-3-Clause
"""Whole recordings through a trained recogniser: in floating point, in NumPy integers, or in C."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsp import arithmetic
from nnsp.data import clips
from nnsp.errors import UserError
from nnsp.inference import conversion
from nnsp.inference.detection import SCALE
from nnsp.inference.enhancement import ENGINES
from nnsp.signal import audio, clip_features, frontend

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained
    from nnsp.integer.quantization import IntegerNetwork

__all__ = ["ENGINES", "Recogniser", "clip_samples"]

BATCH = 32  # windows side by side in floating point

Floats = NDArray[np.float32]
Array = NDArray[Any]


def _integer_network(trained: "Trained") -> "IntegerNetwork":
    from nnsp.integer.quantization import quantize
    from nnsp.network.streaming import float_weights

    return quantize(trained.arch, float_weights(trained.model))


class Recogniser:
    """Scores of whole recordings, each window of them from a fresh state.

    Parameters
    ----------
    trained : Trained
        For the task 'rec'.
    engine : 'float', 'integer' or 'c'
    quantized : bool
        In floating point only: weights and activations on the integer grid.

    Raises
    ------
    UserError
        The network was trained for something else.
    """

    def __init__(self, trained: "Trained", engine: str = "float", quantized: bool = False) -> None:
        from nnsp.tasks.recognition import Recognition

        task = trained.task
        if not isinstance(task, Recognition):
            raise UserError(
                f"{trained.arch.name}: was trained for '{task.name}', not to recognise clips; "
                "train it with train_rec.py"
            )
        self.trained, self.engine, self.quantized = trained, engine, quantized
        self.labels, self.rate, self.features = task.labels, trained.frontend.rate, task.features
        self.length = clip_samples(trained.arch.clip_frames, trained.frontend.hop, bool(task.features))
        self._stream: Any = None
        if engine == "float":
            from nnsp.training import steps

            model = trained.model
            self._step = steps.compiled(lambda x, state: model.step(x, state, quantized), model)
            return
        from nnsp.integer import c_streams
        from nnsp.integer.classifier import IntegerClassifier
        from nnsp.integer.reference import ReferenceNetwork

        numpy_engine = engine == "integer"
        if self.features:
            self._stream = (ReferenceNetwork if numpy_engine else c_streams.CNetwork)(
                _integer_network(trained)
            )
        else:
            self._stream = (IntegerClassifier if numpy_engine else c_streams.CClassifier)(
                conversion.convert(trained)[0]
            )

    def scores(self, recordings: Sequence[Floats]) -> NDArray[np.float64]:
        """Return scores [recordings, labels] of samples in [-1, 1), each the mean over its windows."""
        windows = [clips.windows(x, self.length) for x in recordings]
        parts = np.cumsum([len(part) for part in windows])[:-1]
        each = self.window_scores([window for part in windows for window in part])
        scale = 1.0 if self.engine == "float" else SCALE
        return np.stack([part.mean(axis=0) / scale for part in np.split(each, parts)])

    def window_scores(self, windows: Sequence[Floats]) -> Array:
        """Scores [windows, labels] of samples of a window each: float, or int16 Q15 of integer engines."""
        if self.engine == "float":
            return self._float_scores(np.stack([self._features(x) for x in windows]))
        scores = []
        for x in windows:
            self._stream.reset()
            if self.features:
                steps = arithmetic.round_half_up(self._features(x) * 2.0**arithmetic.FEATURE_FRAC)
                scores.append(self._stream.run(steps.astype(np.int16))[-1])
            else:
                scores.append(self._stream.process(audio.to_int16(x))[-1])
        return np.stack(scores)

    def _features(self, x: Floats) -> Floats:
        """Normalised, float32 [frames, features]."""
        trained = self.trained
        if not self.features:
            return trained.features(audio.to_int16(x))
        level = clip_features.extract(self.features, x)
        return np.asarray(frontend.features(level, trained.mean, trained.std), np.float32)

    def _float_scores(self, features: Floats) -> Floats:
        """Return the float scores [clips, labels] of features [clips, frames, features]."""
        from keras import ops

        parts = []
        for start in range(0, len(features), BATCH):
            piece = features[start : start + BATCH]
            full = np.pad(piece, [(0, BATCH - len(piece)), (0, 0), (0, 0)])
            scores, _ = self._step(ops.convert_to_tensor(full), self.trained.model.zero_state(BATCH))
            parts.append(ops.convert_to_numpy(scores)[: len(piece), -1])
        return np.concatenate(parts)


def clip_samples(frames: int, hop: int, centred: bool) -> int:
    """Count the samples of a clip of so many frames; `centred`: a frame lies on each end, as in the host's features."""
    return (frames - 1) * hop if centred else frames * hop
