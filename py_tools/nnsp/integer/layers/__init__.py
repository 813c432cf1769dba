# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of layers in NumPy: a kind is one module here and one line of `LAYERS`."""

from nnsp.integer.layers import conv1d, fc, lstm
from nnsp.integer.layers.layer import ReferenceLayer

LAYERS: dict[str, ReferenceLayer] = {"fc": fc, "lstm": lstm, "conv1d": conv1d}
