# SPDX-License-Identifier: BSD-3-Clause
"""Recordings through a trained enhancer: in floating point, in NumPy integers, or in C."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsp.inference import ENGINES

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained

__all__ = ["ENGINES", "Enhance", "EnhanceBlocks", "aligned", "open_blocks", "open_engine", "open_table"]

Samples = NDArray[np.int16]
Enhance = Callable[[Samples], Samples]
EnhanceBlocks = Callable[[Iterable[Samples]], Iterator[Samples]]


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


def _in_time(stream: Any, hop: int, delay: int) -> EnhanceBlocks:
    """Make an enhancer that keeps its state take a recording block by block; as `aligned` in one piece."""

    def enhance(blocks: Iterable[Samples]) -> Iterator[Samples]:
        stream.reset()
        rest, late, owed = np.zeros(0, np.int16), delay, 0
        for block in blocks:
            owed += block.size
            rest = np.concatenate([rest, block])
            ready, rest = np.split(rest, [rest.size // hop * hop])
            if ready.size:
                out = stream.process(ready)[late:]
                late -= min(late, ready.size)
                owed -= out.size
                yield out
        hops = -(-(rest.size + delay) // hop)
        yield stream.process(np.pad(rest, (0, hops * hop - rest.size)))[late:][:owed]

    return enhance


def open_table(source: Path) -> EnhanceBlocks:
    """Open the enhancer of a def_nn<id>_<name>.c, in C; as `open_blocks`.

    Raises
    ------
    UserError
        There is no such table, or it is no enhancer's.
    """
    from nnsp.integer.c_streams import TableEnhancer

    stream = TableEnhancer(source)
    return _in_time(stream, stream.hop, stream.delay)


def open_blocks(trained: "Trained", engine: str, quantized: bool = False) -> EnhanceBlocks:
    """Open an enhancer that takes a recording block by block.

    Parameters
    ----------
    engine : 'float', 'integer' or 'c'
        In floating point a recording is enhanced in one piece all the same.
    quantized : bool
        In floating point only: weights and activations on the integer grid, as `quantized=1` trains them.

    Returns
    -------
    callable
        Blocks of int16 [n] -> blocks of as many samples in all, in time with the input; each call from a fresh state.
    """
    hop, delay = trained.frontend.hop, trained.frontend.history
    if engine == "float":
        enhance = aligned(lambda samples: trained.enhance(samples, quantized), hop, delay)
        return lambda blocks: iter([enhance(np.concatenate(list(blocks)))])
    from nnsp.inference.conversion import convert

    model, _ = convert(trained)
    if engine == "integer":
        from nnsp.integer.enhancer import IntegerEnhancer

        return _in_time(IntegerEnhancer(model), hop, delay)
    from nnsp.integer.c_streams import CEnhancer

    return _in_time(CEnhancer(model), hop, delay)


def open_engine(trained: "Trained", engine: str, quantized: bool = False) -> Enhance:
    """Open an enhancer of recordings at the network's rate; as `open_blocks`.

    Returns
    -------
    callable
        int16 [n] -> int16 [n], in time with the input, each call from a fresh state.
    """
    enhance = open_blocks(trained, engine, quantized)
    return lambda samples: np.concatenate(list(enhance([samples])))
