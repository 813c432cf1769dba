# SPDX-License-Identifier: BSD-3-Clause
"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path with the same ending that replaces `path` when the block ends without an error."""
    path = Path(path)
    part = path.with_name(f".part_{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
