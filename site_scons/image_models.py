# SPDX-License-Identifier: BSD-3-Clause
"""Which networks are in an image: `scons target=<board> model=se,vad,kws` makes image_models.h of them."""

import glob
import os
import re
from pathlib import Path

FOLDER = "firmware/models"
# What all networks of an image share, for they share one analysis.
SHARED = {"RATE": "samples per second", "HOP": "samples a hop", "WINDOW": "samples of window", "FFT": "points of transform"}
# What a host takes in one frame, and what a HELLO has beside labels (firmware/app/session.h).
FRAME_BYTES, HELLO_BYTES, NETWORK_BYTES = 4096, 10 + 314, 115
NEEDED = (*SHARED, "ID", "TASK", "LABELS", "LABEL_BYTES", "STATE_BYTES")


def find(model, folder=FOLDER):
    """Path of def_nn<id>_<model>.c; raises ValueError where there is not just one."""
    found = glob.glob(f"{folder}/def_nn*_{model}.c")
    found = [path for path in found if re.fullmatch(rf"def_nn\d+_{re.escape(model)}\.c", os.path.basename(path))]
    if len(found) != 1:
        what = "no" if not found else "more than one"
        raise ValueError(f"there is {what} {folder}/def_nn<id>_{model}.c; py_tools/c_code_table_converter.py makes it")
    return found[0]


def macros(table):
    """The macros of a table's header, without their prefix."""
    stem = Path(table).stem
    text = Path(table).with_suffix(".h").read_text()
    found = dict(re.findall(rf"^#define {stem.removeprefix('def_').upper()}_(\w+) (\S+)$", text, re.MULTILINE))
    for name in NEEDED:
        if name not in found:
            raise ValueError(f"{table} is of an older format: convert the network again")
    return found


def choose(names, folder=FOLDER):
    """Paths of the tables named in "se,vad,kws"; raises ValueError where they do not go together."""
    names = names.split(",")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"model={','.join(names)}: '{twice}' is named twice; name each network once")
    tables = [find(name, folder) for name in names]
    of = {table: macros(table) for table in tables}
    first, *others = tables
    for number, table in enumerate(tables):
        for before in tables[:number]:
            if of[table]["ID"] == of[before]["ID"]:
                raise ValueError(
                    f"{before} and {table} both have the id {of[table]['ID']}; convert one again with another --net_id"
                )
    for table in others:
        for name, what in SHARED.items():
            if of[table][name] != of[first][name]:
                raise ValueError(
                    f"{first} has {of[first][name]} {what} and {table} {of[table][name]}: networks of one image share "
                    "their analysis; train one of them with the other's, or build two images"
                )
    enhancers = [table for table in tables if of[table]["TASK"] == "NNSP_ENHANCE"]
    if len(enhancers) > 1:
        raise ValueError(f"{enhancers[0]} and {enhancers[1]} both enhance; an image has one enhancer at most")
    said = HELLO_BYTES + sum(NETWORK_BYTES + int(of[table]["LABEL_BYTES"]) for table in tables)
    if said > FRAME_BYTES:
        raise ValueError(
            f"model={','.join(names)}: names and labels take {said} bytes of a HELLO, which has {FRAME_BYTES}; "
            "take fewer networks or shorter labels"
        )
    return tables


def enhances_alone(tables):
    """Whether there is an enhancer and nothing else."""
    return len(tables) == 1 and macros(tables[0])["TASK"] == "NNSP_ENHANCE"


def header(tables):
    """Text of image_models.h: MODELS(MODEL) calls MODEL(symbol, prefix of its macros, bytes of state) for each table."""
    of = {table: macros(table) for table in tables}
    analyses = next((table for table in tables if of[table]["TASK"] == "NNSP_ENHANCE"), tables[0])
    lines, rows = [], []
    for table in tables:
        stem = Path(table).stem
        symbol = stem.removeprefix("def_")
        state = "STATE_BYTES" if table == analyses else "SHARED_STATE_BYTES"
        lines.append(f'#include "{stem}.h"')
        rows.append(f"    MODEL({symbol}, {symbol.upper()}, {symbol.upper()}_{state})")
    hop = Path(analyses).stem.removeprefix("def_").upper()
    lines += [f"#define MODEL_HOP {hop}_HOP", "#define MODELS(MODEL) \\", " \\\n".join(rows)]
    return "\n".join(lines) + "\n"
