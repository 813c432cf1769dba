# SPDX-License-Identifier: BSD-3-Clause
"""Where rows of training data come from, made ahead in threads."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from numpy.typing import NDArray


class Source(Protocol):
    """What rows of training data come from."""

    @property
    def identity(self) -> object:
        """Return something whose repr differs between sources of different rows."""

    def batch(
        self, epoch: int, step: int, batch_size: int, seconds: float, worker: int = 0, workers: int = 1
    ) -> tuple[NDArray[Any], ...]:
        """Make the rows of one step, as `Mixer.batch`: the same rows at every call, from any thread."""


def prefetch(
    source: Source,
    epoch: int,
    steps: Sequence[int],
    batch_size: int,
    seconds: float,
    threads: int = 2,
    worker: int = 0,
    workers: int = 1,
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield the batches of the steps in order while threads make the next ones.

    NumPy and the FFT let go of the interpreter lock, so threads do.
    """
    ahead = threads + 1
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[tuple[NDArray[Any], ...]]] = []
        try:
            for step in steps:
                waiting.append(pool.submit(source.batch, epoch, step, batch_size, seconds, worker, workers))
                if len(waiting) > ahead:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for job in waiting:
                job.cancel()
