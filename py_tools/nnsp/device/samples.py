# SPDX-License-Identifier: BSD-3-Clause
"""What a board does to a hop of samples around the network; ``firmware/app/samples.c`` is the twin."""

import enum
import math
import struct

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError

GAIN_ONE = 1024  # 0 dB
GAIN_MAX = 32768  # 30 dB
STATE = struct.Struct("<hH")  # of ADPCM, in front of a block: the sample before, step
STEP_MIN, STEP_MAX = 4, 16384
FACTOR = (230, 230, 230, 230, 307, 410, 512, 614)  # of 256


class Packing(enum.IntEnum):
    """How LIVE carries samples; ``link_packing`` in C."""

    PCM16 = 0
    ADPCM4 = 1


def gain_of(decibels: float, what: str) -> int:
    """Return the board's number for a gain; raises UserError, naming `what`, beyond 30 dB."""
    gain = round(GAIN_ONE * 10 ** (decibels / 20)) if decibels < 100 else GAIN_MAX + 1
    if not math.isfinite(decibels) or gain > GAIN_MAX:
        raise UserError(f"`{what}={decibels:g}`: too much; expected at most 30 dB")
    return gain


def _saturate(x: NDArray[np.int64]) -> NDArray[np.int16]:
    return np.clip(x, -32768, 32767).astype(np.int16)


def amplify(samples: NDArray[np.int16], gain: int) -> NDArray[np.int16]:
    """Multiply by ``gain / GAIN_ONE``, rounded half up and saturated; ``samples_amplify`` in C."""
    return _saturate((samples.astype(np.int64) * gain + 512) >> 10)


def rms(samples: NDArray[np.int16]) -> int:
    """Root of the mean square, to about one in a thousand; ``samples_rms`` in C."""
    total = int((samples.astype(np.int64) ** 2).sum())
    shift = 0
    while total >> 32:
        total >>= 2
        shift += 1
    return math.isqrt(total // len(samples)) << shift


class Adpcm:
    """The 4-bit packing, lossy: what goes from one block to the next; ``samples_adpcm`` in C."""

    def __init__(self) -> None:
        self.last, self.step = 0, STEP_MIN

    def _advance(self, code: int) -> int:
        """Take one code, sign above three bits of size, and return its sample."""
        size = code & 7
        change = (2 * size + 1) * self.step >> 3
        self.last = max(-32768, min(32767, self.last - change if code & 8 else self.last + change))
        self.step = max(STEP_MIN, min(STEP_MAX, (self.step * FACTOR[size] + 128) >> 8))
        return self.last

    def pack(self, samples: NDArray[np.int16]) -> bytes:
        """Return a block: the state in front of it, then four bits a sample."""
        head = STATE.pack(self.last, self.step)
        codes = []
        for sample in samples.tolist():
            difference = sample - self.last
            code = min(7, abs(difference) * 4 // self.step) | (difference < 0) << 3
            self._advance(code)
            codes.append(code)
        codes += [0] * (len(codes) % 2)
        return head + bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True))

    @classmethod
    def unpack(cls, block: bytes, count: int) -> NDArray[np.int16]:
        """Return the `count` samples of a block, which needs no other."""
        reader = cls()
        reader.last, reader.step = STATE.unpack_from(block)
        codes = [code for byte in block[STATE.size :] for code in (byte & 15, byte >> 4)]
        return np.array([reader._advance(code) for code in codes[:count]], np.int16)


def block_bytes(packing: Packing, hop: int) -> int:
    """Bytes of one packed hop."""
    return 2 * hop if packing is Packing.PCM16 else STATE.size + (hop + 1) // 2


def unpack(packing: Packing, block: bytes, hop: int) -> NDArray[np.int16]:
    """Return the samples of one packed hop."""
    return (
        np.frombuffer(block, "<i2").astype(np.int16) if packing is Packing.PCM16 else Adpcm.unpack(block, hop)
    )
