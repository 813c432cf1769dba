# SPDX-License-Identifier: BSD-3-Clause
"""What an image takes of a board's memory, read from its ELF file and the compiler's call graphs."""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nnsp.errors import UserError

PROGBITS, SYMTAB, STRTAB, NOBITS = 1, 2, 3, 8
ALLOCATED = 2


@dataclass(frozen=True)
class Section:
    """One section that is in the board's memory; `stored`: its content comes with the image."""

    name: str
    address: int
    size: int
    stored: bool


@dataclass(frozen=True)
class Region:
    """One memory of the board, in bytes."""

    name: str
    used: int
    size: int


@dataclass(frozen=True)
class Image:
    """Sections and memories of an image; the linker script gives ``region_<name>_begin`` and ``_bytes``."""

    sections: tuple[Section, ...]
    regions: tuple[Region, ...]

    def size(self, *names: str) -> int:
        """Bytes of these sections together."""
        return sum(section.size for section in self.sections if section.name in names)

    @property
    def flash(self) -> int:
        """Bytes of everything that is stored: code, tables, constants, initial values."""
        return sum(section.size for section in self.sections if section.stored)

    @property
    def ram(self) -> int:
        """Bytes of everything that can be written."""
        return self.size(".data", ".bss", ".ssram", ".stack")


def load(path: Path) -> Image:
    """Read a 32-bit little-endian ELF image.

    Raises
    ------
    UserError
        There is no such file, or it is no such image.
    """
    try:
        data = path.read_bytes()
        if data[:6] != b"\x7fELF\x01\x01":
            raise UserError(f"{path}: not a 32-bit little-endian ELF image; expected what scons builds")
        return _read(data)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; build it with scons first") from error
    except (struct.error, IndexError) as error:
        raise UserError(f"{path}: the ELF image is cut short; build it again with scons") from error


def _read(data: bytes) -> Image:
    (table,) = struct.unpack_from("<I", data, 32)
    entry, count, names = struct.unpack_from("<3H", data, 46)
    headers = [struct.unpack_from("<10I", data, table + entry * i) for i in range(count)]

    def text(strings: int, at: int) -> str:
        start = headers[strings][4] + at
        return data[start : data.index(b"\0", start)].decode()

    sections = tuple(
        Section(text(names, header[0]), header[3], header[5], header[1] == PROGBITS)
        for header in headers
        if header[2] & ALLOCATED and header[5]
    )
    symbols = {}
    for header in headers:
        if header[1] == SYMTAB:
            for at in range(header[4], header[4] + header[5], 16):
                name, value = struct.unpack_from("<2I", data, at)
                symbols[text(header[6], name)] = value
    stored_data = sum(section.size for section in sections if section.name == ".data" and section.stored)
    regions = []
    for symbol, begin in symbols.items():
        if match := re.fullmatch(r"region_(\w+)_begin", symbol):
            size = symbols[f"region_{match[1]}_bytes"]
            used = sum(s.size for s in sections if begin <= s.address < begin + size)
            holds_code = any(s.name == ".text" and begin <= s.address < begin + size for s in sections)
            regions.append(Region(match[1], used + stored_data * holds_code, size))
    return Image(sections, tuple(sorted(regions, key=lambda region: region.name)))


def deepest_stack(graphs: Iterable[Path], root: str = "main") -> tuple[int, list[str]]:
    """Return the most stack that `root` can take by the compiler's call graphs (``-fcallgraph-info=su``).

    Returns
    -------
    tuple of int and list of str
        Bytes, and the chain of functions that takes them. Functions without a graph (the C library's)
        count as 0.

    Raises
    ------
    ValueError
        A function calls itself, or its frame is of no fixed size: there is no bound.
    """
    frame: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for path in graphs:
        text = path.read_text()
        for title, size, kind in re.findall(
            r'node: { title: "([^"]+)" label: "[^"]*?(\d+) bytes \(([^)]+)\)', text
        ):
            if kind != "static":
                raise ValueError(f"{title} takes stack of no fixed size")
            frame[title] = int(size)
        for source, target in re.findall(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(source, set()).add(target)
    known: dict[str, tuple[int, list[str]]] = {}

    def visit(name: str, above: tuple[str, ...]) -> tuple[int, list[str]]:
        if name in above:
            raise ValueError(f"{name} calls itself")
        if name not in known:
            below = [visit(callee, (*above, name)) for callee in sorted(calls.get(name, ()))]
            size, chain = max(below, default=(0, []), key=lambda found: found[0])
            known[name] = frame.get(name, 0) + size, [name, *chain]
        return known[name]

    return visit(root, ())
