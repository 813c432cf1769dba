"""What networks are trained for. A task is one module here and one line of `TASKS`."""

from importlib import import_module
from typing import Any

from nnsp.errors import UserError
from nnsp.training.task import Task

TASKS = {
    "se": "nnsp.tasks.enhancement:SpeechEnhancement",
    "vad": "nnsp.tasks.voice:VoiceActivity",
    "kws": "nnsp.tasks.keywords:Keywords",
    "rec": "nnsp.tasks.recognition:Recognition",
}


def find(name: str) -> type[Task]:
    """The task of that name.

    Raises
    ------
    UserError
        There is none.
    """
    if name not in TASKS:
        raise UserError(f"unknown task '{name}'; known are {', '.join(TASKS)}")
    module, cls = TASKS[name].split(":")
    found: type[Task] = getattr(import_module(module), cls)
    return found


def from_json(form: dict[str, Any]) -> Task:
    """The task that a model's folder was trained for, from its task.json."""
    return find(form["task"]).from_json(form)
