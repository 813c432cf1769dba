# SPDX-License-Identifier: BSD-3-Clause
"""Sound in and out: any file that soundfile reads becomes float32 mono at the rate asked for."""

import glob
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from nnsp.errors import UserError
from nnsp.files import written

RATE = 16000
BLOCK = 1 << 17  # frames of a file read at once
AU_HEADS = (b".snd", b"dns.")
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64", ".caf"}


def resample(x: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Band-limited change of the sampling rate of a mono signal.

    Parameters
    ----------
    x : float32[samples]
    rate, wanted : int
        Hz.

    Returns
    -------
    float32[samples * wanted / rate, rounded]
    """
    import soxr

    return x if rate == wanted else np.asarray(soxr.resample(x, rate, wanted), np.float32)


class Reader:
    """A sound file, read block by block as mono at `rate`; its memory does not grow with the file.

    Parameters
    ----------
    path : path
    rate : int
        Hz.

    Raises
    ------
    UserError
        The file is missing, not audio, or empty; while reading: it is damaged, or holds NaN or infinity.
    """

    def __init__(self, path: Path | str, rate: int = RATE) -> None:
        self.path, self.rate = Path(path), rate
        with self._opened() as file:
            self.file_rate, self.channels, self.frames = file.samplerate, file.channels, file.frames
        if self.frames == 0:
            raise UserError(f"{self.path}: holds no samples; give a file with sound in it")

    @contextmanager
    def _opened(self) -> Iterator[soundfile.SoundFile]:
        path = self.path
        if not path.is_file():
            raise UserError(f"{path}: no such file; give the name of a sound file (wav, flac, ogg, mp3)")
        try:
            with path.open("rb") as file:
                # libsndfile takes an .au without its header for telephone speech, whatever it holds.
                if path.suffix.lower() == ".au" and file.read(4) not in AU_HEADS:
                    raise RuntimeError("no header of an .au file")
            with soundfile.SoundFile(path) as sound:
                yield sound
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise UserError(
                f"{path}: not a sound file that can be read ({error}); wav, flac, ogg or mp3 will do"
            ) from None

    @property
    def changes(self) -> str:
        """What has to be changed to get mono at `rate`, or nothing."""
        said = []
        if self.channels > 1:
            said.append(f"{self.channels} channels mixed down to one")
        if self.file_rate != self.rate:
            said.append(f"resampled from {self.file_rate} to {self.rate} Hz")
        return ", ".join(said)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32[samples] in [-1, 1), block by block; the blocks together equal the file read at once."""
        resampler = None
        if self.file_rate != self.rate:
            import soxr

            resampler = soxr.ResampleStream(self.file_rate, self.rate, 1, dtype="float32")
        with self._opened() as file:
            for x in file.blocks(BLOCK, dtype="float32", always_2d=True):
                if not np.isfinite(x).all():
                    raise UserError(f"{self.path}: holds NaN or infinity; write it again with finite samples")
                mono = x[:, 0].copy() if self.channels == 1 else x.mean(axis=1, dtype=np.float32)
                yield resampler.resample_chunk(mono) if resampler else mono
        if resampler:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def load(path: Path | str, rate: int = RATE) -> tuple[NDArray[np.float32], int, int]:
    """Read a sound file as mono at `rate` without a word.

    Returns
    -------
    (float32[samples] in [-1, 1), the file's rate in Hz, the file's channels)

    Raises
    ------
    UserError
        As `Reader`.
    """
    reader = Reader(path, rate)
    return np.concatenate(list(reader)), reader.file_rate, reader.channels


def read(path: Path | str, rate: int = RATE) -> NDArray[np.float32]:
    """Read a sound file as mono at `rate`, and say in one line if it had to be changed for that.

    Returns
    -------
    float32[samples] in [-1, 1)

    Raises
    ------
    UserError
        As `Reader`.
    """
    reader = Reader(path, rate)
    x = np.concatenate(list(reader))
    if reader.changes:
        print(f"{path}: {reader.changes}")
    return x


def to_int16(x: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round samples in [-1, 1) to int16 and saturate."""
    return np.clip(np.rint(x * 32768.0), -32768, 32767).astype(np.int16)


def from_int16(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Samples in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(32768)


def files(folder: Path) -> list[Path]:
    """Find the sound files in a folder and below it, by name, without hidden ones.

    Raises
    ------
    UserError
        The folder is missing or holds none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of sound files")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise UserError(
            f"{folder}: holds no sound files ({', '.join(sorted(SUFFIXES))}); is it the right folder?"
        )
    return found


def partner(path: Path, reference: Path, root: Path | None = None) -> Path:
    """The clean reference of a recording: the file given, or the one of the same name in the folder given.

    Parameters
    ----------
    path : Path
    reference : Path
        File or folder.
    root : Path, optional
        Folder above `path` that `reference` is the like of (default: the one that `path` lies in).

    Raises
    ------
    UserError
        The folder has none, or several.
    """
    if not reference.is_dir():
        return reference
    reference = reference / path.parent.relative_to(root or path.parent)
    found = [p for p in reference.glob(f"{glob.escape(path.stem)}.*") if p.suffix.lower() in SUFFIXES]
    if len(found) != 1:
        raise UserError(f"{reference}: holds {len(found) or 'no'} references named {path.stem}; expected one")
    return found[0]


def write_wav(path: Path | str, x: NDArray[np.float32] | NDArray[np.int16], rate: int = RATE) -> None:
    """Write a mono int16 wav under a temporary name, then rename it.

    Parameters
    ----------
    x : int16[samples], or float[samples] in [-1, 1) which is rounded and saturated
    """
    samples = np.asarray(x, np.int16) if x.dtype == np.int16 else to_int16(np.asarray(x, np.float32))
    write_blocks(path, [samples], rate)


def write_blocks(path: Path | str, blocks: Iterable[NDArray[np.int16]], rate: int = RATE) -> None:
    """Write a mono int16 wav block by block under a temporary name, then rename it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        written(path) as part,
        soundfile.SoundFile(part, "w", rate, 1, subtype="PCM_16", format="WAV") as file,
    ):
        for block in blocks:
            file.write(block)


def record(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Record the default microphone.

    Returns
    -------
    float32[seconds * rate]

    Raises
    ------
    UserError
        There is no PortAudio or no microphone.
    """
    try:
        import sounddevice
    except OSError:
        raise UserError(
            "recording needs PortAudio, which is not there: install it (Debian: apt install libportaudio2), "
            "or give a file with `test_wavefile`"
        ) from None
    try:
        print(f"recording {seconds:g} s ...")
        x = sounddevice.rec(int(seconds * rate), samplerate=rate, channels=1, dtype="float32", blocking=True)
    except sounddevice.PortAudioError as error:
        raise UserError(
            f"no microphone could be opened at {rate} Hz ({error}); plug one in, "
            "or give a file with `test_wavefile`"
        ) from None
    return np.ascontiguousarray(x[:, 0])
