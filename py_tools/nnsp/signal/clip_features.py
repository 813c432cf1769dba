# SPDX-License-Identifier: BSD-3-Clause
"""Features of whole clips, computed on the host with librosa: MFCC, alone or with features of timbre."""

import numpy as np
from numpy.typing import NDArray

RATE = 22050
N_FFT = 2048
HOP = 512
FRAMES = 128  # of the window that a network sees
SAMPLES = (FRAMES - 1) * HOP  # of that window: its first and last frame lie centred on its ends
CEPSTRA = {"mfcc13": 13, "mfcc14": 14, "timbre33": 13}
COUNTS = {"mfcc13": 13, "mfcc14": 14, "timbre33": 33}

Floats = NDArray[np.float32]


def extract(kind: str, x: Floats) -> Floats:
    """Compute the features of a clip at 22 050 Hz.

    Parameters
    ----------
    kind : 'mfcc13', 'mfcc14' or 'timbre33'
        The last are 13 MFCC, spectral centroid in Hz, 12 chroma and 7 spectral contrasts in dB, in this order.
    x : float32[samples] in [-1, 1)

    Returns
    -------
    float32 [1 + samples // 512, features]
    """
    import librosa

    power = np.abs(librosa.stft(x, n_fft=N_FFT, hop_length=HOP)) ** 2
    bands = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=RATE))
    parts = [librosa.feature.mfcc(S=bands, n_mfcc=CEPSTRA[kind])]
    if kind == "timbre33":
        amplitude = np.sqrt(power)
        tuning = None if amplitude.any() else 0.0  # found by librosa, but in silence
        parts += [
            librosa.feature.spectral_centroid(S=amplitude, sr=RATE),
            librosa.feature.chroma_stft(S=power, sr=RATE, tuning=tuning),
            librosa.feature.spectral_contrast(S=amplitude, sr=RATE),
        ]
    return np.concatenate(parts).T.astype(np.float32)
