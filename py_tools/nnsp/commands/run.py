# SPDX-License-Identifier: BSD-3-Clause
"""How every command starts and ends."""

import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from nnsp.commands.quiet import silence_tensorflow
from nnsp.errors import UserError

SETTING = re.compile(r"`(\w+)(?:=([^`]*))?`")

EXTRAS = {
    "evaluate": ("matplotlib", "onnxruntime", "pesq", "PIL", "pystoi", "sounddevice"),
    "train": ("h5py", "jax", "keras", "librosa", "optuna", "scipy", "sklearn", "tensorboard", "tensorflow"),
}
"""Extra of the distribution -> packages that the base install does not have."""


def run(main: Callable[[], None], on_interrupt: str = "stopped") -> NoReturn:
    """Call a command's ``main`` and exit with its status.

    Parameters
    ----------
    main : callable
        Parses ``sys.argv`` and does the work.
    on_interrupt : str
        What to tell a user who presses Ctrl-C: what is kept, and how to go on.

    Notes
    -----
    Exit status: 0 done, 1 a `UserError` or a missing extra (one sentence on stderr), 130 Ctrl-C. Anything else
    is our own mistake, and keeps its traceback.
    """
    silence_tensorflow()
    try:
        main()
    except UserError as error:
        say(str(error))
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if not extra:
            raise
        say(f"this needs {error.name}, which is not installed: pip install 'nnsp-mcu[{extra}]'")
        sys.exit(1)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        say(on_interrupt)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # whoever read us has enough, as `head`
        sys.exit(141)
    sys.exit(0)


def extra_of(name: str) -> str:
    """Return the extra that a missing module comes with, or nothing."""
    package = name.partition(".")[0]
    return next((extra for extra, packages in EXTRAS.items() if package in packages), "")


def say(sentence: str) -> None:
    """Print a sentence for the user on stderr, after the tool's name and with its settings as flags."""
    print(f"{Path(sys.argv[0]).stem}: {with_flags(sentence)}", file=sys.stderr)


def with_flags(sentence: str) -> str:
    """Show the settings of an error as the flags that set them: `timesteps=7` becomes --timesteps=7."""
    from nnsp.training.settings import SETTINGS  # which needs NumPy; the list of commands does not

    flags = {setting.name: setting.flag for setting in SETTINGS if setting.flag}

    def flag(found: re.Match[str]) -> str:
        name, value = found.groups()
        return f"--{flags.get(name, name)}" + ("" if value is None else f"={shlex.quote(value)}")

    return SETTING.sub(flag, sentence)
