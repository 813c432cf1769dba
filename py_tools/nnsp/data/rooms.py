# SPDX-License-Identifier: BSD-3-Clause
"""Room impulse responses: images of the source up to 60 ms, a decaying diffuse tail after that."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16000
LENGTH = 8000  # samples: half a second
SOUND = 343.0  # m/s
ORDER = 6  # images per axis: complete up to 2 * ORDER * 2.5 m = 30 m, 87 ms
TAIL_START = 960  # samples after the direct sound: 60 ms
FADE = 160
EARLY = 800  # samples after the direct sound that belong to the target: 50 ms


@dataclass(frozen=True)
class Room:
    """float32[LENGTH] responses, the direct sound at sample 0 with amplitude 1."""

    full: NDArray[np.float32]
    early: NDArray[np.float32]  # the first 50 ms, faded out over 10 ms


def _room(full: NDArray[np.float64]) -> Room:
    early = full * np.clip((EARLY + FADE - np.arange(LENGTH)) / FADE, 0, 1)
    return Room(full.astype(np.float32), early.astype(np.float32))


def measured(response: NDArray[np.int16]) -> Room:
    """Make a room of a recorded response; its loudest sample is taken for the direct sound."""
    direct = int(np.argmax(np.abs(response.astype(np.int32))))
    full = np.zeros(LENGTH)
    heard = response[direct : direct + LENGTH] / float(response[direct])
    full[: heard.size] = heard
    return _room(full)


def _axis(length: float, source: float, microphone: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distances along one axis from each image to the microphone, and the wall hits."""
    n = np.arange(-ORDER, ORDER + 1)
    distance = np.concatenate([source + 2 * n * length, -source + 2 * n * length]) - microphone
    hits = np.concatenate([np.abs(2 * n), np.abs(2 * n - 1)])
    return distance, hits


def images(
    size: NDArray[np.float64], source: NDArray[np.float64], microphone: NDArray[np.float64], t60: float
) -> NDArray[np.float64]:
    """Compute the response of a shoe-box room by the image method, each echo on its nearest sample.

    Parameters
    ----------
    size, source, microphone : float64[3]
        m; positions lie inside the room.
    t60 : float
        s; Sabine's formula gives the walls' reflection from it.

    Returns
    -------
    float64[LENGTH], beginning at the direct sound and scaled to make it 1
    """
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    absorbed = min(0.161 * float(np.prod(size)) / (surface * t60), 0.95)
    reflection = np.sqrt(1 - absorbed)
    (x, hx), (y, hy), (z, hz) = (_axis(*axis) for axis in zip(size, source, microphone, strict=True))
    distance = np.sqrt(np.add.outer(np.add.outer(x**2, y**2), z**2)).ravel()
    hits = np.add.outer(np.add.outer(hx, hy), hz).ravel()
    direct = distance.min()
    sample = np.rint((distance - direct) / SOUND * RATE).astype(np.int64)
    heard = sample < LENGTH
    amplitude = reflection ** hits[heard] * direct / distance[heard]
    return np.asarray(np.bincount(sample[heard], amplitude, LENGTH), np.float64)


def draw(rng: np.random.Generator) -> Room:
    """Draw a room of 2.5 x 2.5 x 2.4 m to 8 x 6 x 3.5 m, T60 0.15 to 0.6 s, talker 0.3 to 2.5 m away."""
    size = rng.uniform([2.5, 2.5, 2.4], [8.0, 6.0, 3.5])
    t60 = float(rng.uniform(0.15, 0.6))
    microphone = rng.uniform(0.4, size - 0.4)
    direction = rng.standard_normal(3) * [1.0, 1.0, 0.3]
    reach = rng.uniform(0.3, 2.5)
    source = np.clip(microphone + reach * direction / np.linalg.norm(direction), 0.3, size - 0.3)
    if np.linalg.norm(source - microphone) < 0.1:
        source = np.clip(microphone + np.array([0.3, 0.0, 0.0]), 0.3, size - 0.3)
    full = images(size, source, microphone, t60)

    # The tail takes over at the power that the images have around its start.
    time = np.arange(LENGTH)
    envelope = 10 ** (-3 * time / (t60 * RATE))
    around = slice(TAIL_START - 320, TAIL_START + 320)
    power = np.mean(full[around] ** 2) / np.mean(envelope[around] ** 2)
    tail = rng.standard_normal(LENGTH) * envelope * np.sqrt(power)
    rise = np.clip((time - TAIL_START) / FADE, 0, 1)
    full = full * np.sqrt(1 - rise) + tail * np.sqrt(rise)
    return _room(full)
