# SPDX-License-Identifier: BSD-3-Clause
"""Classification of sound in integers, in NumPy: what nnsp_classifier does, to the bit."""

import numpy as np

from nnsp.arithmetic import Array
from nnsp.integer import frontend
from nnsp.integer.model import IntegerModel
from nnsp.integer.reference import ReferenceNetwork


class IntegerClassifier:
    """A stream of sound through the integer model.

    Parameters
    ----------
    model : IntegerModel
    """

    def __init__(self, model: IntegerModel) -> None:
        self.model = model
        self.network = ReferenceNetwork(model.network)
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        fe = self.model.frontend.float_form
        self._history = np.zeros(fe.window_size - fe.hop, dtype=np.int16)
        self.network.reset()

    def process(self, samples: Array) -> Array:
        """Score whole hops.

        Parameters
        ----------
        samples : int16 [n], n a multiple of the hop

        Returns
        -------
        int16 [outputs, labels], Q15
            As many outputs as hops, or fewer where the network has strides or clips.
        """
        table = self.model.frontend
        if samples.dtype != np.int16 or len(samples) % table.float_form.hop:
            raise ValueError(f"expected int16 samples, a multiple of {table.float_form.hop}")
        frames = frontend.framed(table, samples, self._history)
        self._history = np.concatenate([self._history, samples])[len(samples) :].astype(np.int16)
        return self.network.run(frontend.features(table, *frontend.analyse(table, frames)))
