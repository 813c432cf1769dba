# SPDX-License-Identifier: BSD-3-Clause
"""The library for this computer: what Python loads, and what sanitizers look at."""

import os
import shutil

import library_sources
from SCons.Script import Default, Exit, SConsignFile

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


def build(env):
    """build/host[_clang][_sanitize][_checked]/libnnsp.so and .a"""
    if shutil.which(env["cc"]) is None:
        print(f"scons: {env['cc']} is not installed; on Debian or Ubuntu: sudo apt-get install {env['cc']}")
        Exit(2)
    parts = ["host"] + ["clang"] * (env["cc"] == "clang")
    parts += [option for option in ("sanitize", "checked") if env[option]]
    folder = f"build/{'_'.join(parts)}"
    # One data base a folder: builds of different variants may run side by side.
    SConsignFile(f"{folder}/.sconsign")
    env.Replace(CC=env["cc"], SHLINK=env["cc"])
    env.Append(
        CCFLAGS=["-std=c99", "-O2", "-g", "-fPIC", *WARNINGS],
        CPPPATH=["nnsp_lib/include"],
        CPPDEFINES=["NNSP_CHECKED"] if env["checked"] else [],
    )
    if env["sanitize"]:
        flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
        env.Append(CCFLAGS=flags, LINKFLAGS=flags)
    sources = [str(source) for source in library_sources.find()]
    objects = [env.SharedObject(f"{folder}/{os.path.splitext(source)[0]}", source) for source in sources]
    Default(env.SharedLibrary(f"{folder}/nnsp", objects), env.StaticLibrary(f"{folder}/nnsp", objects))
