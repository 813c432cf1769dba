"""Sound files, the front end, scores and pictures."""
