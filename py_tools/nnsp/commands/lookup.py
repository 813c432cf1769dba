# SPDX-License-Identifier: BSD-3-Clause
"""Write nnsp_lib/src/kernels/lookup.c, the tables for tanh, sigmoid, log2 and softmax."""

import argparse

from nnsp import places
from nnsp.errors import UserError


def main() -> None:
    """Write the file in its place."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not places.CHECKOUT:
        raise UserError("the library's sources are in a checkout of the repository alone; call this there")
    from nnsp.integer import tables

    folder = places.ROOT / "nnsp_lib" / "src" / "kernels"
    tables.write(folder, {"lookup.c": tables.lookup_source()})
