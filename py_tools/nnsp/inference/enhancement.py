"""Whole recordings through a trained network: in floating point, in NumPy integers, or in C."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained

Samples = NDArray[np.int16]
Enhance = Callable[[Samples], Samples]
ENGINES = ("float", "integer", "c")


def aligned(process: Callable[[Samples], NDArray[Any]], hop: int, delay: int) -> Enhance:
    """Make a streaming enhancer take recordings of any length and give them back in time with the input.

    Parameters
    ----------
    process : callable
        int16 [n] -> [n] in int16 units and `delay` samples late, n a multiple of `hop`, from a fresh state.
    """

    def enhance(samples: Samples) -> Samples:
        hops = -(-(samples.size + delay) // hop)
        late = process(np.pad(samples, (0, hops * hop - samples.size)))
        out = late[delay : delay + samples.size]
        return np.clip(np.rint(out), -32768, 32767).astype(np.int16)

    return enhance


def open_engine(trained: "Trained", engine: str, quantized: bool = False) -> Enhance:
    """Enhancer of recordings at the network's rate.

    Parameters
    ----------
    engine : 'float', 'integer' or 'c'
    quantized : bool
        In floating point only: weights and activations on the integer grid, as --quantized=1 trains them.

    Returns
    -------
    callable
        int16 [n] -> int16 [n], in time with the input, each call from a fresh state.
    """
    hop, delay = trained.frontend.hop, trained.frontend.history
    if engine == "float":
        return aligned(lambda samples: trained.enhance(samples, quantized), hop, delay)
    from nnsp.inference.conversion import convert

    model, _ = convert(trained)
    if engine == "integer":
        from nnsp.integer.enhancer import IntegerEnhancer

        stream: Any = IntegerEnhancer(model)
    else:
        from nnsp.integer.c_streams import CEnhancer

        stream = CEnhancer(model)

    def process(samples: Samples) -> Samples:
        stream.reset()
        return np.asarray(stream.process(samples), np.int16)

    return aligned(process, hop, delay)
