"""Work in other processes, which a Ctrl-C ends without ado."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Pool of `count` processes (default: one per core); jobs not begun when the block is left are dropped.

    To be called in the main thread. The processes start afresh: a fork of one that runs TensorFlow may hang.
    """
    pool = ProcessPoolExecutor(max(1, count or os.cpu_count() or 1), multiprocessing.get_context("spawn"))
    # The first job starts the processes. They inherit that Ctrl-C is not for them.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool.submit(int)
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
