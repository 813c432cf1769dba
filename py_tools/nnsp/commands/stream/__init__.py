"""Stream through a board."""
