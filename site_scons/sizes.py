# SPDX-License-Identifier: BSD-3-Clause
"""Print what an image takes: python sizes.py IMAGE.elf FOLDER_OF_CALL_GRAPHS"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "py_tools"))

from nnsp.device import image as images  # noqa: E402


def main():
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    image = images.load(path)
    rows = [
        ("flash: code", image.size(".text")),
        ("flash: model tables", image.size(".tables")),
        ("flash: constants", image.size(".rodata")),
        ("flash: initial values", image.size(".data")),
        ("flash, all", image.flash),
        ("RAM: stack", image.size(".stack")),
        ("RAM: data", image.size(".data", ".bss", ".ssram")),
        ("RAM, all", image.ram),
    ]
    print(path)
    for name, size in rows:
        print(f"  {name:24}{size:>9} B")
    for region in image.regions:
        print(f"  region {region.name:17}{region.used:>9} B of {region.size} ({region.used / region.size:.1%})")
    # Not the app of other images, built beside this one.
    others = {p for p in folder.rglob("*.ci") if p.relative_to(folder).parts[0].startswith("nnsp_")}
    others -= set((folder / path.stem).rglob("*.ci"))
    try:
        size, chain = images.deepest_stack(p for p in folder.rglob("*.ci") if p not in others)
        print(f"  deepest call chain      {size:>9} B, assembly not counted: {' > '.join(name.split(':')[-1] for name in chain)}")
    except ValueError as error:
        print(f"  deepest call chain: no bound, {error}")


main()
