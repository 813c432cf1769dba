"""The C network equals the NumPy one to the bit, whatever the network, the input and the split of the stream."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import frames, integer_networks, random_weights
from nnsp.errors import UserError
from nnsp.integer import clib, quantization
from nnsp.integer.clib import CNetwork
from nnsp.integer.quantization import IntegerNetwork
from nnsp.integer.reference import ReferenceNetwork
from nnsp.network.arch import Arch, Layer

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(
    network=integer_networks(),
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["usual", "extreme"]),
    cuts=st.lists(st.integers(0, 24), max_size=4),
)
def test_c_equals_numpy(network: IntegerNetwork, seed: int, kind: str, cuts: list[int]) -> None:
    x = frames(seed, 24, network.layers[0].inputs, kind)
    whole = ReferenceNetwork(network).run(x)
    pieces = ReferenceNetwork(network)
    parts = [pieces.run(part) for part in np.split(x, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(CNetwork(network).run(x), whole)


@SETTINGS
@given(network=integer_networks(), seed=st.integers(0, 2**31), kind=st.sampled_from(["usual", "extreme"]))
def test_checked_build_sees_no_overflow(network: IntegerNetwork, seed: int, kind: str) -> None:
    library = clib.library(checked=True)
    library.lib.nnsp_checked.overflows = 0
    x = frames(seed, 12, network.layers[0].inputs, kind)
    np.testing.assert_array_equal(CNetwork(network, library).run(x), ReferenceNetwork(network).run(x))
    assert library.lib.nnsp_checked.overflows == 0


def test_checked_build_counts_an_overflow() -> None:
    """A network whose proof was left out: the count must notice."""
    library = clib.library(checked=True)
    arch = Arch("wide", 600, 0.0, (Layer("fc", 2, "linear"),))
    network = quantization.quantize(arch, random_weights(arch, 1, 0.1))
    layer = network.layers[0]
    layer.weights[:] = 127
    library.lib.nnsp_checked.overflows = 0
    CNetwork(network, library).run(np.full((1, 600), 32767, dtype=np.int16))
    assert library.lib.nnsp_checked.overflows > 0


@pytest.fixture
def network() -> IntegerNetwork:
    arch = Arch(
        "small",
        10,
        0.0,
        (Layer("conv1d", 12, "tanh", 3), Layer("lstm", 9, "tanh"), Layer("fc", 5, "sigmoid")),
    )
    return quantization.quantize(arch, random_weights(arch, 3, 0.5))


def test_two_instances_interleaved(network: IntegerNetwork) -> None:
    one, two = CNetwork(network), CNetwork(network)
    x, y = frames(1, 20, 10, "usual"), frames(2, 20, 10, "usual")
    mixed = [(one.run(a[None]), two.run(b[None])) for a, b in zip(x, y, strict=True)]
    np.testing.assert_array_equal(np.concatenate([a for a, _ in mixed]), ReferenceNetwork(network).run(x))
    np.testing.assert_array_equal(np.concatenate([b for _, b in mixed]), ReferenceNetwork(network).run(y))


def test_save_and_restore(network: IntegerNetwork) -> None:
    stream = CNetwork(network)
    x = frames(4, 30, 10, "usual")
    stream.run(x[:10])
    saved = stream.save()
    rest = stream.run(x[10:])
    stream.restore(saved)
    np.testing.assert_array_equal(stream.run(x[10:]), rest)
    stream.reset()
    np.testing.assert_array_equal(stream.run(x[:10]), ReferenceNetwork(network).run(x[:10]))


def test_overflowing_row_is_refused_with_its_layer_and_row() -> None:
    with pytest.raises(UserError, match=r"layer 4 \(fc\) row 1: the accumulator could reach"):
        quantization.prove("layer 4 (fc)", np.array([[1, 2], [127, 127]]), np.array([0, 2**31 - 1]))


def test_weights_that_are_not_finite_are_refused() -> None:
    arch = Arch("small", 3, 0.0, (Layer("fc", 2, "tanh"),))
    weights = random_weights(arch, 1, 1.0)
    weights[0]["kernel"][0, 0] = np.nan
    with pytest.raises(UserError, match=r"layer 1 \(fc\): kernel holds NaN"):
        quantization.quantize(arch, weights)


class TestTablesThatLie:
    """nnsp_net_init refuses what step could not survive."""

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("kind", 9, "out of range"),
            ("shift", 0, "out of range"),
            ("units", 0, "out of range"),
            ("activation", 4, "out of range"),
            ("out_frac", 3, "out of range"),
            ("inputs", 11, "do not fit"),
            ("in_frac", 11, "do not fit"),
        ],
    )
    def test_layer(self, network: IntegerNetwork, field: str, value: int, sentence: str) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        table = tables_of.network(network)
        setattr(table.layers[1 if field in ("inputs", "in_frac") else 0], field, value)
        with pytest.raises(UserError, match=sentence):
            self.init(library, table)

    def test_version(self, network: IntegerNetwork) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        table = tables_of.network(network)
        table.version += 1
        with pytest.raises(UserError, match="another format version"):
            self.init(library, table)

    def test_damaged(self, network: IntegerNetwork) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        table = tables_of.network(network)
        weights = library.ffi.cast("int8_t *", table.layers[0].weights)
        weights[5] ^= 1
        try:
            with pytest.raises(UserError, match="damaged or cut short"):
                self.init(library, table)
        finally:
            weights[5] ^= 1

    def test_short_state(self, network: IntegerNetwork) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        with pytest.raises(UserError, match="smaller than the model needs"):
            self.init(library, tables_of.network(network), spare=-8)

    def test_unaligned_state(self, network: IntegerNetwork) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        with pytest.raises(UserError, match="not 8-byte aligned"):
            self.init(library, tables_of.network(network), offset=2)

    @staticmethod
    def init(library: clib.Library, table: Any, spare: int = 0, offset: int = 0) -> None:
        size = library.lib.nnsp_net_state_bytes(table)
        memory = library.ffi.new("uint64_t[]", size // 8 + 8)
        net = library.ffi.new("nnsp_net *")
        start = library.ffi.cast("uint8_t *", memory) + offset
        library.check(library.lib.nnsp_net_init(net, table, start, size + spare))
