# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp train_se`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("train_se")
