# SPDX-License-Identifier: BSD-3-Clause
"""The C network equals the NumPy one to the bit, whatever the network, the input and the split of the stream."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import frames, integer_networks, random_weights
from nnsp.errors import UserError
from nnsp.integer import calibration, clib, quantization
from nnsp.integer.c_streams import CNetwork
from nnsp.integer.quantization import IntegerNetwork
from nnsp.integer.reference import ReferenceNetwork
from nnsp.network import sizes
from nnsp.network.arch import Arch, Layer
from nnsp.signal.frontend import FrontEnd

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
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


CLIP = Arch(
    "clip",
    10,
    0.0,
    (
        Layer("conv1d", 12, "tanh", 3, strides=3),
        Layer("lstm", 9, "tanh"),
        Layer("lstm", 7, "tanh", returns_last=True),
        Layer("fc", 6, "relu6"),
        Layer("fc", 5, "softmax"),
    ),
    clip_frames=12,
)


@pytest.fixture
def clip_network() -> IntegerNetwork:
    return quantization.quantize(CLIP, random_weights(CLIP, 3, 0.9))


def test_every_clip_starts_from_silence(clip_network: IntegerNetwork) -> None:
    x = frames(5, 3 * 12 + 4, 10, "usual")
    ours = CNetwork(clip_network)
    alone = [CNetwork(clip_network).run(clip) for clip in np.split(x[:36], 3)]
    np.testing.assert_array_equal(ours.run(x), np.concatenate(alone))
    assert len({row.tobytes() for row in np.concatenate(alone)}) == 3


def test_the_output_comes_with_the_last_frame(clip_network: IntegerNetwork) -> None:
    """Strides of 3 skip that frame; the output waits for it all the same."""
    x = frames(5, 24, 10, "usual")
    for stream in (CNetwork(clip_network), ReferenceNetwork(clip_network)):
        given = [len(stream.run(frame[None])) for frame in x]
        assert given == [int(t % 12 == 11) for t in range(24)]


def test_save_and_restore_within_a_clip(clip_network: IntegerNetwork) -> None:
    stream = CNetwork(clip_network)
    x = frames(4, 40, 10, "usual")
    stream.run(x[:17])
    saved = stream.save()
    rest = stream.run(x[17:])
    stream.run(x[:5])
    stream.restore(saved)
    np.testing.assert_array_equal(stream.run(x[17:]), rest)
    np.testing.assert_array_equal(rest, ReferenceNetwork(clip_network).run(x)[1:])
    stream.reset()
    np.testing.assert_array_equal(stream.run(x[:12]), ReferenceNetwork(clip_network).run(x[:12]))


def test_state_bytes_are_those_of_c(clip_network: IntegerNetwork, network: IntegerNetwork) -> None:
    for each in (clip_network, network):
        assert CNetwork(each).state_bytes == sizes.state_bytes(each.arch)


def test_calibration_wants_a_whole_clip() -> None:
    weights = random_weights(CLIP, 3, 0.5)
    with pytest.raises(UserError, match="clip: 11 frames to calibrate on, but a clip of this network has 12"):
        calibration.calibrate(CLIP, weights, frames(1, 11, 10, "usual"))
    _, report = calibration.calibrate(CLIP, weights, frames(1, 30, 10, "usual"))
    assert [layer.outputs for layer in report] == [8 * 12, 8 * 9, 2 * 7, 2 * 6, 2 * 5]
    assert min(layer.sqnr_db for layer in report) > 20


def test_features_of_another_width_are_refused() -> None:
    samples, one = np.zeros(4800, dtype=np.int16), np.ones(10)
    with pytest.raises(UserError, match="clip: input_neurons 10, but `feat_type=mel` gives 72 features"):
        calibration.convert(CLIP, random_weights(CLIP, 3, 0.5), FrontEnd(), one, one, samples)


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
        ("layer", "field", "value", "sentence"),
        [
            (0, "kind", 9, "out of range"),
            (0, "shift", 0, "out of range"),
            (0, "units", 0, "out of range"),
            (0, "activation", 5, "out of range"),
            (0, "activation", 4, "out of range"),
            (0, "out_frac", 3, "out of range"),
            (0, "returns_last", 1, "out of range"),
            (1, "returns_last", 1, "out of range"),
            (1, "inputs", 11, "do not fit"),
            (1, "in_frac", 11, "do not fit"),
        ],
    )
    def test_layer(self, network: IntegerNetwork, layer: int, field: str, value: int, sentence: str) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        table = tables_of.network(network)
        setattr(table.layers[layer], field, value)
        with pytest.raises(UserError, match=sentence):
            self.init(library, table)

    @pytest.mark.parametrize(
        ("layer", "field", "value"),
        [(1, "returns_last", 1), (2, "returns_last", 0), (2, "returns_last", 2), (3, "activation", 4)],
        ids=["twice", "never", "two", "softmax in the middle"],
    )
    def test_clip(self, clip_network: IntegerNetwork, layer: int, field: str, value: int) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        table = tables_of.network(clip_network)
        setattr(table.layers[layer], field, value)
        table.layers[3].out_frac = 15 if field == "activation" else 12
        table.layers[4].in_frac = table.layers[3].out_frac
        with pytest.raises(UserError, match="out of range"):
            self.init(library, table)

    @pytest.mark.parametrize(("frames", "sentence"), [(0, "out of range"), (9, "damaged")])
    def test_other_clip(self, clip_network: IntegerNetwork, frames: int, sentence: str) -> None:
        library = clib.library()
        tables_of = clib.CTables(library)
        table = tables_of.network(clip_network)
        table.clip_frames = frames
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
