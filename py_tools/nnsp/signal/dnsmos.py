# SPDX-License-Identifier: BSD-3-Clause
"""DNSMOS P.835: predicted opinion scores of speech, noise and overall, by a network that the user supplies.

C. Reddy et al., DNSMOS P.835, ICASSP 2022. The network takes 9.01 s at 16 kHz; longer sounds are cut into
pieces that begin every second, shorter ones are repeated. A polynomial maps its output to the listeners' scale.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError

RATE = 16000
PIECE = 144160  # samples
INPUT = "input_1"
# Constant, linear and square term.
POLYNOMIALS = {
    "sig": (0.0052439, 1.22083953, -0.08397278),
    "bak": (-0.39604546, 1.60915514, -0.13166888),
    "ovrl": (0.04602535, 1.11546468, -0.06766283),
}
NAMES = tuple(POLYNOMIALS)


@cache
def session(path: Path) -> Any:
    """Open the network of an ONNX file.

    Raises
    ------
    UserError
        ONNX Runtime is not installed, or the file is not DNSMOS P.835's.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "`dnsmos` needs ONNX Runtime, which is not installed: .venv/bin/python -m pip install onnxruntime"
        ) from None
    if not path.is_file():
        raise UserError(f"{path}: no such file; give DNSMOS P.835's sig_bak_ovr.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one process per core runs it
    try:
        network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = [one.name for one in network.get_inputs()]
        answer = np.asarray(network.run(None, {INPUT: np.zeros((1, PIECE), np.float32)})[0])
    except Exception as error:  # onnxruntime's own classes are not public
        raise UserError(
            f"{path}: not a network that ONNX Runtime can run on {PIECE} samples ({error})"
        ) from None
    if inputs != [INPUT] or answer.shape != (1, len(NAMES)):
        raise UserError(
            f"{path}: takes {inputs} and gives {answer.shape}; expected [{INPUT!r}] and (1, 3), as sig_bak_ovr.onnx has"
        )
    return network


def score(path: Path, x: NDArray[np.float32]) -> dict[str, float]:
    """Predict the mean opinion scores of a sound, 1 to 5.

    Parameters
    ----------
    path : Path
        The ONNX file.
    x : float32[samples] in [-1, 1) at 16 kHz

    Returns
    -------
    dict of 'sig', 'bak', 'ovrl' -> float
    """
    network = session(path)
    while x.size < PIECE:
        x = np.concatenate([x, x])
    starts = range(0, max(1, x.size // RATE - 9) * RATE, RATE)
    raw = np.array([network.run(None, {INPUT: x[None, s : s + PIECE]})[0][0] for s in starts], np.float64)
    return {
        name: float(np.polynomial.Polynomial(terms)(raw[:, column]).mean())
        for column, (name, terms) in enumerate(POLYNOMIALS.items())
    }
