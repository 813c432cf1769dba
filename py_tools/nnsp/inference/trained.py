# SPDX-License-Identifier: BSD-3-Clause
"""A trained network: its weights, its task and its front end, loaded from a folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from nnsp import tasks
from nnsp.network import arch as arch_text
from nnsp.network.arch import Arch
from nnsp.network.network import Network, text_of
from nnsp.network.streaming import build
from nnsp.signal import frontend
from nnsp.signal.frontend import FrontEnd
from nnsp.training import steps
from nnsp.training.folder import find_folder
from nnsp.training.task import Task

INFERENCE_FRAMES = 600

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Trained:
    """A network with the weights of one epoch, and the task and front end they belong to."""

    task: Task
    frontend: FrontEnd
    mean: Floats
    std: Floats
    model: Any  # a Network; what needs its text or layers asks for `arch` first
    epoch: int
    weights_path: Path

    @property
    def arch(self) -> Arch:
        """Return the text of the network.

        Raises
        ------
        UserError
            It was made without one.
        """
        return text_of(self.model)

    @cached_property
    def _step(self) -> dict[bool, steps.Function]:
        return {
            quantized: steps.compiled(lambda x, state, q=quantized: self.model.step(x, state, q), self.model)
            for quantized in (False, True)
        }

    def features(self, samples: NDArray[Any]) -> Floats:
        """Return the normalised features, float32 [frames, features], of samples [n] in int16 units."""
        heard = frontend.with_history(self.frontend, samples.astype(np.float32))
        return self._features(*frontend.analyse(self.frontend, heard))

    def _features(self, re: NDArray[Any], im: NDArray[Any]) -> Floats:
        level = frontend.levels(self.frontend, re, im)
        return np.asarray(frontend.features(level, self.mean, self.std), dtype=np.float32)

    def outputs(self, features: Floats, quantized: bool = False) -> Floats:
        """Return the last layer's outputs, float32 [frames, units]; quantised: with fake-quantised numbers."""
        block = -(-INFERENCE_FRAMES // self.model.stride) * self.model.stride
        step = self._step[quantized]
        state, parts = self.model.zero_state(1), []
        for start in range(0, len(features), block):
            piece = features[start : start + block]
            full = np.pad(piece, [(0, block - len(piece)), (0, 0)])
            out, state = step(ops.convert_to_tensor(full[None]), state)
            parts.append(ops.convert_to_numpy(out)[0, : len(piece)])
        return np.concatenate(parts)

    def enhance(self, samples: NDArray[Any], quantized: bool = False) -> NDArray[np.float64]:
        """Enhance in floating point; after silence the network is reset, as nnsp_enhancer_process has it.

        Parameters
        ----------
        samples : [n] in int16 units, n a multiple of the hop
        quantized : bool
            With fake-quantised weights and activations.

        Returns
        -------
        float64 [n] in int16 units
            window_size - hop samples late.
        """
        fe = self.frontend
        heard = frontend.with_history(fe, samples.astype(np.float32))
        re, im = frontend.analyse(fe, heard)
        sounding = np.flatnonzero(~frontend.silent(frontend.framed(fe, heard)))
        features, gain = self._features(re, im), np.full(re.shape, fe.mask_floor)
        for stretch in np.split(sounding, np.flatnonzero(np.diff(sounding) > 1) + 1):
            if stretch.size:
                gain[stretch] = frontend.gain(fe, self.outputs(features[stretch], quantized))
        return frontend.synthesise(fe, re * gain, im * gain)


def load_trained(
    nn_arch: Arch | Path | str | Network, epoch_loaded: str | int, models_dir: Path | str | None = None
) -> Trained:
    """Load a trained network.

    Parameters
    ----------
    nn_arch : Arch, path or Network
        The text of the network, or the network itself.
    epoch_loaded : 'latest' or number
    models_dir : path, optional
        As `find_folder` takes it.

    Raises
    ------
    UserError
        There is no such epoch, or it was trained with another text.
    """
    arch = arch_text.load(nn_arch) if isinstance(nn_arch, Path | str) else nn_arch
    folder = find_folder(models_dir, arch.name)
    epoch = folder.find(str(epoch_loaded))
    model = build(arch) if isinstance(arch, Arch) else arch
    folder.check(model)
    fe, normalisation = folder.frontend(model.arch.input_neurons if model.arch else None)
    folder.load_weights(model, epoch)
    task = tasks.from_json(folder.task())
    path = folder.weights_path(epoch)
    return Trained(task, fe, normalisation.mean, normalisation.std, model, epoch, path)
