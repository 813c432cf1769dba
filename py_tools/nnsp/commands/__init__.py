# SPDX-License-Identifier: BSD-3-Clause
"""The commands: each is a module with `main` and a row of `COMMANDS`; those of a task follow from `tasks.TASKS`."""

import difflib
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

from nnsp import places
from nnsp.commands.run import run
from nnsp.tasks import TASKS


class Command(NamedTuple):
    """Module in this package, and what it does in one line."""

    module: str
    about: str


COMMANDS = {
    "enhance": Command("enhance", "take the noise out of recordings"),
    "detect": Command("detect", "say when somebody speaks, and which keywords"),
    "stream": Command(
        "stream.enhancement", "stream a recording or a microphone through a board (also stream_se)"
    ),
    "stream_events": Command(
        "stream.events", "stream through a board's classifiers, and show what they hear"
    ),
    "data_se": Command("data.mixtures", "make the lists of speech and noise that training mixes from"),
    "data_kws": Command("data.keywords", "make the lists of keywords"),
    **{
        f"{step}_{task}": Command(f"{step}.{file}", f"{about} {file}")
        for step, about in (("train", "train networks for"), ("evaluate", "score networks for"))
        for task, file in TASKS.items()
        if (Path(__file__).parent / step / f"{file}.py").exists()
    },
    "sweep_se": Command("sweep", "search networks and settings of speech enhancement"),
    "compare_rec": Command("compare", "train recognisers over seeds and compare them"),
    "test_se": Command("enhance", "enhance recordings or the microphone; the same as enhance"),
    "predict_rec": Command("recognise", "say what clips are"),
    "examine_se": Command("examine", "see what an enhancer makes of silence, noise and clean speech"),
    "c_code_table_converter": Command("convert", "convert a trained network to C tables"),
    "stream_se": Command("stream.enhancement", "the same as stream"),
    "make_lookup": Command("lookup", "write the C library's lookup tables"),
}


def main(name: str) -> NoReturn:
    """Run a command with the arguments in `sys.argv`, and exit with its status."""
    module = import_module(f"nnsp.commands.{COMMANDS[name].module}")
    run(module.main, getattr(module, "ON_INTERRUPT", "stopped"))


def cli() -> NoReturn:
    """Run the console command: nnsp COMMAND ..."""
    name, *arguments = sys.argv[1:] or ["help"]
    if name in ("help", "-h", "--help") and not arguments:
        print(listing())
        sys.exit(0)
    if name == "--version":
        print(f"nnsp {version()}")
        sys.exit(0)
    about = name == "help"
    name = arguments[0] if about else name
    if name not in COMMANDS:
        print(f"nnsp: there is no command '{name}'{_nearest(name)}", file=sys.stderr)
        sys.exit(2)
    if about:
        print(f"{name}: {COMMANDS[name].about}; nnsp {name} --help has its arguments")
        sys.exit(0)
    sys.argv = [f"nnsp {name}", *arguments]
    main(name)


def listing() -> str:
    """Return what `nnsp` alone prints."""
    width = max(map(len, COMMANDS))
    rows = [f"  {name:{width}}  {command.about}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: nnsp COMMAND [ARGUMENTS]; --help after a command has its arguments", "", *rows])


def version() -> str:
    """Return the library's version, which is this package's too."""
    found = re.search(r'NNSP_VERSION_STRING "(.+)"', (places.HEADERS / "nnsp.h").read_text())
    assert found
    return found[1]


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, 1, 0.5)
    return f"; did you mean {near[0]}?" if near else "; nnsp alone lists them"
