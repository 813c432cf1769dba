"""The commands: each is a module with `main`, and a row of `COMMANDS`."""

from importlib import import_module
from typing import NoReturn

from nnsp.commands.run import run

COMMANDS = {
    "train_se": "train.enhancement",
    "train_vad": "train.voice",
    "train_kws": "train.keywords",
    "train_rec": "train.recognition",
    "evaluate_se": "evaluate.enhancement",
    "evaluate_vad": "evaluate.voice",
    "evaluate_kws": "evaluate.keywords",
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
