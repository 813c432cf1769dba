# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of layers that a text may name: a kind is one module here and one line of `KINDS`."""

from nnsp.network.kinds.conv1d import Conv1d
from nnsp.network.kinds.fc import Fc
from nnsp.network.kinds.kind import Kind
from nnsp.network.kinds.lstm import Lstm

KINDS: dict[str, Kind] = {"fc": Fc(), "lstm": Lstm(), "conv1d": Conv1d()}
