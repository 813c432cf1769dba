# SPDX-License-Identifier: BSD-3-Clause
"""Several processes, on one machine or on many, that train one network together under JAX."""

import atexit
import hashlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError

ARRIVAL_SECONDS = 300
SILENCE_SECONDS = 60  # a worker that gives no sign of life for so long is lost
PARTING_SECONDS = 60

STARTED_OTHERWISE = "another network, other settings or other lists"
NOTE = "finished epochs are kept: start all workers again with `epoch_loaded=latest`"


class Workers:
    """The processes of one training, and the place of this one among them.

    Every worker makes its own rows of a batch; each update is that of the whole batch, and all have the same weights.
    A single process with several devices shares the rows among these.

    Parameters
    ----------
    count, index : int
    distribution : keras.distribution.DataParallel, optional
        Over the devices of all, where there are several.
    """

    def __init__(self, count: int = 1, index: int = 0, distribution: Any = None) -> None:
        self.count, self.index, self.distribution = count, index, distribution

    @classmethod
    def join(cls, count: int = 1, index: int = 0, coordinator: str = "") -> "Workers":
        """Connect to ``coordinator``, HOST:PORT of worker 0. Networks made afterwards use the devices of all workers.

        Raises
        ------
        UserError
            The backend is not JAX, or worker 0 cannot listen there.
        """
        import keras

        if keras.backend.backend() != "jax":
            if count > 1:
                raise UserError(
                    f"KERAS_BACKEND is {keras.backend.backend()}, which trains in one process; `workers` wants jax"
                )
            return cls()
        import jax

        if count > 1:
            try:
                # Keras' own initialize() has no limits of time.
                jax.distributed.initialize(
                    *(coordinator, count, index),
                    initialization_timeout=ARRIVAL_SECONDS,
                    heartbeat_timeout_seconds=SILENCE_SECONDS,
                    shutdown_timeout_seconds=PARTING_SECONDS,
                )
            except (RuntimeError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(
                    f"`coordinator={coordinator}`: worker {index} cannot meet there ({reason})"
                ) from None
        if jax.device_count() == 1:
            return cls()
        distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        keras.distribution.set_distribution(distribution)
        return cls(count, index, distribution)

    @property
    def first(self) -> bool:
        """Tell whether this is the worker that writes and prints."""
        return self.index == 0

    @property
    def devices(self) -> int:
        """Count the devices of all workers."""
        return self.distribution.num_model_replicas if self.distribution else 1

    def tensor(self, rows: NDArray[Any]) -> Any:
        """Make the tensor of all workers' rows from this one's."""
        if self.distribution is None:
            from keras import ops

            return ops.convert_to_tensor(rows)
        import jax

        layout = self.distribution.get_data_layout(rows.shape).backend_layout
        return jax.make_array_from_process_local_data(layout, rows)

    def own(self, tensor: Any) -> NDArray[Any]:
        """Return this worker's rows of a tensor."""
        if self.count == 1:
            return np.asarray(tensor)
        parts = sorted(tensor.addressable_shards, key=lambda part: part.index[0].start or 0)
        return np.concatenate([np.asarray(part.data) for part in parts])

    def share(self, values: Any) -> Any:
        """Return worker 0's arrays, on all workers."""
        if self.count == 1:
            return values
        from jax.experimental import multihost_utils

        return multihost_utils.broadcast_one_to_all(values)

    def mean(self, values: list[float]) -> float:
        """Return the mean of all workers' values; NaN where there are none."""
        sums = np.array([[np.sum(values), len(values)]])
        if self.count > 1:
            from jax.experimental import multihost_utils

            sums = multihost_utils.process_allgather(sums, tiled=True)
        total, number = sums.sum(axis=0)
        return float(total / number) if number else float("nan")

    def agree(self, on: Any, what: str) -> None:
        """Refuse to go on where workers differ.

        Raises
        ------
        UserError
            This worker has something else than worker 0.
        """
        digest = np.frombuffer(hashlib.sha256(repr(on).encode()).digest()[:8], np.uint32)
        if not np.array_equal(self.share(digest), digest):
            raise UserError(f"worker {self.index} has {what} than worker 0; all must be started alike")

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None or self.count == 1:
            return
        # Else the end of this process would wait for the others, and they for it.
        atexit.register(_leave, 130 if isinstance(error, KeyboardInterrupt) else 1)
        if isinstance(error, RuntimeError | ValueError) and re.search("Gloo|NCCL|[A-Z_]{7,}: ", str(error)):
            raise UserError(f"another worker has stopped; {NOTE}") from None


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Watch:
    """A second process that reports in one sentence why this one died, when it cannot do so itself.

    JAX aborts the process from a thread of its own when a worker does not come or is lost. What its C++ code writes
    goes to a file; Python's standard error stays where it is. Make it before there are threads.

    Parameters
    ----------
    say : callable
        Shows a sentence to the user, written as that of a `UserError`.
    count, index : int
    coordinator : str
    """

    def __init__(self, say: Callable[[str], None], count: int, index: int, coordinator: str) -> None:
        handle, self.log = tempfile.mkstemp(prefix="nnsp_worker_", suffix=".log")
        ear, self._mouth = os.pipe()
        self._child = os.fork()
        if self._child:
            os.close(ear)
            sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
            os.dup2(handle, 2)
            atexit.register(self._tell, b".")
            return
        os.close(self._mouth)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        heard = last = b" "
        while heard:
            last, heard = heard, os.read(ear, 1)
        if last == b" ":
            why = f"not all {count} workers met at {coordinator} within {ARRIVAL_SECONDS} s"
            say(f"worker {index}: {why}; start them all (log: {self.log})")
        elif last == b"+":
            say(f"worker {index}: another worker has stopped; {NOTE} (log: {self.log})")
        else:
            os.unlink(self.log)
        _leave(0)

    def met(self) -> None:
        """Note that all workers are there."""
        os.write(self._mouth, b"+")

    def _tell(self, word: bytes) -> None:
        os.write(self._mouth, word)
        os.close(self._mouth)
        os.waitpid(self._child, 0)
