"""Streaming speech networks, from text to integers on a microcontroller."""
