# SPDX-License-Identifier: BSD-3-Clause
"""What networks are trained for. A task is one module here, `TASK` in it, and one row of `TASKS`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nnsp.errors import UserError

if TYPE_CHECKING:
    from nnsp.training.task import Task

TASKS = {"se": "enhancement", "vad": "voice", "kws": "keywords", "rec": "recognition"}
"""Short name, in task.json and in commands -> name of the task's file in every folder."""


def find(name: str) -> "type[Task]":
    """Find the task of that short name.

    Raises
    ------
    UserError
        There is none.
    """
    if name not in TASKS:
        raise UserError(f"unknown task '{name}'; known are {', '.join(TASKS)}")
    found: type[Task] = import_module(f"nnsp.tasks.{TASKS[name]}").TASK
    return found


def from_json(form: dict[str, Any]) -> "Task":
    """Make the task that a model's folder was trained for, from its task.json."""
    return find(form["task"]).from_json(form)
