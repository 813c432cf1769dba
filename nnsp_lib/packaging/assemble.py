# SPDX-License-Identifier: BSD-3-Clause
"""Assemble the C library for package managers.

    python assemble.py arduino|platformio|cmsis [--output=DIR]

arduino and platformio make the folder DIR/nnsp, cmsis makes DIR/nnsp.nnsp.<version>.pack and its .pdsc. They hold
every file below nnsp_lib/include and nnsp_lib/src, and the sketch of examples/arduino with its network's table.
"""

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "nnsp_lib"
VERSION = re.search(r'VERSION_STRING "([^"]+)"', (LIBRARY / "include/nnsp.h").read_text())[1]

NAME = "nnsp"
AUTHORS = "The nnsp authors"
SENTENCE = "Streaming speech networks for microcontrollers: noise suppression, voice and keyword detection."
PARAGRAPH = (
    "Int8 weights, int16 activations, no floating point, no allocation. The same samples on every 32-bit processor; "
    "with kernels in assembly for Cortex-M4, M7, M33, M55 and M85. A trained speech enhancer is included."
)
KEYWORDS = ("speech", "audio", "noise-suppression", "keyword-spotting", "neural-network")
LICENSE = "BSD-3-Clause"

# Compilers that take GNU assembly; with others the kernels are plain C.
GNU_ASSEMBLY = ({"Tcompiler": "GCC"}, {"Tcompiler": "CLANG"}, {"Tcompiler": "ARMCC", "Toptions": "AC6"})


def files(folder, place):
    """Paths in a package -> files of the tree, for all files below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in {".c", ".h", ".S", ".ino", ".md"})
    return {f"{place}/{path.relative_to(folder).as_posix()}": path for path in found}


def network(place):
    """The table that the sketch includes, and the terms of its weights."""
    sketch = (ROOT / "examples/arduino/enhance/enhance.ino").read_text()
    table = re.search(r'#include "(def_nn\w+)\.h"', sketch)[1]
    found = {f"{place}/{table}{end}": ROOT / f"firmware/models/{table}{end}" for end in (".c", ".h")}
    return found | {f"{place}/LICENSE.md": ROOT / "models_shipped/LICENSE.md"}


def folder_of_sources():
    """What Arduino and PlatformIO share. Both search src/ for headers: only the public ones lie there."""
    found = {"LICENSE": ROOT / "LICENSE"}
    found |= files(LIBRARY / "include", "src") | files(LIBRARY / "src", "src/internal")
    return found | files(ROOT / "examples/arduino", "examples") | network("examples/enhance")


def library_properties():
    """Arduino's manifest."""
    values = {
        "name": NAME,
        "version": VERSION,
        "author": AUTHORS,
        "maintainer": AUTHORS,
        "sentence": SENTENCE,
        "paragraph": PARAGRAPH,
        "category": "Signal Input/Output",
        "url": "",
        "architectures": "*",
        "includes": "nnsp.h",
        "license": LICENSE,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def library_json():
    """PlatformIO's manifest."""
    values = {
        "name": NAME,
        "version": VERSION,
        "description": f"{SENTENCE} {PARAGRAPH}",
        "keywords": KEYWORDS,
        "authors": [{"name": AUTHORS}],
        "license": LICENSE,
        "frameworks": "*",
        "platforms": "*",
        "headers": "nnsp.h",
    }
    return json.dumps(values, indent=2) + "\n"


def description(names):
    """The .pdsc of a CMSIS pack that holds the files `names`."""
    package = ElementTree.Element("package", schemaVersion="1.7.28")
    package.set("xmlns:xs", "http://www.w3.org/2001/XMLSchema-instance")
    package.set("xs:noNamespaceSchemaLocation", "PACK.xsd")

    def add(parent, tag, text=None, **attributes):
        element = ElementTree.SubElement(parent, tag, attributes)
        element.text = text
        return element

    add(package, "vendor", NAME)
    add(package, "name", NAME)
    add(package, "description", SENTENCE)
    add(package, "url")
    add(package, "license", "LICENSE")
    terms = add(package, "licenseSets")
    of_code = add(terms, "licenseSet", id="Library", default="true")
    add(of_code, "license", name="LICENSE", title="nnsp", spdx=LICENSE)
    add(add(terms, "licenseSet", id="Enhancer"), "license", name="models/LICENSE.md", title="Weights")
    add(add(package, "releases"), "release", f"nnsp {VERSION}", version=VERSION)
    keywords = add(package, "keywords")
    for word in KEYWORDS:
        add(keywords, "keyword", word)
    condition = add(add(package, "conditions"), "condition", id="GNU assembly")
    for compiler in GNU_ASSEMBLY:
        add(condition, "accept", **compiler)
    components = add(package, "components")
    identity = {"Cclass": "Machine Learning", "Cgroup": NAME, "Cversion": VERSION}
    for part, text, include, folder in (
        ("Library", PARAGRAPH, "include/", "src/"),
        ("Enhancer", "The tables of a trained speech enhancer.", "models/", "models/"),
    ):
        component = add(components, "component", Csub=part, licenseSet=part, **identity)
        add(component, "description", text)
        listed = add(component, "files")
        add(listed, "file", category="include", name=include)
        for name in names:
            if name.startswith(include) and name.endswith(".h"):
                add(listed, "file", category="header", name=name)
            elif name.startswith(folder) and name.endswith(".c"):
                add(listed, "file", category="sourceC", name=name)
            elif name.startswith(folder) and name.endswith(".S"):
                add(listed, "file", category="sourceAsm", name=name, condition=condition.get("id"))
    ElementTree.indent(package)
    return ElementTree.tostring(package, encoding="unicode", xml_declaration=True) + "\n"


def write_folder(found, manifest, output):
    """Write the files and a manifest (name, text) below DIR/nnsp; return that folder."""
    folder = output / NAME
    if folder.exists():
        sys.exit(f"assemble.py: {folder} is there already; remove it, or name another folder with --output")
    for place, path in found.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(path.read_bytes())
    (folder / manifest[0]).write_text(manifest[1])
    return folder


def write_pack(output):
    """Write the pack and its description beside it; return the pack. The same tree makes the same bytes."""
    found = {"LICENSE": ROOT / "LICENSE"} | network("models")
    found |= files(LIBRARY / "include", "include") | files(LIBRARY / "src", "src")
    stem, text = f"{NAME}.{NAME}", description(found)
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{stem}.pdsc").write_text(text)
    pack = output / f"{stem}.{VERSION}.pack"
    with zipfile.ZipFile(pack, "w") as archive:
        for place, path in {f"{stem}.pdsc": output / f"{stem}.pdsc", **found}.items():
            entry = zipfile.ZipInfo(place)  # of 1980, whatever the file's own time
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return pack


def main():
    parser = argparse.ArgumentParser(description="Assemble the C library for a package manager.")
    parser.add_argument("kind", choices=("arduino", "platformio", "cmsis"))
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: build/packages/<kind>")
    args = parser.parse_args()
    output = args.output or ROOT / "build/packages" / args.kind
    if args.kind == "cmsis":
        print(write_pack(output))
    elif args.kind == "arduino":
        print(write_folder(folder_of_sources(), ("library.properties", library_properties()), output))
    else:
        print(write_folder(folder_of_sources(), ("library.json", library_json()), output))


main()
