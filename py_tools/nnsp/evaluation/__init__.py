"""Scores of enhancers: pairs of clips, systems that enhance them, scores with intervals, a page to listen to."""
