# SPDX-License-Identifier: BSD-3-Clause
"""python -m nnsp."""

from nnsp.commands import cli

if __name__ == "__main__":
    cli()
