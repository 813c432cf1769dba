"""Write nnsp_lib/src/kernels/lookup.c, the tables behind tanh, sigmoid, log2 and softmax."""

from nnsp.integer import tables
from nnsp.places import ROOT


def main() -> None:
    """Write the file in its place."""
    folder = ROOT / "nnsp_lib" / "src" / "kernels"
    tables.write(folder, {"lookup.c": tables.lookup_source()})
