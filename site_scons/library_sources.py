# SPDX-License-Identifier: BSD-3-Clause
"""The sources of the C library: every file is compiled, and src/kernels/select.h says which have something to give."""

from pathlib import Path


def find(root="."):
    """Paths of all C and assembly files of nnsp_lib."""
    return sorted(Path(root, "nnsp_lib/src").rglob("*.[cS]"))
