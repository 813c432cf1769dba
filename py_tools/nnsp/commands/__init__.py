"""The commands: each is a module with `main` and a row of `COMMANDS`; those of a task follow from `tasks.TASKS`."""

from importlib import import_module
from pathlib import Path
from typing import NoReturn

from nnsp.commands.run import run
from nnsp.tasks import TASKS

COMMANDS = {
    **{
        f"{step}_{task}": f"{step}.{file}"
        for step in ("train", "evaluate")
        for task, file in TASKS.items()
        if (Path(__file__).parent / step / f"{file}.py").exists()
    },
    "data_se": "data.mixtures",
    "data_kws": "data.keywords",
    "stream_se": "stream.enhancement",
    "stream_events": "stream.events",
    "test_se": "enhance",
    "examine_se": "examine",
    "compare_rec": "compare",
    "predict_rec": "recognise",
    "c_code_table_converter": "convert",
    "make_lookup": "lookup",
    "sweep_se": "sweep",
}
"""Command -> its module in this package."""


def main(name: str) -> NoReturn:
    """Run a command with the arguments in `sys.argv`, and exit with its status."""
    module = import_module(f"nnsp.commands.{COMMANDS[name]}")
    run(module.main, getattr(module, "ON_INTERRUPT", "stopped"))
