"""Score networks, a file a task."""
