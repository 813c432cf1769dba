"""Write nnsp_lib/src/lookup.c, the tables behind tanh, sigmoid, log2 and softmax."""

from pathlib import Path

from nnsp import cli
from nnsp.integer import tables


def main() -> None:
    """Write the file in its place."""
    folder = Path(__file__).resolve().parents[1] / "nnsp_lib" / "src"
    tables.write(folder, {"lookup.c": tables.lookup_source()})


if __name__ == "__main__":
    cli.run(main)
