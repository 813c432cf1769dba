# SPDX-License-Identifier: BSD-3-Clause
"""Files that are written whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_ENDING = 32  # characters, so that any name that a file may have can be written


@contextmanager
def written(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path with the same ending that replaces `path` when the block ends without an error.

    Two processes may write the same path at once: each has a temporary name of its own, and the last one stays.
    """
    path = Path(path)
    ending = "".join(path.suffixes[-2:])[-LONGEST_ENDING:]  # Keras asks for .weights.h5
    part = path.with_name(f".part_{uuid.uuid4().hex}{ending}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
