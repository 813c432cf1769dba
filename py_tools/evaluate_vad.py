# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp evaluate_vad`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("evaluate_vad")
