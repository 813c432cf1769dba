# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of layers in Keras: a kind is one module here and one line of `LAYERS`."""

from nnsp.network.layers import conv1d, fc, lstm
from nnsp.network.layers.layer import KerasLayer

LAYERS: dict[str, KerasLayer] = {"fc": fc, "lstm": lstm, "conv1d": conv1d}
