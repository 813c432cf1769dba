# SPDX-License-Identifier: BSD-3-Clause
"""Stand-ins for what a tree of Zephyr's gives a module and an application: CMake functions, Kconfig, a header.

They are held against Zephyr's documentation, and are the few lines that this comes to for plain sources.
"""

import re
from pathlib import Path

import kconfiglib

from nnsp.places import ROOT

FUNCTIONS = """
add_library(zephyr_interface INTERFACE)
function(zephyr_include_directories)
    target_include_directories(zephyr_interface INTERFACE ${ARGV})
endfunction()
function(zephyr_compile_definitions)
    target_compile_definitions(zephyr_interface INTERFACE ${ARGV})
endfunction()
macro(zephyr_library)
    add_library(module STATIC)
    target_link_libraries(module PUBLIC zephyr_interface)
endmacro()
function(zephyr_library_sources)
    target_sources(module PRIVATE ${ARGV})
endfunction()
"""

# An image is more than the application: where there is no C library to start it, it stays a library.
PACKAGE = f"""
project(Zephyr-Kernel LANGUAGES C ASM)
{FUNCTIONS}
target_include_directories(zephyr_interface INTERFACE ${{CMAKE_CURRENT_LIST_DIR}}/include)
foreach(folder IN LISTS EXTRA_ZEPHYR_MODULES)
    add_subdirectory(${{folder}}/@CMAKE@ nnsp)
endforeach()
if(CMAKE_CROSSCOMPILING)
    add_library(app STATIC "")
else()
    add_executable(app "")
endif()
target_link_libraries(app PRIVATE module)
"""

KERNEL = """
#include <stdint.h>
#include <stdio.h>
#define printk printf
static inline uint32_t k_cycle_get_32(void) { static uint32_t cycles; return cycles += 7; }
static inline uint32_t k_cyc_to_us_floor32(uint32_t cycles) { return cycles; }
"""

# How Zephyr's build includes a module's Kconfig, and symbols of Zephyr's own.
KCONFIG = """
menu "nnsp"
osource "@KCONFIG@"
config ZEPHYR_NNSP_MODULE
	bool
	default y
endmenu
config MAIN_STACK_SIZE
	int "Size of stack for initialization and main thread"
	default 1024
config PRINTK
	bool "printk"
	default y
"""


def module() -> dict[str, dict[str, str]]:
    """zephyr/module.yml: plain keys of two levels."""
    found: dict[str, dict[str, str]] = {"": {}}
    section = ""
    for line in (ROOT / "zephyr/module.yml").read_text().splitlines()[1:]:
        match = re.fullmatch(r"( {2})?([a-z-]+):(?: ([\w/.-]+))?", line)
        assert match, line
        if match[3] is None:
            section = match[2]
            found[section] = {}
        else:
            found[section if match[1] else ""][match[2]] = match[3]
    return found


def kconfig(folder: Path, *symbols: str, prj_conf: Path | None = None) -> dict[str, str]:
    """Values of the module's symbols where those named, or those in a prj.conf, are set."""
    path = folder / "Kconfig"
    path.write_text(KCONFIG.replace("@KCONFIG@", str(ROOT / module()["build"]["kconfig"])))
    tree = kconfiglib.Kconfig(str(path), warn_to_stderr=False)
    tree.warn_assign_undef = True
    if prj_conf:
        tree.load_config(str(prj_conf))
    for name in symbols:
        assert tree.syms[name].set_value("y")
        assert tree.syms[name].str_value == "y", name
    assert not tree.warnings
    return {name: tree.syms[name].str_value for name in tree.syms if name.startswith("NNSP")}


def package(folder: Path) -> Path:
    """Write what find_package(Zephyr) finds, and <zephyr/kernel.h>, below `folder`."""
    (folder / "include/zephyr").mkdir(parents=True)
    (folder / "include/zephyr/kernel.h").write_text(KERNEL)
    (folder / "ZephyrConfig.cmake").write_text(PACKAGE.replace("@CMAKE@", module()["build"]["cmake"]))
    return folder
