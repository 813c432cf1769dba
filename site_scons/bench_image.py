"""The image that ./nnsp bench measures: `scons target=<board> bench` makes build/<target>/bench.elf."""

import glob
import os


def models():
    """Stems of all generated tables, def_nn<id>_<name>."""
    return sorted(
        os.path.splitext(os.path.basename(path))[0] for path in glob.glob("firmware/models/def_nn*_*.c")
    )


def models_header(stems):
    """Text of models.h: every model's symbol, bytes of state and architecture."""
    symbols = [stem.removeprefix("def_") for stem in stems]
    lines = [f'#include "{stem}.h"' for stem in stems]
    rows = [f"    MODEL({symbol}, {symbol.upper()}_STATE_BYTES, {symbol.upper()}_ARCH)" for symbol in symbols]
    return "\n".join([*lines, "#define MODELS(MODEL) \\", " \\\n".join(rows)]) + "\n"


def add(env, folder, objects, table, compile_c):
    """Alias bench. objects: library, board and the model in `table`; compile_c makes an object of another model's."""

    def write(target, source, env):
        with open(str(target[0]), "w") as file:
            file.write(source[0].get_text_contents())

    header = env.Command(f"{folder}/bench/models.h", env.Value(models_header(models())), write)
    path = [*env["CPPPATH"], "bench", f"{folder}/bench"]
    cases = env.Object(f"{folder}/bench/cases.o", "bench/cases.c", CPPPATH=path)
    env.Depends(cases, header)
    others = [f"firmware/models/{stem}.c" for stem in models() if stem not in table]
    image = env.Program(f"{folder}/bench", [*objects, *map(compile_c, others), cases])
    env.Depends(image, env.Glob("firmware/boards/*/*.ld"))
    env.SideEffect(f"{folder}/bench.map", image)
    env.Alias("bench", image)
