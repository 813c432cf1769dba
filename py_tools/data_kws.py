# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp data_kws`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("data_kws")
