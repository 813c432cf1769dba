# SPDX-License-Identifier: BSD-3-Clause
"""Tables of networks that nobody has trained yet, so that the bench can say what they would take."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError
from nnsp.integer import frontend, tables
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import quantize
from nnsp.network import arch as arch_text
from nnsp.network.arch import Arch
from nnsp.network.kinds import KINDS
from nnsp.signal import frontend as float_frontend
from nnsp.signal.frontend import SMALLEST_STD, FrontEnd


def write(texts: list[Path], folder: Path, samples: NDArray[np.int16], taken: list[str]) -> None:
    """Write def_nn<n>_candidate<n>.c and .h of every text into a folder of their own, emptied first.

    Parameters
    ----------
    texts : list of Path
        Networks as text; as many inputs as bins mean power spectra, any other number that many mel bands.
    samples : int16 [n]
        Speech that the features are normalised on.
    taken : list of str
        Networks that the bench measures anyway.

    Raises
    ------
    UserError
        A text is wrong, or its name is taken.
    """
    archs = [arch_text.load(path) for path in texts]
    names = [*taken, *(arch.name for arch in archs)]
    for path, arch in zip(texts, archs, strict=True):
        if names.count(arch.name) > 1:
            raise UserError(f"{path}: two networks {arch.name}; give the text a name of its own")
    models = [_model(arch, samples) for arch in archs]
    shutil.rmtree(folder, ignore_errors=True)
    for n, (path, model) in enumerate(zip(texts, models, strict=True)):
        made = tables.Provenance("./nnsp bench --nn_arch", path.name, "random")
        tables.write(folder, tables.model_files(model, n, f"candidate{n}", made))


def _model(arch: Arch, samples: NDArray[np.int16]) -> IntegerModel:
    """Draw random weights, with mean and deviation of the features as training would find them."""
    usual = FrontEnd()
    pspec = arch.input_neurons == usual.bins
    fe = replace(usual, feat_type="pspec") if pspec else replace(usual, bands=arch.input_neurons)
    arch_text.check_enhancer(arch, fe)
    x = float_frontend.with_history(fe, samples.astype(np.float32))
    level = float_frontend.levels(fe, *float_frontend.analyse(fe, x))
    mean, std = level.mean(axis=0), np.maximum(level.std(axis=0), SMALLEST_STD)
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> NDArray[np.float32]:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    weights = []
    for layer, inputs in zip(arch.layers, arch.inputs, strict=True):
        shapes = KINDS[layer.kind].shapes(layer, inputs)
        drawn = {name: draw(*shape) for name, shape in shapes.items() if name != "bias"}
        weights.append({**drawn, "bias": np.zeros(shapes["bias"], np.float32)})
    return IntegerModel(quantize(arch, weights), frontend.build(fe, mean, std))
