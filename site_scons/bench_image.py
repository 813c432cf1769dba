# SPDX-License-Identifier: BSD-3-Clause
"""The image that ./nnsp bench measures: `scons target=<board> bench` makes build/<target>/bench.elf."""

import glob
import os

import image_models


def tables(folder):
    """Paths of the tables of all enhancers in a folder, def_nn<id>_<name>.c: a frame is audio in and audio out."""
    found = sorted(glob.glob(f"{folder}/def_nn*_*.c"))
    return [path for path in found if image_models.macros(path)["TASK"] == "NNSP_ENHANCE"]


def models_header(paths):
    """Text of models.h: every model's symbol, bytes of state and architecture."""
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    symbols = [stem.removeprefix("def_") for stem in stems]
    lines = [f'#include "{stem}.h"' for stem in stems]
    rows = [f"    MODEL({symbol}, {symbol.upper()}_STATE_BYTES, {symbol.upper()}_ARCH)" for symbol in symbols]
    return "\n".join([*lines, "#define MODELS(MODEL) \\", " \\\n".join(rows)]) + "\n"


def write_value(target, source, env):
    """Builder of a file whose text is its source."""
    with open(str(target[0]), "w") as file:
        file.write(source[0].get_text_contents())


def add(env, folder, objects, built, compile_c):
    """Alias bench. objects: library, board and the models in `built`; compile_c makes an object of another model's.

    With bench_models=<folder> its tables come after the firmware's, and the image is bench_more.elf.
    """
    more = env["bench_models"]
    name = "bench_more" if more else "bench"
    paths = [*tables("firmware/models"), *(tables(more) if more else [])]
    header = env.Command(f"{folder}/{name}/models.h", env.Value(models_header(paths)), write_value)
    env = env.Clone(
        CPPPATH=[*env["CPPPATH"], "bench", "nnsp_lib/src", f"{folder}/{name}", *([more] if more else [])]
    )
    cases = env.Object(f"{folder}/{name}/cases.o", "bench/cases.c")
    env.Depends(cases, header)
    others = [compile_c(path) for path in paths if path not in built]
    image = env.Program(f"{folder}/{name}", [*objects, *others, cases])
    env.Depends(image, env.Glob("firmware/boards/*/*.ld"))
    env.SideEffect(f"{folder}/{name}.map", image)
    env.Alias("bench", image)
