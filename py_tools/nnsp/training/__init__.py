"""The trainer: tasks ask, folders keep, losses and steps compute."""
