"""Firmware for a Cortex-M board: library, model, app and board into one image."""

import glob
import os
import re
import shutil
import sys
from pathlib import Path

import bench_image
from SCons.Script import Action, Default, Exit, SConsignFile

CROSS = "arm-none-eabi-"
FLAGS = ["-mthumb", "-std=c99", "-O3", "-g", "-ffunction-sections", "-fdata-sections", "-fno-common"]
FLAGS += ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
EMULATED = ("qemu_m4", "qemu_m55")
LINK = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]


def stop(sentence):
    print(f"scons: {sentence}")
    Exit(2)


def model_defines(model):
    """Give (C file, macros) by which the app finds its model; the file's name holds id and name."""
    found = glob.glob(f"firmware/models/def_nn*_{model}.c")
    found = [path for path in found if re.fullmatch(rf"def_nn\d+_{re.escape(model)}\.c", os.path.basename(path))]
    if len(found) != 1:
        what = "no" if not found else "more than one"
        stop(f"there is {what} firmware/models/def_nn<id>_{model}.c; py_tools/c_code_table_converter.py makes it")
    return found[0], model_macros(os.path.basename(found[0]).removesuffix(".c"))


def model_macros(stem):
    """Give the macros of main.c for the generated files <stem>.c and .h."""
    symbol = stem.removeprefix("def_")
    upper = symbol.upper()
    return {
        "MODEL_HEADER": f'"{stem}.h"',
        "MODEL": symbol,
        "MODEL_HOP": f"{upper}_HOP",
        "MODEL_STATE_BYTES": f"{upper}_STATE_BYTES",
    }


def library_sources(arch, root="."):
    """Sources of nnsp_lib: what arch/<arch> has takes the place of the file of the same name in arch/portable."""
    source = Path(root, "nnsp_lib/src")
    kernels = {}
    for folder in ("portable", arch):
        kernels |= {path.stem: path for path in sorted(source.glob(f"arch/{folder}/*.[cS]"))}
    return [*sorted(source.glob("*.c")), *kernels.values()]


def linker_script(board):
    """Options of the linker; link.ld includes what boards share."""
    return [*(f"-L{part}" for part in board), "-T", f"{board[0]}/link.ld"]


def build(env, board, machine, arch, variant="", board_defines=None):
    """build/<target>/nnsp_<model>.elf, .bin, .hex, .map; alias size, and run and bench for an emulated board.

    board: folders of its sources, the first with its link.ld; machine: the compiler's options for the processor;
    arch: folder of its kernels; variant: what the folder's name ends in; board_defines: macros of the board's sources.
    Returns folder and name of the image.
    """
    if shutil.which(f"{CROSS}gcc") is None:
        stop(
            f"{CROSS}gcc is not installed; on Debian or Ubuntu: "
            "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
        )
    target, name = env["target"], env["model"]
    folder = f"build/{target}{variant}" + "_portable" * env["portable"]
    table, macros = model_defines(name)
    SConsignFile(f"{folder}/.sconsign")
    env.Replace(CC=f"{CROSS}gcc", LINK=f"{CROSS}gcc", OBJCOPY=f"{CROSS}objcopy", PROGSUFFIX=".elf")
    env.Append(
        CCFLAGS=[*machine, *FLAGS],
        CPPPATH=["nnsp_lib/include", "nnsp_lib/src", "firmware/app", "firmware/models", *board],
        ASPPFLAGS=machine,
        LINKFLAGS=[*machine, *LINK, *linker_script(board), "-Wl,-Map=${TARGET.base}.map"],
    )
    if env["portable"]:
        arch = "portable"
        env.Append(CCFLAGS=["-DNNSP_PORTABLE"])
    objects = [_object(env, folder, str(source)) for source in [*library_sources(arch), table]]
    for source in env.Flatten([env.Glob(f"{part}/*.c") for part in board]):
        objects.append(_object(env, folder, str(source), "", board_defines))
    if target in EMULATED:
        bench_image.add(env, folder, objects, table, lambda source: _object(env, folder, source))
    # Around the library small is better than fast.
    app = env.Clone(CCFLAGS=[*env["CCFLAGS"], "-Os"])
    objects += [_object(app, folder, f"firmware/app/{part}.c") for part in ("link", "samples")]
    # Compiled apart for every model. The call graph with stack use is for the size table.
    quoted = {key: value.replace('"', '\\"') for key, value in macros.items()}
    main = _object(app, folder, "firmware/app/main.c", f"_{name}", quoted)
    env.Depends(main, str(Path(table).with_suffix(".h")))  # a macro names it, which SCons does not follow
    objects.append(main)
    elf = env.Program(f"{folder}/nnsp_{name}", objects)
    env.Depends(elf, [env.Glob(f"{part}/*.ld") for part in board])
    env.SideEffect(f"{folder}/nnsp_{name}.map", elf)
    env.Clean(elf, f"{folder}/nnsp_{name}.map")
    binary = env.Command(f"{folder}/nnsp_{name}.bin", elf, "$OBJCOPY -O binary $SOURCE $TARGET")
    hexadecimal = env.Command(f"{folder}/nnsp_{name}.hex", elf, "$OBJCOPY -O ihex $SOURCE $TARGET")
    python = f'"{sys.executable}"'
    size = env.AlwaysBuild(env.Alias("size", elf, Action(f"{python} site_scons/sizes.py $SOURCE {folder}")))
    if target in EMULATED:
        Default(elf, binary, hexadecimal)
        stream = f"{python} py_tools/stream_se.py --board={target} --image=$SOURCE"
        stream += f" --model={name} --wav=$wav --output=$output"
        if os.path.exists(env["clean"]):
            stream += " --clean=$clean"
        env.AlwaysBuild(env.Alias("run", elf, Action(stream)))
    else:
        Default(elf, binary, hexadecimal, size)
    return folder, f"nnsp_{name}"


def _object(env, folder, source, suffix="", defines=None):
    path = f"{folder}/{os.path.splitext(source)[0]}{suffix}"
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
