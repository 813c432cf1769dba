# SPDX-License-Identifier: BSD-3-Clause
"""What mixtures are like: shares and ranges, kept in a mixing.json beside the lists."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from nnsp.errors import UserError
from nnsp.files import written

SETTINGS_FILE = "mixing.json"
LIMITS = {
    "speed": (0.5, 2.0),
    "voice_speed": (0.5, 2.0),
    "lead_seconds": (0.0, 60.0),
    "mute_seconds": (0.0, 60.0),
    "lowpass_hz": (1000.0, 8000.0),
    "highpass_hz": (0.0, 1000.0),
}


@dataclass(frozen=True)
class MixingSettings:
    """What mixtures are like.

    Ranges are drawn from uniformly. A `_prob` is a share: up to `silence_prob` of all rows, after it of the rows
    that have what it changes (speech or noise).
    """

    snr_db: tuple[float, float] = (-5.0, 25.0)  # active speech over noise rms
    level_db: tuple[float, float] = (-45.0, -5.0)  # active speech (or noise alone), dBFS
    noise_only_prob: float = 0.05
    clean_only_prob: float = 0.05
    silence_prob: float = 0.01  # nothing but zeros, or zeros and +-1
    even_speakers: bool = False  # draw speakers evenly instead of by their share of the seconds

    mute_prob: float = 0.15  # the microphone is switched on after `mute_seconds` of zeros
    mute_seconds: tuple[float, float] = (1.0, 7.0)
    lead_prob: float = 0.2  # speech comes after `lead_seconds` of noise
    lead_seconds: tuple[float, float] = (0.5, 2.0)
    speed_prob: float = 0.3
    speed: tuple[float, float] = (0.9, 1.1)
    voice_prob: float = 0.15  # speed again, so far that pitch and formants make another voice of it
    voice_speed: tuple[float, float] = (0.85, 1.18)
    reverb_prob: float = 0.2
    colour_prob: float = 0.5  # for speech and noise each

    babble_prob: float = 0.1  # other speakers talking; else
    gaussian_prob: float = 0.15  # noise of any spectrum; else recorded noise
    second_noise_prob: float = 0.25  # a weaker recorded one
    rumble_prob: float = 0.4  # below 120 Hz, under the other noise
    rumble_db: tuple[float, float] = (-12.0, 12.0)  # over the other noise
    hum_prob: float = 0.03
    hum_db: tuple[float, float] = (-15.0, 5.0)

    band_prob: float = 0.1  # of microphone or line, for speech, noise and target
    lowpass_hz: tuple[float, float] = (3400.0, 8000.0)
    highpass_hz: tuple[float, float] = (50.0, 300.0)
    gain_step_prob: float = 0.05  # mixture and target jump in level
    gain_step_db: tuple[float, float] = (-12.0, 12.0)
    clipping_prob: float = 0.03  # of the mixture, not of the target

    @classmethod
    def plain(cls, **values: Any) -> "MixingSettings":
        """Return settings with all probabilities 0 but for the values given: unchanged speech, and recorded noise."""
        nothing = {field.name: 0.0 for field in fields(cls) if field.name.endswith("_prob")}
        return cls(**{**nothing, **values})

    def write(self, path: Path | str) -> None:
        """Write as JSON."""
        with written(path) as part:
            part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> "MixingSettings":
        """Read what `write` wrote; a value that is left out takes its default.

        Raises
        ------
        UserError
            Not JSON, an unknown name, a probability outside [0, 1], shares that exceed the whole, or a range that
            does not rise or goes too far.
        """
        try:
            given = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as JSON ({error}); make it with data_se.py") from None
        if not isinstance(given, dict):
            raise UserError(f"{path}: holds no settings by name; make it with data_se.py")
        known = {field.name for field in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise UserError(f"{path}: unknown setting {name!r}; known are {', '.join(sorted(known))}")
            if name == "even_speakers":
                if not isinstance(value, bool):
                    raise UserError(f"{path}: {name} is {value!r}, and must be true or false")
                continue
            numbers = value if isinstance(value, list) else [value]
            if not all(isinstance(number, int | float) and np.isfinite(number) for number in numbers):
                raise UserError(f"{path}: {name} is {value!r}, and must be made of numbers")
            if name.endswith("_prob"):
                if len(numbers) != 1 or not 0 <= numbers[0] <= 1:
                    raise UserError(f"{path}: {name} is {value!r}, and must lie between 0 and 1")
                continue
            if len(numbers) != 2 or numbers[0] > numbers[1]:
                raise UserError(f"{path}: {name} is {value!r}, and must be two numbers, the smaller first")
            low, high = LIMITS.get(name, (-200.0, 200.0))
            if numbers[0] < low or numbers[1] > high:
                raise UserError(f"{path}: {name} is {value!r}, and must lie between {low:g} and {high:g}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        settings = cls(**values)
        for names in (
            ("noise_only_prob", "clean_only_prob", "silence_prob"),
            ("babble_prob", "gaussian_prob"),
        ):
            if sum(getattr(settings, name) for name in names) > 1:
                raise UserError(f"{path}: {', '.join(names)} are shares of one whole, and exceed 1 together")
        return settings
