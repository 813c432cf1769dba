# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp predict_rec`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("predict_rec")
