# SPDX-License-Identifier: BSD-3-Clause
"""How weights and activations lie in memory; the twin of nnsp_lib/include/nnsp_layout.h.

Rows stand in groups of four and columns in blocks of eight. After the blocks of a group stand its biases (int32) and
multipliers (int16): ROWS_WORDS, or GATES_WORDS where a recurrent matrix has multipliers of its own.
"""

GROUP_ROWS, BLOCK_COLS = 4, 8
ROWS_WORDS, GATES_WORDS = 6, 8


def padded(n: int) -> int:
    """Round n activations up to whole blocks of columns."""
    return -(-n // BLOCK_COLS) * BLOCK_COLS


def whole_groups(rows: int) -> int:
    """Round rows up to whole groups."""
    return -(-rows // GROUP_ROWS) * GROUP_ROWS
