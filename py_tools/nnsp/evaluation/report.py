# SPDX-License-Identifier: BSD-3-Clause
"""A page with the scores, and every clip of every system to look at and listen to."""

import json
import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from nnsp.evaluation.enhancement import Result, Row, text
from nnsp.files import written
from nnsp.signal import metrics

PAGE = Path(__file__).with_name("report.html")


def sound_folders(folder: Path, systems: Sequence[str]) -> dict[str, Path]:
    """Return the folder below ``sound`` of each system's wavs and pictures, and of the clean speech."""
    folders: dict[str, Path] = {}
    for system in dict.fromkeys(["noisy" if "noisy" in systems else "clean", "clean", *systems]):
        name = re.sub(r"[^\w.-]+", "_", system)
        while folder / "sound" / name in folders.values():
            name += "_"
        folders[system] = folder / "sound" / name
    return folders


def write(
    folder: Path,
    title: str,
    results: Sequence[Result],
    rows: Sequence[Row],
    folders: dict[str, Path],
    reference: str | None,
) -> Path:
    """Write index.html beside the folder ``sound``.

    Parameters
    ----------
    folders : dict
        Of `sound_folders`, filled.
    reference : str, optional
        System that gains are over.

    Returns
    -------
    Path
    """
    names = list(results[0].values)
    compared = [s for s in dict.fromkeys(r.system for r in results) if s != reference]
    clips: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for r in results:
        clips.setdefault((r.bucket, r.clip), {})[r.system] = r.values
    sections = []
    for (bucket, clip), values in clips.items():
        gains: dict[str, float] = {}
        for system in compared if reference is not None else []:
            gain = {name: values[system][name] - values[str(reference)][name] for name in names}
            gains |= {f"{system} {name}": g for name, g in gain.items() if math.isfinite(g)}
        figures = [
            _figure(system, quote(f"{place.relative_to(folder).as_posix()}/{clip}"), values.get(system))
            for system, place in folders.items()
        ]
        head = f"<h2>{escape(clip)} <small>{escape(bucket)}</small></h2>"
        sections.append(
            f'<section data-gains="{escape(json.dumps(gains))}">{head}<div>{"".join(figures)}</div></section>'
        )
    orders = []
    for system, name in [(s, n) for s in compared for n in names] if reference is not None else []:
        chosen = " selected" if (system, name) == (compared[0], "pesq_wb") else ""
        words = f"{metrics.LABELS[name][0]} of {system} over {reference}"
        orders.append(f'<option value="{escape(f"{system} {name}")}"{chosen}>{escape(words)}</option>')
    page = Template(PAGE.read_text("utf-8")).substitute(
        title=escape(title),
        scores=_table(rows, names, False),
        gains=f"<h2>Gain over {escape(str(reference))}, clip by clip</h2>{_table(rows, names, True)}"
        if orders
        else "",
        orders="".join(orders),
        clips="\n".join(sections),
    )
    path = folder / "index.html"
    with written(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _figure(system: str, source: str, values: dict[str, float] | None) -> str:
    scores = " ".join(
        f"<span>{metrics.LABELS[name][0]} {value:.{metrics.LABELS[name][1]}f}</span>"
        for name, value in (values or {}).items()
    )
    return (
        f'<figure data-sound="{source}.wav"><button>{escape(system)}</button>'
        f'<img loading="lazy" src="{source}.png" alt="spectrogram"><figcaption>{scores}</figcaption></figure>'
    )


def _table(rows: Sequence[Row], names: Sequence[str], gains: bool) -> str:
    lines = ["<tr><th>SNR<th>system" + "".join(f"<th>{metrics.LABELS[name][0]}" for name in names)]
    cells: dict[tuple[str, str], str] = {}
    for row in rows:
        if not gains or row.gain:
            key = row.bucket, row.system
            value = text(row.metric, row.gain, "+") if gains else text(row.metric, row.score)
            cells[key] = cells.get(key, "") + f"<td>{value}"
    lines += [f"<tr><td>{escape(b)}<td>{escape(s)}{line}" for (b, s), line in cells.items()]
    return "<table>" + "\n".join(lines) + "</table>"
