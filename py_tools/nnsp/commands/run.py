"""How every command line tool starts and ends."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from nnsp.errors import UserError

SETTING = re.compile(r"`(\w+)(?:=([^`]*))?`")


def run(main: Callable[[], None], on_interrupt: str = "stopped") -> NoReturn:
    """Call a tool's ``main`` and exit with its status.

    Parameters
    ----------
    main : callable
        Parses ``sys.argv`` and does the work.
    on_interrupt : str
        What to tell a user who presses Ctrl-C: what is kept, and how to go on.

    Notes
    -----
    Exit status: 0 done, 1 a `UserError` (one sentence on stderr), 130 Ctrl-C. Anything else is our
    own mistake, and keeps its traceback.
    """
    try:
        main()
    except UserError as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        say(on_interrupt)
        sys.exit(130)
    sys.exit(0)


def say(sentence: str) -> None:
    """Print a sentence for the user on stderr, after the tool's name and with its settings as flags."""
    print(f"{Path(sys.argv[0]).stem}: {with_flags(sentence)}", file=sys.stderr)


def with_flags(sentence: str) -> str:
    """Show the settings of an error as the flags that set them: `timesteps=7` becomes --timesteps=7."""
    from nnsp.training.settings import SETTINGS  # not above: it brings NumPy, which most starts do not need

    flags = {setting.name: setting.flag for setting in SETTINGS if setting.flag}

    def flag(found: re.Match[str]) -> str:
        name, value = found.groups()
        return f"--{flags.get(name, name)}" + ("" if value is None else f"={shlex.quote(value)}")

    return SETTING.sub(flag, sentence)
