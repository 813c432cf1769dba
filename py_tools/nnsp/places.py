"""Where the files of a checkout are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
