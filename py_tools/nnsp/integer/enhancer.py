# SPDX-License-Identifier: BSD-3-Clause
"""Speech enhancement in integers, in NumPy: what nnsp_enhancer does, to the bit."""

import numpy as np

from nnsp.arithmetic import Array
from nnsp.integer import frontend
from nnsp.integer.model import IntegerModel
from nnsp.integer.reference import ReferenceNetwork
from nnsp.signal.frontend import silent as silent_frames


class IntegerEnhancer:
    """A stream of speech through the integer model.

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
        self._overlap = np.zeros(fe.window_size, dtype=np.int64)
        self._mask = np.zeros(fe.bins, dtype=np.int16)
        self._frame = 0
        self.network.reset()

    def process(self, samples: Array, active: Array | None = None) -> Array:
        """Enhance whole hops.

        Parameters
        ----------
        samples : int16 [n], n a multiple of the hop
        active : bool [n / hop], optional
            Hops that the network processes (default all). The others get the gain mask_floor, as in nnsp_enhancer_skip.

        Returns
        -------
        int16 [n]
            window_size - hop samples late.
        """
        table = self.model.frontend
        fe = table.float_form
        if samples.dtype != np.int16 or len(samples) % fe.hop:
            raise ValueError(f"expected int16 samples, a multiple of {fe.hop}")
        frames = frontend.framed(table, samples, self._history)
        wanted = np.ones(len(frames), dtype=bool) if active is None else np.asarray(active, dtype=bool)
        silent = silent_frames(frames) & wanted
        heard = wanted & ~silent
        re, im = frontend.analyse(table, frames[heard])
        mask = self._masks(frontend.features(table, re, im), np.cumsum(silent)[heard], int(silent.sum()))
        parts = np.empty(frames.shape, dtype=np.int64)
        parts[heard] = frontend.synthesise(table, re, im, mask)
        parts[~heard] = frontend.turn_down(table, frames[~heard])
        out = np.empty(len(samples), dtype=np.int16)
        for t, part in enumerate(parts):
            self._overlap += part
            done = (self._overlap[: fe.hop] + (1 << (table.output_shift - 1))) >> table.output_shift
            out[t * fe.hop : (t + 1) * fe.hop] = np.clip(done, -32768, 32767)
            self._overlap[: -fe.hop] = self._overlap[fe.hop :].copy()
            self._overlap[-fe.hop :] = 0
        self._history = np.concatenate([self._history, samples])[len(samples) :].astype(np.int16)
        return out

    def _masks(self, features: Array, silences: Array, silences_in_all: int) -> Array:
        """Return the masks of the frames heard; `silences`: silent frames before each, which reset the network."""
        masks = []
        starts = np.flatnonzero(np.diff(silences, prepend=0, append=silences_in_all))
        for number, stretch in enumerate(np.split(features, starts)):
            if number:
                self.network.reset()
                self._frame = 0
            outputs = self.network.run(stretch)
            masks.append(self._hold(frontend.bin_masks(self.model.frontend, outputs), len(stretch)))
        return np.concatenate(masks)

    def _hold(self, outputs: Array, frames: int) -> Array:
        """Return one mask per frame: a network with strides holds its last output."""
        stride = self.model.network.arch.stride
        number = (self._frame + np.arange(frames)) // stride - (self._frame + stride - 1) // stride
        masks = np.concatenate([self._mask[None], outputs])[number + 1]
        self._mask = masks[-1] if frames else self._mask
        self._frame += frames
        return masks
