"""python -m nnsp."""

from nnsp.commands import cli

if __name__ == "__main__":
    cli()
