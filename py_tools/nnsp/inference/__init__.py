"""Trained networks at work: loaded, converted to integers, run over recordings."""
