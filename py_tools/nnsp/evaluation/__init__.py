# SPDX-License-Identifier: BSD-3-Clause
"""Scores of enhancers: pairs of clips, systems that enhance them, scores with intervals, a page to listen to."""

ENGINES = ("float", "quantized", "integer", "c")
"""Engines of a network that is scored."""

FORMS = (
    f"noisy, ENGINE or ENGINE:NETWORK with an engine of {', '.join(ENGINES)}, board:BOARD, "
    "NAME=dir:FOLDER or NAME=cmd:COMMAND"
)
"""How systems that are scored are named."""
