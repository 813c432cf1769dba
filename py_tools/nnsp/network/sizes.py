# SPDX-License-Identifier: BSD-3-Clause
"""What a network takes in C: bytes of tables in flash, bytes of state in memory."""

from nnsp.network.arch import Arch
from nnsp.network.kinds import KINDS
from nnsp.network.kinds.kind import Layer
from nnsp.network.layout import padded
from nnsp.signal.frontend import FrontEnd


def band_count(fe: FrontEnd) -> int:
    """Return the mel bands of a front end, 0 where its features are bins."""
    return 0 if fe.feat_type == "pspec" else fe.bands


def table_bytes(arch: Arch, fe: FrontEnd) -> int:
    """Count the bytes of all tables in flash: weights, biases and multipliers, padded, and the front end's."""
    return sum(map(layer_bytes, arch.layers, arch.inputs)) + frontend_bytes(fe)


def layer_bytes(layer: Layer, inputs: int) -> int:
    """Count the bytes of one layer's tables."""
    return KINDS[layer.kind].table_bytes(layer, inputs)


def frontend_bytes(fe: FrontEnd) -> int:
    """Count the bytes of the front end's tables."""
    bands = 2 * (fe.bands + 2 + fe.bins) if fe.feat_type != "pspec" else 0
    dct = 2 * fe.coefficients * fe.bands if fe.feat_type == "mfcc" else 0
    return 2 * fe.window_size + 8 * twiddle_count(fe.fft_size // 2) + bands + dct + 8 * fe.feature_count


def twiddle_count(points: int) -> int:
    """Count the twiddles of a transform of `points` = 2**k complex points, and of the split after it.

    A radix-4 stage of distance q has 3 q; the distances are 2, 8, 32 .. or 4, 16, 64 .. up to a quarter of the points.
    The split takes a quarter turn.
    """
    first = 2 if points.bit_length() % 2 == 0 else 4
    return points - first + points // 2 + 1


def state_bytes(arch: Arch) -> int:
    """Return nnsp_net_state_bytes: what a stream of the network remembers, and the buffers it works in."""
    total, scratch, widest = 8 if arch.clip_frames else 0, 0, arch.input_neurons
    for layer, inputs in zip(arch.layers, arch.inputs, strict=True):
        total += KINDS[layer.kind].state_bytes(layer, inputs)
        scratch = max(scratch, KINDS[layer.kind].scratch_bytes(layer))
        widest = max(widest, layer.units)
    return total + 2 * 2 * padded(widest) + scratch


def enhancer_state_bytes(arch: Arch, fe: FrontEnd) -> int:
    """Return nnsp_enhancer_state_bytes of a model."""
    overlap = -(-fe.window_size * 4 // 8) * 8
    return classifier_state_bytes(arch, fe) + overlap + 2 * padded(fe.bins)


def classifier_state_bytes(arch: Arch, fe: FrontEnd) -> int:
    """Return nnsp_classifier_state_bytes of a model."""
    frontend = sum(-(-n // 8) * 8 for n in (fe.bins * 8, fe.window_size * 2))
    return frontend + classifier_shared_state_bytes(arch, fe)


def classifier_shared_state_bytes(arch: Arch, fe: FrontEnd) -> int:
    """Return nnsp_classifier_shared_state_bytes of a model."""
    return state_bytes(arch) + 2 * padded(fe.feature_count)
