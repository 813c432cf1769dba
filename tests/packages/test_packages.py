# SPDX-License-Identifier: BSD-3-Clause
"""The library in other people's builds: CMake and Zephyr's module."""

import importlib
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from board_doubles import models_of
from builds import configure, cross, project, run
from nnsp.device.boards import open_board
from nnsp.device.kept import play
from nnsp.device.link import Link
from nnsp.integer.c_streams import TableEnhancer
from nnsp.places import ROOT
from zephyr_stand_in import FUNCTIONS, kconfig, module

pytestmark = pytest.mark.slow

LIBRARY = ROOT / "nnsp_lib"
TABLE = ROOT / "firmware/models/def_nn3_se.c"
PROGRAM = f"""
cmake_minimum_required(VERSION 3.18)
project(consumer LANGUAGES C)
@FIND@
add_executable(enhance_raw {ROOT}/tests/library/enhance_raw.c {TABLE})
target_include_directories(enhance_raw PRIVATE {TABLE.parent})
target_compile_definitions(enhance_raw PRIVATE MODEL_HEADER="def_nn3_se.h" MODEL=nn3_se
    MODEL_HOP=NN3_SE_HOP MODEL_STATE_BYTES=NN3_SE_STATE_BYTES)
target_link_libraries(enhance_raw PRIVATE nnsp::nnsp)
"""

FETCH = f"""
include(FetchContent)
FetchContent_Declare(nnsp SOURCE_DIR {ROOT} SOURCE_SUBDIR nnsp_lib)
FetchContent_MakeAvailable(nnsp)
"""


def install(folder: Path, *options: str) -> Path:
    """Build and install the library; where it is."""
    configure(LIBRARY, folder / "library", *options)
    run("cmake", "--build", folder / "library")
    run("cmake", "--install", folder / "library", "--prefix", folder / "installed")
    return folder / "installed"


def second_of_speech() -> np.ndarray:
    return soundfile.read(ROOT / "demo/noisy.wav", frames=16000, dtype="int16")[0]


def check_samples(program: Path) -> None:
    """A second of speech through a program equals the project's own library."""
    samples = second_of_speech()
    done = subprocess.run([program], input=samples.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, dtype=np.int16)
    np.testing.assert_array_equal(found, TableEnhancer(TABLE).process(samples))
    assert found.any()


OWN = {
    "portable": set(),
    "armv7em": {"activation", "band_mask", "features", "fft", "lstm_update", "matvec", "overlap_add", "rfft"},
    "mve": {
        *("activation", "band_mask", "features", "fft", "lstm_update", "matvec", "overlap_add"),
        *("relu6", "spectrum"),
    },
}
"""Portable files that a processor's own replace."""


def kernels(archive: Path) -> str:
    """Whose kernels are in a static library for Arm, where no name may be defined twice and every kernel once."""
    text = run("arm-none-eabi-nm", "-A", "--defined-only", "--extern-only", archive)
    defined = re.findall(r" [TRD] (nnsp_\w+)$", text, re.MULTILINE)
    assert len(set(defined)) == len(defined)
    declared = re.findall(r"^\w+ (nnsp_\w+)\(", (LIBRARY / "src/kernels/kernels.h").read_text(), re.MULTILINE)
    assert set(declared) <= set(defined)
    defining = set(re.findall(r":(\w+\.[cS])\.o\w*:", text))
    marks = {"mve": "relu6.S", "armv7em": "mel_bands.S", "portable": "spectrum.c"}
    return next(arch for arch, mark in marks.items() if mark in defining)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_installed_and_found_on_this_computer(tmp_path: Path, compiler: str) -> None:
    strict = "-DCMAKE_C_FLAGS=-Wall -Wextra -Wconversion -Werror -pedantic"
    installed = install(tmp_path, f"-DCMAKE_C_COMPILER={compiler}", strict)
    consumer = project(tmp_path / "consumer", PROGRAM.replace("@FIND@", "find_package(nnsp 0.1 REQUIRED)"))
    options = [f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_PREFIX_PATH={installed}"]
    configure(consumer, tmp_path / "build", *options)
    run("cmake", "--build", tmp_path / "build")
    check_samples(tmp_path / "build/enhance_raw")


@pytest.mark.parametrize("find", [f"add_subdirectory({LIBRARY} nnsp)", FETCH], ids=["subdirectory", "fetch"])
def test_inside_another_build(tmp_path: Path, find: str) -> None:
    consumer = project(tmp_path / "consumer", PROGRAM.replace("@FIND@", find))
    configure(consumer, tmp_path / "build")
    run("cmake", "--build", tmp_path / "build")
    check_samples(tmp_path / "build/enhance_raw")
    # The library's files are not those that the other build installs.
    run("cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "installed")
    assert not (tmp_path / "installed").exists()


def test_another_version_is_not_taken(tmp_path: Path) -> None:
    installed = install(tmp_path)
    consumer = project(tmp_path / "consumer", PROGRAM.replace("@FIND@", "find_package(nnsp 0.2 REQUIRED)"))
    with pytest.raises(AssertionError, match=r'compatible\s+with requested version "0\.2"'):
        configure(consumer, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed}")


@pytest.mark.parametrize(
    ("machine", "arch"),
    [
        (["-mcpu=cortex-m0plus"], "portable"),
        (["-mcpu=cortex-m3"], "portable"),
        (["-mcpu=cortex-m4"], "armv7em"),
        (["-mcpu=cortex-m33+nodsp"], "portable"),
        (["-mcpu=cortex-m55"], "armv7em"),  # the soft-float ABI leaves Helium out
        (["-mcpu=cortex-m55", "-mfloat-abi=hard"], "mve"),
        (["-mcpu=cortex-a7"], "portable"),
    ],
    ids=" ".join,
)
def test_kernels_are_those_of_the_compiler(tmp_path: Path, machine: list[str], arch: str) -> None:
    configure(LIBRARY, tmp_path / "build", *cross(tmp_path, machine))
    run("cmake", "--build", tmp_path / "build")
    assert kernels(tmp_path / "build/libnnsp.a") == arch


def test_options_of_the_folder_above_count(tmp_path: Path) -> None:
    text = f"""
        cmake_minimum_required(VERSION 3.16)
        project(consumer LANGUAGES C)
        add_compile_options("SHELL:-mcpu=cortex-m55 -mfloat-abi=hard" $<$<CONFIG:Debug>:-Og>)
        add_subdirectory({LIBRARY} nnsp)
        """
    options = cross(tmp_path, [])
    configure(project(tmp_path / "consumer", text), tmp_path / "build", *options)
    run("cmake", "--build", tmp_path / "build")
    assert kernels(tmp_path / "build/nnsp/libnnsp.a") == "mve"
    changed = text.replace("SHELL:-mcpu=cortex-m55 -mfloat-abi=hard", "-mcpu=cortex-m3")
    (tmp_path / "consumer/CMakeLists.txt").write_text(changed)
    run("cmake", "--build", tmp_path / "build")
    assert kernels(tmp_path / "build/nnsp/libnnsp.a") == "portable"


def test_plain_c_where_it_is_asked_for(tmp_path: Path) -> None:
    """NNSP_PORTABLE leaves out every instruction of the DSP extension, in the tables of who links it, too."""
    m4 = cross(tmp_path, ["-mcpu=cortex-m4"])
    installed = install(tmp_path, *m4, "-DNNSP_PORTABLE=ON")
    assert kernels(installed / "lib/libnnsp.a") == "portable"
    assert "smmulr" not in run("arm-none-eabi-objdump", "-d", installed / "lib/libnnsp.a")
    assert (
        'INTERFACE_COMPILE_DEFINITIONS "NNSP_PORTABLE"'
        in (installed / "lib/cmake/nnsp/nnspConfig.cmake").read_text()
    )


@pytest.mark.parametrize("arch", OWN)
def test_a_processor_replaces_whole_files(arch: str) -> None:
    """select.h names each portable file that a processor has of its own, and no other."""
    of_arch = [f"#define NNSP_{arch.upper()}"] if arch != "portable" else []
    text = "\n".join([*of_arch, '#include "select.h"'])
    done = subprocess.run(
        ["gcc", "-E", "-dM", f"-I{LIBRARY / 'include'}", f"-I{LIBRARY / 'src/kernels'}", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    named = {name.lower() for name in re.findall(r"^#define NNSP_OWN_(\w+) *$", done.stdout, re.MULTILINE)}
    files = {path.stem for path in (LIBRARY / "src/kernels" / arch).iterdir()}
    plain = {path.stem for path in (LIBRARY / "src/kernels/portable").glob("*.c")}
    assert named == OWN[arch] == (files & plain if of_arch else set())


@pytest.mark.parametrize(
    ("board", "portable", "arch"),
    [("qemu_m4", "OFF", "armv7em"), ("qemu_m4", "ON", "portable"), ("qemu_m55", "OFF", "mve")],
)
def test_firmware_around_the_installed_library(tmp_path: Path, board: str, portable: str, arch: str) -> None:
    """A board's image by CMake, in C alone, on the emulator: the same samples as here."""
    import cortex_m

    target = importlib.import_module(f"target_{board}")
    options = cross(tmp_path, target.MACHINE)
    installed = install(tmp_path, *options, f"-DNNSP_PORTABLE={portable}")
    assert kernels(installed / "lib/libnnsp.a") == arch
    folders = [ROOT / part for part in target.BOARD]
    files = [*(ROOT / "firmware/app").glob("*.c"), TABLE]
    for folder in folders:
        files += folder.glob("*.c")
    models = models_of(tmp_path / "models", [TABLE])[0].removeprefix("-I")
    include = [models, ROOT / "firmware/app", TABLE.parent, *folders]
    link = [*target.MACHINE, *cortex_m.LINK, *cortex_m.linker_script(folders)]
    text = f"""
        cmake_minimum_required(VERSION 3.16)
        project(firmware LANGUAGES C)
        find_package(nnsp 0.1 REQUIRED)
        add_executable(firmware {" ".join(map(str, files))})
        target_include_directories(firmware PRIVATE {" ".join(map(str, include))})
        target_link_options(firmware PRIVATE {" ".join(link)})
        target_link_libraries(firmware PRIVATE nnsp::nnsp)
        """
    configure(project(tmp_path / "consumer", text), tmp_path / "build", *options, f"-Dnnsp_ROOT={installed}")
    run("cmake", "--build", tmp_path / "build")
    samples = second_of_speech()
    with open_board(board, tmp_path / "build/firmware") as port:
        link_to_board = Link(port)
        streamed = play(link_to_board, link_to_board.hello(), samples)
    np.testing.assert_array_equal(streamed.audio, TableEnhancer(TABLE).process(samples))


def bare_flags(machine: str) -> list[str]:
    """Options of the compiler for a processor without FPU, in pedantic C99."""
    flags = ["-std=c99", "-pedantic", "-O3", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-mthumb"]
    flags += [f"-mcpu={machine}", "-mfloat-abi=soft"]
    return [*flags, *(f"-I{path}" for path in (LIBRARY / "include", TABLE.parent))]


def run_bare(folder: Path, flags: list[str], table: Path, board: str, code: int, ram: int) -> int:
    """Enhance a second of speech, in 16 KiB of memory, from folder/in.raw to out.raw; the exit status."""
    import library_sources

    image, example = folder / "image.elf", ROOT / "examples/bare_cortex_m"
    link = ["-nostartfiles", "-T", str(example / "link.ld"), f"-Wl,--defsym=CODE={code},--defsym=RAM={ram}"]
    files = [*library_sources.find(ROOT), table, example / "main.c"]
    run("arm-none-eabi-gcc", *flags, *link, *files, "-o", image)
    second_of_speech().tofile(folder / "in.raw")
    qemu = ["qemu-system-arm", "-M", board, "-kernel", str(image), "-display", "none", "-monitor", "none"]
    qemu += ["-serial", "null", "-semihosting-config", "enable=on,target=native"]
    return subprocess.run(qemu, cwd=folder, timeout=60).returncode


@pytest.mark.parametrize(
    ("machine", "board", "code", "ram"),
    [
        ("cortex-m0", "microbit", 0, 0x20000000),
        ("cortex-m3", "mps2-an385", 0, 0x20000000),
        ("cortex-m7", "mps2-an500", 0, 0x20000000),
        ("cortex-m23", "mps2-an505", 0x10000000, 0x38000000),
        ("cortex-m33", "mps2-an505", 0x10000000, 0x38000000),
        ("cortex-m55+nomve", "mps3-an547", 0, 0x21000000),
    ],
)
def test_other_cortex_m(tmp_path: Path, machine: str, board: str, code: int, ram: int) -> None:
    """The same samples as here."""
    assert run_bare(tmp_path, bare_flags(machine), TABLE, board, code, ram) == 0
    found = np.fromfile(tmp_path / "out.raw", dtype=np.int16)
    np.testing.assert_array_equal(found, TableEnhancer(TABLE).process(second_of_speech()))


def test_a_table_in_the_order_of_other_kernels_is_refused(tmp_path: Path) -> None:
    """NNSP_PORTABLE for the library alone: the checksum tells."""
    flags, table = bare_flags("cortex-m7"), tmp_path / "table.o"
    run("arm-none-eabi-gcc", *flags, "-c", TABLE, "-o", table)
    assert run_bare(tmp_path, [*flags, "-DNNSP_PORTABLE"], table, "mps2-an500", 0, 0x20000000) == 2


# Zephyr, with stand-ins for its own tree.

MODULE_KEYS = {
    "build": {
        *("cmake", "kconfig", "cmake-ext", "kconfig-ext", "sysbuild-cmake", "sysbuild-kconfig"),
        *("sysbuild-cmake-ext", "sysbuild-kconfig-ext", "depends", "settings"),
    }
}

ZEPHYR = f"""
cmake_minimum_required(VERSION 3.20)
project(Zephyr-Kernel LANGUAGES C ASM)
{FUNCTIONS}
add_subdirectory(@CMAKE@ nnsp)
if(CONFIG_NNSP)
    add_library(app STATIC {TABLE})
    target_link_libraries(app PRIVATE zephyr_interface)
endif()
"""


def test_module_is_as_documented() -> None:
    found = module()
    assert found[""] == {"name": "nnsp"}
    assert set(found) == {"", *MODULE_KEYS}
    assert set(found["build"]) <= MODULE_KEYS["build"]
    assert (ROOT / found["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (ROOT / found["build"]["kconfig"]).is_file()
    # A folder without module.yml is a module where it has both of these: nnsp_lib alone is one, too.
    assert (LIBRARY / "zephyr/CMakeLists.txt").is_file() and (LIBRARY / "zephyr/Kconfig").is_file()


@pytest.mark.parametrize(
    ("symbols", "machine", "arch"),
    [
        ([], ["-mcpu=cortex-m0plus"], "portable"),
        ([], ["-mcpu=cortex-m4"], "armv7em"),
        ([], ["-mcpu=cortex-m33"], "armv7em"),
        ([], ["-mcpu=cortex-m55+nomve.fp"], "armv7em"),
        ([], ["-mcpu=cortex-m55", "-mfloat-abi=hard"], "mve"),
        (["NNSP_PORTABLE"], ["-mcpu=cortex-m4"], "portable"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_module_builds(tmp_path: Path, symbols: list[str], machine: list[str], arch: str) -> None:
    values = kconfig(tmp_path, "NNSP", *symbols)
    text = ZEPHYR.replace("@CMAKE@", str(ROOT / module()["build"]["cmake"]))
    options = [*cross(tmp_path, machine), "-DCMAKE_ASM_FLAGS=" + " ".join(["-mthumb", *machine])]
    options += [f"-DCONFIG_{name}=y" for name, value in values.items() if value == "y"]
    configure(project(tmp_path / "zephyr", text), tmp_path / "build", *options)
    run("cmake", "--build", tmp_path / "build")
    assert kernels(tmp_path / "build/nnsp/libmodule.a") == arch


def test_module_that_is_not_wanted(tmp_path: Path) -> None:
    assert set(kconfig(tmp_path).values()) == {"n"}
    text = ZEPHYR.replace("@CMAKE@", str(ROOT / module()["build"]["cmake"]))
    configure(project(tmp_path / "zephyr", text), tmp_path / "build")
    assert "libmodule" not in run("ninja", "-C", tmp_path / "build", "-t", "targets", "all")
