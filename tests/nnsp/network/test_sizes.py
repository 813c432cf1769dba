# SPDX-License-Identifier: BSD-3-Clause
"""What a network takes in C, against the tables themselves."""

import pytest
from hypothesis import given, settings

from networks import integer_networks
from nnsp.integer import frontend, tables
from nnsp.integer.quantization import IntegerNetwork
from nnsp.network import sizes


@settings(max_examples=30, deadline=None)
@given(integer_networks())
def test_layer_bytes_are_those_of_the_table(network: IntegerNetwork) -> None:
    for spec, layer in zip(network.arch.layers, network.layers, strict=True):
        assert sizes.layer_bytes(spec, layer.inputs) == tables.weight_words(layer).nbytes


@pytest.mark.parametrize("points", [32, 64, 128, 256, 512, 1024, 2048])
def test_twiddles_are_those_of_the_transform(points: int) -> None:
    assert sizes.twiddle_count(points) == len(frontend.twiddle_steps(points))
