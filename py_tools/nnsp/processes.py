# SPDX-License-Identifier: BSD-3-Clause
"""Worker processes that end quietly on Ctrl-C."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def workers(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of `count` processes (default: one per core); jobs not begun when the block ends are dropped.

    To be called in the main thread. The processes start afresh: a fork of one that runs TensorFlow may hang.
    """
    pool = ProcessPoolExecutor(max(1, count or os.cpu_count() or 1), multiprocessing.get_context("spawn"))
    pressed: list[int] = []
    try:
        # multiprocessing's own helper lets Ctrl-C through when it starts, so it has to start before.
        resource_tracker.ensure_running()
        # The first job starts the processes. They inherit that Ctrl-C is held back from them; here, where other
        # threads may take it, it is only late.
        handler = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            pool.submit(int)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            signal.signal(signal.SIGINT, handler)
        if pressed:
            raise KeyboardInterrupt
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
