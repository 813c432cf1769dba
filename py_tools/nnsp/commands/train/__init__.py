"""Train a network, a file a task."""
