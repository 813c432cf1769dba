# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp make_lookup`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("make_lookup")
