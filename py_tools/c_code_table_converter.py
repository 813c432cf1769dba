# SPDX-License-Identifier: BSD-3-Clause
"""The same as `nnsp c_code_table_converter`."""

from nnsp.commands import main

if __name__ == "__main__":
    main("c_code_table_converter")
