# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp evaluate_se`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("evaluate_se")
