# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp examine_se`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("examine_se")
