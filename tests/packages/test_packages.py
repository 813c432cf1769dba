"""The library in other people's builds: CMake and Zephyr's module."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import kconfiglib
import numpy as np
import pytest
import soundfile

from board_doubles import models_of
from nnsp.device.boards import open_board
from nnsp.device.kept import play
from nnsp.device.link import Link
from nnsp.integer.clib import TableEnhancer
from nnsp.places import ROOT

LIBRARY = ROOT / "nnsp_lib"
TABLE = ROOT / "firmware/models/def_nn3_se.c"
CROSS = """
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
"""

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


def run(*command: str | Path) -> str:
    """What a command prints; fails the test with it."""
    assert shutil.which(str(command[0])), f"{command[0]} is not installed; ./nnsp test installs it"
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configure(source: Path, build: Path, *options: str) -> str:
    return run("cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", *options)


def project(folder: Path, text: str) -> Path:
    """A folder with a CMakeLists.txt."""
    folder.mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(text)
    return folder


def install(folder: Path, *options: str) -> tuple[str, Path]:
    """Build and install the library; what the configuration said, and where it is."""
    said = configure(LIBRARY, folder / "library", *options)
    run("cmake", "--build", folder / "library")
    run("cmake", "--install", folder / "library", "--prefix", folder / "installed")
    return said, folder / "installed"


def cross(folder: Path, machine: list[str]) -> list[str]:
    """Options of cmake for a Cortex-M, as a toolchain file has them."""
    toolchain = folder / "toolchain.cmake"
    flags = " ".join(["-mthumb", "-ffunction-sections", "-Wall -Wextra -Wconversion -Werror", *machine])
    toolchain.write_text(CROSS + f'set(CMAKE_C_FLAGS_INIT "{flags}")\n')
    return [f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"]


def second_of_speech() -> np.ndarray:
    return soundfile.read(ROOT / "demo/noisy.wav", frames=16000, dtype="int16")[0]


def check_samples(program: Path) -> None:
    """A second of speech through a program equals the project's own library."""
    samples = second_of_speech()
    done = subprocess.run([program], input=samples.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, dtype=np.int16)
    np.testing.assert_array_equal(found, TableEnhancer(TABLE).process(samples))
    assert found.any()


def objects(archive: Path, ar: str = "arm-none-eabi-ar") -> list[str]:
    """Sources in a static library."""
    return sorted(re.sub(r"\.o(bj)?$", "", name) for name in run(ar, "t", archive).split())


def sources(arch: str) -> list[str]:
    """Sources of SCons' own builds."""
    import cortex_m

    return sorted(path.name for path in cortex_m.library_sources(arch, ROOT))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_installed_and_found_on_this_computer(tmp_path: Path, compiler: str) -> None:
    strict = "-DCMAKE_C_FLAGS=-Wall -Wextra -Wconversion -Werror -pedantic"
    said, installed = install(tmp_path, f"-DCMAKE_C_COMPILER={compiler}", strict)
    assert "nnsp 0.1.0: portable kernels" in said
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
    _, installed = install(tmp_path)
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
    said = configure(LIBRARY, tmp_path / "build", *cross(tmp_path, machine))
    assert f"nnsp 0.1.0: {arch} kernels" in said
    run("cmake", "--build", tmp_path / "build")
    assert objects(tmp_path / "build/libnnsp.a") == sources(arch)


def test_options_of_the_folder_above_count(tmp_path: Path) -> None:
    text = f"""
        cmake_minimum_required(VERSION 3.16)
        project(consumer LANGUAGES C)
        add_compile_options("SHELL:-mcpu=cortex-m55 -mfloat-abi=hard" $<$<CONFIG:Debug>:-Og>)
        add_subdirectory({LIBRARY} nnsp)
        """
    options = cross(tmp_path, [])
    said = configure(project(tmp_path / "consumer", text), tmp_path / "build", *options)
    assert "mve kernels" in said
    run("cmake", "--build", tmp_path / "build")
    # Changed options are probed anew.
    changed = text.replace("SHELL:-mcpu=cortex-m55 -mfloat-abi=hard", "-mcpu=cortex-m3")
    (tmp_path / "consumer/CMakeLists.txt").write_text(changed)
    assert "portable kernels" in configure(tmp_path / "consumer", tmp_path / "build", *options)


def test_kernels_by_name(tmp_path: Path) -> None:
    """Portable ones anywhere; those of another processor stop the build; a slip is named."""
    m4 = cross(tmp_path, ["-mcpu=cortex-m4"])
    said = configure(LIBRARY, tmp_path / "build", *m4, "-DNNSP_ARCH=portable")
    assert "portable kernels" in said
    run("cmake", "--build", tmp_path / "build")
    assert objects(tmp_path / "build/libnnsp.a") == sources("portable")
    assert "smmulr" not in run("arm-none-eabi-objdump", "-d", tmp_path / "build/libnnsp.a")
    configure(LIBRARY, tmp_path / "build", *m4, "-DNNSP_ARCH=mve")
    with pytest.raises(AssertionError, match="this file is for a processor with MVE"):
        run("cmake", "--build", tmp_path / "build")
    with pytest.raises(AssertionError, match=r"no kernels NNSP_ARCH='m4'; expected\s+portable, armv7em, mve"):
        configure(LIBRARY, tmp_path / "build", *m4, "-DNNSP_ARCH=m4")


@pytest.mark.parametrize(("board", "arch"), [("qemu_m4", ""), ("qemu_m4", "portable"), ("qemu_m55", "")])
def test_firmware_around_the_installed_library(tmp_path: Path, board: str, arch: str) -> None:
    """A board's image by CMake, in C alone, on the emulator: the same samples as here."""
    import cortex_m

    target = importlib.import_module(f"target_{board}")
    options = cross(tmp_path, target.MACHINE)
    said, installed = install(tmp_path, *options, f"-DNNSP_ARCH={arch}")
    assert f"{arch or target.ARCH} kernels" in said
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


@pytest.mark.parametrize(
    ("machine", "arch", "board", "code", "ram"),
    [
        ("cortex-m0", "portable", "microbit", 0, 0x20000000),
        ("cortex-m3", "portable", "mps2-an385", 0, 0x20000000),
        ("cortex-m7", "armv7em", "mps2-an500", 0, 0x20000000),
        ("cortex-m23", "portable", "mps2-an505", 0x10000000, 0x38000000),
        ("cortex-m33", "armv7em", "mps2-an505", 0x10000000, 0x38000000),
        ("cortex-m55+nomve", "armv7em", "mps3-an547", 0, 0x21000000),
    ],
)
def test_other_cortex_m(tmp_path: Path, machine: str, arch: str, board: str, code: int, ram: int) -> None:
    """Without FPU, in pedantic C99, in 16 KiB of memory: the same samples as here."""
    import cortex_m

    image, folder = tmp_path / "image.elf", ROOT / "tests/library"
    flags = ["-std=c99", "-pedantic", "-O3", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-mthumb"]
    flags += [f"-mcpu={machine}", "-mfloat-abi=soft", *["-DNNSP_PORTABLE"] * (arch == "portable")]
    flags += [f"-I{path}" for path in (LIBRARY / "include", LIBRARY / "src", TABLE.parent)]
    flags += ["-nostartfiles", "-T", str(folder / "bare.ld"), f"-Wl,--defsym=CODE={code},--defsym=RAM={ram}"]
    files = [*cortex_m.library_sources(arch, ROOT), TABLE, folder / "enhance_bare.c"]
    run("arm-none-eabi-gcc", *flags, *files, "-o", image)
    samples = second_of_speech()
    samples.tofile(tmp_path / "in.raw")
    qemu = ["qemu-system-arm", "-M", board, "-kernel", str(image), "-display", "none", "-monitor", "none"]
    qemu += ["-serial", "null", "-semihosting-config", "enable=on,target=native"]
    assert subprocess.run(qemu, cwd=tmp_path, timeout=60).returncode == 0
    found = np.fromfile(tmp_path / "out.raw", dtype=np.int16)
    np.testing.assert_array_equal(found, TableEnhancer(TABLE).process(samples))


# Zephyr. Its own tree is not needed: the files are held against its documentation of modules, of Kconfig, and of the
# CMake functions that it gives to modules, here in the few lines that they come to for a library of plain sources.

MODULE_KEYS = {
    "build": {
        *("cmake", "kconfig", "cmake-ext", "kconfig-ext", "sysbuild-cmake", "sysbuild-kconfig"),
        *("sysbuild-cmake-ext", "sysbuild-kconfig-ext", "depends", "settings"),
    }
}

ZEPHYR = f"""
cmake_minimum_required(VERSION 3.20)
project(Zephyr-Kernel LANGUAGES C ASM)
add_library(zephyr_interface INTERFACE)
function(zephyr_include_directories)
    target_include_directories(zephyr_interface INTERFACE ${{ARGV}})
endfunction()
function(zephyr_compile_definitions)
    target_compile_definitions(zephyr_interface INTERFACE ${{ARGV}})
endfunction()
macro(zephyr_library)
    add_library(module STATIC)
    target_link_libraries(module PUBLIC zephyr_interface)
endmacro()
function(zephyr_library_sources)
    target_sources(module PRIVATE ${{ARGV}})
endfunction()
function(zephyr_library_include_directories)
    target_include_directories(module PRIVATE ${{ARGV}})
endfunction()
add_subdirectory(@CMAKE@ nnsp)
if(CONFIG_NNSP)
    add_library(app STATIC {TABLE})
    target_link_libraries(app PRIVATE zephyr_interface)
endif()
"""

# What a tree of Zephyr says of processors, and how its build includes a module's Kconfig.
KCONFIG = """
config CPU_CORTEX_M4
	bool "m4"
config CPU_CORTEX_M7
	bool "m7"
config ARMV8_M_DSP
	bool "dsp"
config ARMV8_1_M_MVEI
	bool "mve"
config FPU
	bool "fpu"
menu "nnsp"
osource "@KCONFIG@"
config ZEPHYR_NNSP_MODULE
	bool
	default y
endmenu
"""


def module() -> dict[str, dict[str, str]]:
    """zephyr/module.yml: plain keys of two levels."""
    found: dict[str, dict[str, str]] = {"": {}}
    section = ""
    for line in (ROOT / "zephyr/module.yml").read_text().splitlines():
        match = re.fullmatch(r"( {2})?([a-z-]+):(?: ([\w/.-]+))?", line)
        assert match, line
        if match[3] is None:
            section = match[2]
            found[section] = {}
        else:
            found[section if match[1] else ""][match[2]] = match[3]
    return found


def kconfig(folder: Path, *symbols: str) -> dict[str, str]:
    """Values of the module's symbols where those named are set."""
    path = folder / "Kconfig"
    path.write_text(KCONFIG.replace("@KCONFIG@", str(ROOT / module()["build"]["kconfig"])))
    tree = kconfiglib.Kconfig(str(path), warn_to_stderr=False)
    for name in symbols:
        assert tree.syms[name].set_value("y")
        assert tree.syms[name].str_value == "y", name
    assert not tree.warnings
    return {name: tree.syms[name].str_value for name in tree.syms if name.startswith("NNSP")}


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
        (["CPU_CORTEX_M4"], ["-mcpu=cortex-m4"], "armv7em"),
        (["ARMV8_M_DSP"], ["-mcpu=cortex-m33"], "armv7em"),
        (["ARMV8_M_DSP", "ARMV8_1_M_MVEI"], ["-mcpu=cortex-m55+nomve.fp"], "armv7em"),
        (["ARMV8_M_DSP", "ARMV8_1_M_MVEI", "FPU"], ["-mcpu=cortex-m55", "-mfloat-abi=hard"], "mve"),
        (["CPU_CORTEX_M4", "NNSP_PORTABLE"], ["-mcpu=cortex-m4"], "portable"),
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
    assert objects(tmp_path / "build/nnsp/libmodule.a") == sources(arch)


def test_module_that_is_not_wanted(tmp_path: Path) -> None:
    assert set(kconfig(tmp_path).values()) == {"n"}
    text = ZEPHYR.replace("@CMAKE@", str(ROOT / module()["build"]["cmake"]))
    configure(project(tmp_path / "zephyr", text), tmp_path / "build")
    assert "libmodule" not in run("ninja", "-C", tmp_path / "build", "-t", "targets", "all")
