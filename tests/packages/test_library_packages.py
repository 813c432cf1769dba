# SPDX-License-Identifier: BSD-3-Clause
"""Packages of the C library for Arduino, PlatformIO and CMSIS, and the library in C++."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from builds import run
from nnsp.places import ROOT

pytestmark = pytest.mark.slow

STRICT = ["-Wall", "-Wextra", "-Werror"]
MACHINES = {
    "m0": ["-mcpu=cortex-m0plus"],
    "m4": ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
    "m55": ["-mcpu=cortex-m55", "-mfloat-abi=hard"],
}

# What a core of Arduino's gives a sketch, as far as this one asks; and the libraries of the two microphones.
CORE = {
    "Arduino.h": """
        #include <stddef.h>
        #include <stdint.h>
        #include <stdio.h>
        struct Printer {
            void begin(unsigned long) {}
            void print(const char *text) { printf("%s", text); }
            void println(const char *text) { printf("%s\\n", text); }
            void print(int number) { printf("%d", number); }
            void println(int number) { printf("%d\\n", number); }
        };
        extern Printer Serial;
        static inline void delay(unsigned long) {}
        """,
    "PDM.h": """
        struct Pdm { int begin(int channels, int rate); int read(void *buffer, size_t bytes); };
        extern Pdm PDM;
        """,
    "I2S.h": """
        enum i2s_mode_t { I2S_PHILIPS_MODE };
        struct I2s { int begin(int mode, long rate, int bits); int read(void *buffer, size_t bytes); };
        extern I2s I2S;
        """,
    "main.cpp": """
        #include "Arduino.h"
        Printer Serial;
        void setup();
        void loop();
        int main() { setup(); for (int hop = 0; hop < 200; hop++) loop(); }
        """,
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three packages, of a tree that has nothing but what they are made of."""
    tree = tmp_path_factory.mktemp("tree")
    for part in ("nnsp_lib", "examples", "firmware/models"):
        shutil.copytree(ROOT / part, tree / part)
    (tree / "models_shipped").mkdir()
    for name in ("LICENSE", "models_shipped/LICENSE.md"):
        text = (ROOT / name).read_text() if (ROOT / name).exists() else f"{name} is not in this tree yet"
        (tree / name).write_text(text)
    for kind in ("arduino", "platformio", "cmsis"):
        run(sys.executable, tree / "nnsp_lib/packaging/assemble.py", kind)
    return tree / "build/packages"


def contents(folder: Path) -> dict[str, bytes]:
    """Path -> bytes of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def library(public: str, internal: str) -> dict[str, bytes]:
    """What a package has of the library where headers and sources lie at these paths."""
    include, src = contents(ROOT / "nnsp_lib/include"), contents(ROOT / "nnsp_lib/src")
    return {f"{public}/{k}": v for k, v in include.items()} | {f"{internal}/{k}": v for k, v in src.items()}


def version() -> str:
    found = re.search(r'NNSP_VERSION_STRING "(.+)"', (ROOT / "nnsp_lib/include/nnsp.h").read_text())
    assert found
    return found[1]


def test_folders_hold_the_library_and_the_sketch(packages: Path) -> None:
    arduino, platformio = contents(packages / "arduino/nnsp"), contents(packages / "platformio/nnsp")
    assert arduino.pop("library.properties") and platformio.pop("library.json")
    assert arduino == platformio
    models, tree = ROOT / "firmware/models", packages.parents[1]
    rest = {
        "LICENSE": tree / "LICENSE",
        "examples/enhance/enhance.ino": ROOT / "examples/arduino/enhance/enhance.ino",
        "examples/enhance/def_nn3_se.c": models / "def_nn3_se.c",
        "examples/enhance/def_nn3_se.h": models / "def_nn3_se.h",
        "examples/enhance/LICENSE.md": tree / "models_shipped/LICENSE.md",
    }
    assert arduino == library("src", "src/internal") | {k: v.read_bytes() for k, v in rest.items()}
    # PlatformIO names objects after files without their ends; headers in src/ are everyone's.
    stems = Counter(path.rpartition(".")[0] for path in arduino if path.endswith((".c", ".S")))
    assert max(stems.values()) == 1
    assert all(
        re.fullmatch(r"src/(internal/.+|nnsp(_\w+)?\.h)", path) for path in arduino if path[:4] == "src/"
    )


def test_manifests_say_the_same(packages: Path) -> None:
    lines = (packages / "arduino/nnsp/library.properties").read_text().splitlines()
    arduino = dict(line.split("=", 1) for line in lines)
    platformio = json.loads((packages / "platformio/nnsp/library.json").read_text())
    for manifest in (arduino, platformio):
        assert (manifest["name"], manifest["version"], manifest["license"]) == (
            "nnsp",
            version(),
            "BSD-3-Clause",
        )
    assert platformio["description"] == f"{arduino['sentence']} {arduino['paragraph']}"
    assert platformio["authors"] == [{"name": arduino["author"]}]
    assert arduino["includes"] == platformio["headers"] == "nnsp.h"


def objects(package: Path, build: Path, compiler: list[str], microphone: int) -> list[Path]:
    """Compile as Arduino's builder does: every file below src/ with src/ in the path, and the sketch."""
    core, sketch = build / "core", build / "sketch"
    core.mkdir(parents=True)
    for name, text in CORE.items():
        (core / name).write_text(text)
    shutil.copytree(package / "examples/enhance", sketch)
    text = (sketch / "enhance.ino").read_text()
    chosen = text.replace("#define MICROPHONE 0", f"#define MICROPHONE {microphone}")
    (sketch / "enhance.ino.cpp").write_text("#include <Arduino.h>\n" + chosen)
    files = [path for folder in (package / "src", core, sketch) for path in folder.rglob("*.*")]
    found = []
    for number, path in enumerate(path for path in files if path.suffix in {".c", ".S", ".cpp"}):
        language = {".c": ["-xc", "-std=gnu11"], ".cpp": ["-xc++", "-std=gnu++11"]}.get(path.suffix, [])
        found.append(build / f"{number}_{path.name}.o")
        options = [*language, "-Os", "-ffunction-sections", *STRICT, f"-I{package / 'src'}", f"-I{core}"]
        run(*compiler, "-c", *options, path, "-o", found[-1])
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_arduino_library_builds_for(packages: Path, tmp_path: Path, machine: str) -> None:
    compiler = ["arm-none-eabi-gcc", "-mthumb", *MACHINES[machine]]
    microphone = {"m0": 0, "m4": 1, "m55": 2}[machine]
    found = objects(packages / "arduino/nnsp", tmp_path, compiler, microphone)
    undefined = run("arm-none-eabi-nm", "-u", "--demangle", *found)
    defined = set(
        re.findall(r" [TRDBV] (\w+)$", run("arm-none-eabi-nm", "--defined-only", *found), re.MULTILINE)
    )
    names = set(re.findall(r" U (nn\w+)", undefined))
    assert {"nnsp_enhancer_init", "nn3_se"} <= names <= defined


def test_sketch_plots_levels(packages: Path, tmp_path: Path) -> None:
    run("clang", *objects(packages / "arduino/nnsp", tmp_path, ["clang"], 0), "-o", tmp_path / "sketch.exe")
    lines = run(tmp_path / "sketch.exe").splitlines()
    levels = [re.fullmatch(r"before:(\d+),after:(\d+)", line) for line in lines]
    assert len(levels) == 20 and all(levels), lines
    assert all(line and int(line[2]) < int(line[1]) for line in levels)


def test_pack_is_complete(packages: Path) -> None:
    folder = packages / "cmsis"
    with zipfile.ZipFile(folder / f"nnsp.nnsp.{version()}.pack") as archive:
        assert archive.testzip() is None
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o644}
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found["nnsp.nnsp.pdsc"] == (folder / "nnsp.nnsp.pdsc").read_bytes()
    assert found["LICENSE"] == (packages.parents[1] / "LICENSE").read_bytes()
    sources = library("include", "src")
    assert sources.items() <= found.items()
    package = ElementTree.fromstring(found["nnsp.nnsp.pdsc"])
    assert [package.findtext(tag) for tag in ("vendor", "name", "license")] == ["nnsp", "nnsp", "LICENSE"]
    assert all(len(element.text or "") <= 256 for element in package.iter("description"))
    terms = {element.get("id"): element.findall("license") for element in package.iter("licenseSet")}
    assert all(str(file.get("name")) in found for files in terms.values() for file in files)
    conditions = {element.get("id") for element in package.iter("condition")}
    listed = {"include/", "models/"}
    for component in package.iter("component"):
        assert component.get("Cversion") == version() and component.get("licenseSet") in terms
        for file in component.iter("file"):
            name, category = str(file.get("name")), file.get("category")
            ends = {".c": "sourceC", ".S": "sourceAsm", ".h": "header"}
            assert category == ends.get(Path(name).suffix, "include")
            assert file.get("condition") in conditions or category != "sourceAsm"
            assert name in listed or name in found
            listed.add(name)
    compiled = {name for name in found if name.endswith((".c", ".S"))}
    assert {name for name in listed if name.endswith((".c", ".S"))} == compiled


def test_same_tree_same_pack_and_nothing_is_overwritten(packages: Path, tmp_path: Path) -> None:
    script = packages.parents[1] / "nnsp_lib/packaging/assemble.py"
    again = Path(run(sys.executable, script, "cmsis", f"--output={tmp_path}").strip())
    assert again.read_bytes() == (packages / "cmsis" / again.name).read_bytes()
    done = subprocess.run([sys.executable, script, "arduino"], capture_output=True, text=True)
    there = packages / "arduino/nnsp"
    said = f"assemble.py: {there} is there already; remove it, or name another folder with --output\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize(
    "compiler", [["clang"], ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"]], ids=" ".join
)
def test_every_function_is_there_for_cpp(tmp_path: Path, compiler: list[str]) -> None:
    headers = "\n".join(path.read_text() for path in (ROOT / "nnsp_lib/include").glob("*.h"))
    names = sorted(set(re.findall(r"^\w[\w *]*\b(nnsp_\w+)\(", headers, re.MULTILINE)))
    assert len(names) > 20
    listed = ", ".join(f"(void (*)())&{name}" for name in names)
    program = f'#include "nnsp.h"\nextern void (*const all[])() = {{{listed}}};\n'
    (tmp_path / "all.cpp").write_text(program)
    options = [*STRICT, f"-I{ROOT / 'nnsp_lib/include'}"]
    run(*compiler, "-xc++", *options, "-c", tmp_path / "all.cpp", "-o", tmp_path / "all.o")
    nm = "nm" if compiler == ["clang"] else "arm-none-eabi-nm"
    assert set(re.findall(r"U (\S+)", run(nm, "-u", tmp_path / "all.o"))) == set(names)
