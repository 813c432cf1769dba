"""The same as `nnsp examine_se`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("examine_se")
