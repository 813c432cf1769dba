# SPDX-License-Identifier: BSD-3-Clause
"""Firmware for a Cortex-M board: library, model, app and board into one image."""

import os
import shutil
import sys
from pathlib import Path

import bench_image
import image_models
import library_sources
from SCons.Script import Action, Default, Exit, SConsignFile

CROSS = "arm-none-eabi-"
FLAGS = ["-mthumb", "-std=c99", "-O3", "-g", "-ffunction-sections", "-fdata-sections", "-fno-common"]
FLAGS += ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
EMULATED = ("qemu_m4", "qemu_m55")
LINK = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]


def stop(sentence):
    print(f"scons: {sentence}")
    Exit(2)


def linker_script(board):
    """Options of the linker; link.ld includes what boards share."""
    return [*(f"-L{part}" for part in board), "-T", f"{board[0]}/link.ld"]


def build(env, board, machine, variant="", board_defines=None):
    """build/<target>/nnsp_<models>.elf, .bin, .hex, .map; alias size, and run and bench for an emulated board.

    board: folders of its sources, the first with its link.ld; machine: the compiler's options for the processor;
    variant: what the folder's name ends in; board_defines: macros of the board's sources.
    Returns folder and name of the image.
    """
    if shutil.which(f"{CROSS}gcc") is None:
        stop(
            f"{CROSS}gcc is not installed; on Debian or Ubuntu: "
            "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
        )
    target, name = env["target"], f"nnsp_{env['model'].replace(',', '_')}"
    folder = f"build/{target}{variant}" + "_portable" * env["portable"]
    try:
        tables = image_models.choose(env["model"])
        models = image_models.header(tables)
    except ValueError as error:
        stop(error)
    SConsignFile(f"{folder}/.sconsign")
    env.Replace(CC=f"{CROSS}gcc", LINK=f"{CROSS}gcc", OBJCOPY=f"{CROSS}objcopy", PROGSUFFIX=".elf")
    kernels = ["-DNNSP_PORTABLE"] * env["portable"]
    env.Append(
        CCFLAGS=[*machine, *FLAGS, *kernels],
        CPPPATH=["nnsp_lib/include", "firmware/app", "firmware/models", *board],
        ASPPFLAGS=[*machine, *kernels],
        LINKFLAGS=[*machine, *LINK, *linker_script(board), "-Wl,-Map=${TARGET.base}.map"],
    )
    objects = [_object(env, folder, str(source)) for source in [*library_sources.find(), *tables]]
    for source in env.Flatten([env.Glob(f"{part}/*.c") for part in board]):
        objects.append(_object(env, folder, str(source), board_defines))
    if target in EMULATED:
        bench_image.add(env, folder, objects, tables, lambda source: _object(env, folder, source))
    # Around the library small is better than fast. The app is compiled apart for every choice of models.
    header = env.Command(f"{folder}/{name}/image_models.h", env.Value(models), bench_image.write_value)
    app = env.Clone(CCFLAGS=[*env["CCFLAGS"], "-Os"], CPPPATH=[f"{folder}/{name}", *env["CPPPATH"]])
    parts = [_object(app, f"{folder}/{name}", str(source)) for source in env.Glob("firmware/app/*.c")]
    env.Depends(parts, [header, *(str(Path(table).with_suffix(".h")) for table in tables)])
    elf = env.Program(f"{folder}/{name}", [*objects, *parts])
    env.Depends(elf, [env.Glob(f"{part}/*.ld") for part in board])
    env.SideEffect(f"{folder}/{name}.map", elf)
    env.Clean(elf, f"{folder}/{name}.map")
    binary = env.Command(f"{folder}/{name}.bin", elf, "$OBJCOPY -O binary $SOURCE $TARGET")
    hexadecimal = env.Command(f"{folder}/{name}.hex", elf, "$OBJCOPY -O ihex $SOURCE $TARGET")
    python = f'"{sys.executable}"'
    size = env.AlwaysBuild(env.Alias("size", elf, Action(f"{python} site_scons/sizes.py $SOURCE {folder}")))
    if target in EMULATED:
        Default(elf, binary, hexadecimal)
        tool = "stream_se" if image_models.enhances_alone(tables) else "stream_events"
        stream = f"{python} py_tools/{tool}.py --board={target} --image=$SOURCE --model=$model --wav=$wav --output=$output"
        if tool == "stream_se" and os.path.exists(env["clean"]):
            stream += " --clean=$clean"
        env.AlwaysBuild(env.Alias("run", elf, Action(stream)))
    else:
        Default(elf, binary, hexadecimal, size)
    return folder, name


def _object(env, folder, source, defines=None):
    path = f"{folder}/{os.path.splitext(source)[0]}"
    graph = f"{path}.ci"
    built = env.Object(
        f"{path}.o",
        source,
        CPPDEFINES={**(defines or {})},
        CCFLAGS=[*env["CCFLAGS"], "-fcallgraph-info=su"],
    )
    env.SideEffect(graph, built)
    env.Clean(built, graph)
    return built
