# SPDX-License-Identifier: BSD-3-Clause
"""Tables, JSON and budget of what was measured."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import Case, Measured
from nnsp.errors import UserError
from nnsp.files import written

ALLOWED = 0.02
"""How much more than its budget a figure may be."""

STAGES = ("fft_512_forward", "analyse_480_512", "features_72", "synthesise_480_512")
"""Cases without weights that the README shows; the others are parts of these."""

BYTES = ("stack", "state", "tables", "code")
"""Figures that are kept and compared, but have no budget."""

Figures = dict[str, dict[str, dict[str, int | None]]]
"""{target: {case: {macs, instructions, cycles}}}; a frame adds worst_instructions, worst_cycles and the bytes of stack,
state, tables and code."""


def figures(measured: list[Measured]) -> Figures:
    """Return everything as numbers; cycles are None where they are not estimated."""
    return {
        each.name: {name: _numbers(each, name, case) for name, case in each.cases.items()}
        for each in measured
    }


def _numbers(measured: Measured, name: str, case: Case) -> dict[str, int | None]:
    numbers = {"macs": case.macs, "instructions": case.instructions, "cycles": case.cycles}
    if name in measured.state:
        numbers |= {
            "worst_instructions": case.worst_instructions,
            "worst_cycles": case.worst_cycles,
            "stack": case.stack,
            "state": measured.state[name],
            "tables": measured.tables[name],
            "code": measured.code,
        }
    return numbers


def check_agreement(measured: list[Measured]) -> None:
    """Raise UserError where images do not compute the same."""
    truth = next(each for each in measured if each.portable)
    for each in measured:
        if each.cases.keys() != truth.cases.keys():
            raise UserError(f"{each.name} and {truth.name} have not run the same cases; build both again")
        wrong = [name for name, case in each.cases.items() if case.checksums != truth.cases[name].checksums]
        if wrong:
            raise UserError(
                f"{each.name}: {', '.join(wrong)}: the output is not that of the portable C ({truth.name}); "
                "a kernel computes something else; tests/library/test_kernels.py shows where"
            )


def text(measured: list[Measured]) -> str:
    """Return the tables for a terminal."""
    blocks = []
    for own in (each for each in measured if not each.portable):
        plain = _portable(measured, own.target)
        timed = _is_timed(own)
        rows = [
            ["", "MACs", "instructions", "/MAC", *["cycles", "/MAC"] * timed, "portable C", "/MAC", "gain"]
        ]
        for name, case in own.cases.items():
            other = plain.cases[name]
            rows.append(
                [
                    name,
                    f"{case.macs or ''}",
                    f"{case.instructions}",
                    _each(case.instructions, case.macs),
                    *[f"{case.cycles}", _each(case.cycles, case.macs)] * timed,
                    f"{other.instructions}",
                    _each(other.instructions, other.macs),
                    f"{other.instructions / case.instructions:.1f}x",
                ]
            )
        table = _aligned(rows)
        blocks.append("\n".join([own.target, *table, *_notes(own, plain)]))
    return "\n\n".join(blocks)


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]


def _portable(measured: list[Measured], target: str) -> Measured:
    return next(each for each in measured if each.portable and each.target == target)


def _each(number: int | None, macs: int) -> str:
    return f"{number / macs:.2f}" if macs and number is not None else ""


def _notes(own: Measured, plain: Measured) -> Iterator[str]:
    if _is_timed(own):
        yield "cycles are estimated: bench/cycles_m4.py says how"
    else:
        yield "no cycles: they are estimated for the Cortex-M4 alone"
    yield f"library: code {own.code} B ({plain.code} B in portable C), lookup tables {own.constants} B"
    for name in own.state:
        case = own.cases[name]
        worst = f"{case.worst_instructions} instructions"
        if case.worst_cycles is not None:
            worst += f", {case.worst_cycles} cycles"
        depth, chain = own.call_depth
        yield f"{name}: mean of {case.frames} frames of speech, worst {worst}"
        yield f"{name}: state {own.state[name]} B, tables {own.tables[name]} B, stack {case.stack} B by its paint"
        yield f"deepest call chain {depth} B, assembly not counted: {' > '.join(call.split(':')[-1] for call in chain)}"


def markdown(measured: list[Measured]) -> str:
    """Return the README's tables: targets side by side, then sizes."""
    own = [each for each in measured if not each.portable]
    head, rule = ["case", "MACs"], [":--", "--:"]
    for each in own:
        parts = ["instructions", "per MAC"] + ["est. cycles", "per MAC"] * _is_timed(each) + ["portable C"]
        head += [f"{each.target}: {parts[0]}", *parts[1:]]
        rule += ["--:"] * len(parts)
    rows = [head, rule]
    for name, first in own[0].cases.items():
        if not first.macs and name not in STAGES:
            continue
        row = [f"`{name}`", f"{first.macs or ''}"]
        for each in own:
            case = each.cases[name]
            row += [f"{case.instructions}", _each(case.instructions, case.macs)]
            row += [f"{case.cycles}", _each(case.cycles, case.macs)] * _is_timed(each)
            row.append(f"{_portable(measured, each.target).cases[name].instructions}")
        rows.append(row)
    sizes = [["", *(each.target for each in own)], [":--", *("--:" for _ in own)]]
    sizes.append(["library: code", *(f"{each.code} B" for each in own)])
    sizes.append(["library: lookup tables", *(f"{each.constants} B" for each in own)])
    for name in own[0].state:
        sizes.append([f"`{name}`: tables", *(f"{each.tables[name]} B" for each in own)])
        sizes.append([f"`{name}`: state", *(f"{each.state[name]} B" for each in own)])
        sizes.append([f"`{name}`: stack", *(f"{each.cases[name].stack} B" for each in own)])
    return "\n\n".join("\n".join(f"| {' | '.join(row)} |" for row in table) for table in (rows, sizes))


def _is_timed(measured: Measured) -> bool:
    return all(case.cycles is not None for case in measured.cases.values())


def write(path: Path, values: Figures) -> None:
    """Write figures as JSON."""
    try:
        with written(path) as part:
            part.write_text(json.dumps(values, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def read(path: Path) -> Figures:
    """Read figures that `write` wrote."""
    try:
        values: Any = json.loads(path.read_text())
        for cases in values.values():
            for numbers in cases.values():
                if not {"macs", "instructions", "cycles"} <= numbers.keys():
                    raise KeyError
        return dict(values)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror}; ./nnsp bench --json={path} writes one"
        ) from error
    except (ValueError, AttributeError, KeyError) as error:
        raise UserError(f"{path}: not what ./nnsp bench --json writes; write it again") from error


def compared(old: Figures, new: Figures) -> str:
    """Return what changed, a line for each figure that did."""
    lines = []
    for target in old.keys() ^ new.keys():
        lines.append(f"{target}: only in {'the old figures' if target in old else 'the new ones'}")
    both = old.keys() & new.keys()
    for target, name, key in (each for each in _keys(old, new) if each[0] in both):
        was, now = _figure(old, target, name, key), _figure(new, target, name, key)
        if was != now:
            change = f" ({now / was - 1:+.1%})" if was and now is not None else ""
            before, after = ("none" if value is None else f"{value}" for value in (was, now))
            lines.append(f"{target} {name}: {key} {before} -> {after}{change}")
    return "\n".join(lines) or "no figure differs"


def regressions(budget: Figures, new: Figures) -> list[str]:
    """Return a sentence for every count of instructions or cycles that breaks its budget."""
    sentences = []
    for target, name, key in _keys(budget, new):
        allowed, now = _figure(budget, target, name, key), _figure(new, target, name, key)
        what = f"{target} {name}: {key}"
        if allowed == now or key in BYTES:
            continue
        if allowed is None:
            sentences.append(f"{what} {now} has no budget; ./nnsp bench --update gives it one")
        elif now is None:
            sentences.append(
                f"{what} {allowed} is in the budget and not measured; ./nnsp bench --update drops it"
            )
        elif key == "macs":
            sentences.append(
                f"{what} {now}, not {allowed}: the case does other work; ./nnsp bench --update takes it"
            )
        elif now > allowed * (1 + ALLOWED):
            sentences.append(
                f"{what} {now}, budget {allowed}: {now / allowed - 1:.1%} more, {ALLOWED:.0%} are allowed; make it as "
                "small again, or accept it with ./nnsp bench --update and say why in the commit"
            )
    return sentences


def _keys(*sets: Figures) -> Iterator[tuple[str, str, str]]:
    """List every target, case and figure of any set, in order."""
    seen: dict[tuple[str, str, str], None] = {}
    for values in sets:
        for target, cases in values.items():
            for name, numbers in cases.items():
                seen.update({(target, name, key): None for key in numbers})
    yield from seen


def _figure(values: Figures, target: str, name: str, key: str) -> int | None:
    return values.get(target, {}).get(name, {}).get(key)
