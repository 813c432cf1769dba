"""Files that are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written(path: Path | str) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when all is written; its ending is the same."""
    path = Path(path)
    part = path.with_name(f".part_{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
