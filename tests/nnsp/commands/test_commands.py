# SPDX-License-Identifier: BSD-3-Clause
"""The table of commands, their start, and the flags that users were promised."""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from nnsp import commands, places
from nnsp.commands.run import EXTRAS, run
from nnsp.places import ROOT

HEAVY = ("tensorflow", "keras", "jax", "scipy", "librosa", "matplotlib", "optuna", "sklearn", "onnxruntime")
HELP_SECONDS = 5.0  # on a machine that does much else; alone it is a fifth of a second at most

PROBE = """
import sys
from nnsp import commands
sys.argv = ["nnsp", *sys.argv[1:]]
try:
    commands.cli()
except SystemExit as end:
    loaded = {name.partition(".")[0] for name in sys.modules}
    print("\\nstatus", end.code, "loaded", *sorted(loaded & set(HEAVY)))
"""


def nnsp(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nnsp", *arguments]
    environment = {"PYTHONPATH": str(ROOT / "py_tools"), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_arguments_are_looked_at_before_anything_heavy_is_imported(name: str) -> None:
    code = PROBE.replace("HEAVY", repr(HEAVY))
    for argument, status in (("--help", 0), ("--no_such_flag", 2)):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, name, argument],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": str(ROOT / "py_tools")},
        )
        assert time.monotonic() - began < HELP_SECONDS
        assert done.stdout.endswith(f"\nstatus {status} loaded\n"), done.stdout + done.stderr
        assert f"usage: nnsp {name}" in (done.stderr if status else done.stdout)


def test_every_command_is_listed_with_a_line() -> None:
    said = nnsp().stdout
    for name, command in commands.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.about)}$", said, re.MULTILINE)
    for shim in (ROOT / "py_tools").glob("*.py"):
        assert shim.stem in commands.COMMANDS
    header = (places.HEADERS / "nnsp.h").read_text()
    assert f'"{nnsp("--version").stdout.split()[1]}"' in header


def test_the_list_needs_nothing_that_is_installed_later() -> None:
    command = [sys.executable, "-S", "-m", "nnsp", "help", "enhance"]  # without site-packages
    environment = {"PYTHONPATH": str(ROOT / "py_tools")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0 and done.stdout.startswith("enhance: "), done.stderr


def test_a_reader_that_has_enough_ends_a_command_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m nnsp detect {places.DEMO / 'noisy.wav'} | head -n 0"
    environment = {"PYTHONPATH": str(ROOT / "py_tools"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tran_se"], "there is no command 'tran_se'; did you mean train_se?"),
        (["xyzzy"], "there is no command 'xyzzy'; nnsp alone lists them"),
        (["help", "detec"], "there is no command 'detec'; did you mean detect?"),
    ],
)
def test_unknown_commands_get_a_sentence(arguments: list[str], sentence: str) -> None:
    done = nnsp(*arguments)
    assert done.returncode == 2
    assert done.stderr == f"nnsp: {sentence}\n"


def test_a_missing_extra_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nnsp enhance"])
    monkeypatch.setitem(sys.modules, "pystoi", None)  # as if it were not there

    def work() -> None:
        import pystoi  # noqa: F401

    with pytest.raises(SystemExit, match="1"):
        run(work)
    assert capsys.readouterr().err == (
        "nnsp enhance: this needs pystoi, which is not installed: pip install 'nnsp-mcu[evaluate]'\n"
    )

    def mistake() -> None:
        import no_such_module  # noqa: F401

    with pytest.raises(ModuleNotFoundError):
        run(mistake)


def test_extras_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {
        extra: {re.split(r"[=\[]", text)[0].lower() for text in texts}
        for extra, texts in project["optional-dependencies"].items()
    }
    distributions = {"sklearn": "scikit-learn", "PIL": "matplotlib", "scipy": "scipy"}
    for extra, packages in EXTRAS.items():
        known = pinned[extra] | (pinned["evaluate"] if extra == "train" else set())
        for package in packages:
            assert distributions.get(package, package) in known
    for texts in (project["dependencies"], *project["optional-dependencies"].values()):
        assert all(re.fullmatch(r"[\w.-]+(\[\w+\]|==[\w.]+)", text) for text in texts)


@pytest.mark.slow
def test_tensorflow_is_quiet() -> None:
    code = "from nnsp.commands.quiet import silence_tensorflow as s; s(); import keras; keras.ops.zeros(3)"
    environment = {"PYTHONPATH": str(ROOT / "py_tools"), "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == done.stderr == ""


BRIEF = """
python test_se.py --epoch_loaded=50 --nn_arch=nn_arch/def_se_nn_arch72_mel.txt --recording=0 --feat_type=mel \
    --test_wavefile=test_wavs/speech.wav
python data_se.py --download=1 --dataset_noise=30000
python data_se.py --download=0 --datasize_noise=-1
python train_se.py --epoch_loaded=random --nn_arch=nn_arch/def_se_nn_arch72_mel.txt --feat_type=mel
python test_se.py --epoch_loaded=50 --nn_arch=nn_arch/def_se_nn_arch72_mel.txt --recording=1 --feat_type=mel
python c_code_table_converter.py --epoch_loaded=62 --nn_arch=nn_arch/def_se_nn_arch72_mel.txt --net_id=3 --net_name=se
python c_code_table_converter.py --epoch_loaded=62 --s2i_nn_arch=nn_arch/def_se_nn_arch72_mel.txt --net_id=3
"""


@pytest.mark.parametrize("line", BRIEF.replace("\\\n", "").strip().splitlines())
def test_command_lines_of_old_are_understood(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from importlib import import_module

    _, tool, *arguments = line.split()
    module = import_module(f"nnsp.commands.{commands.COMMANDS[tool.removesuffix('.py')].module}")
    monkeypatch.chdir(tmp_path)  # where no nn_arch lies: the shipped one is meant
    monkeypatch.setattr(sys, "argv", [tool, *arguments])
    args = (module.arguments if hasattr(module, "arguments") else module.parse)()
    if "nn_arch" in line:
        assert args.nn_arch == places.NN_ARCH / "def_se_nn_arch72_mel.txt"
    else:
        assert args.datasize_noise in (30000, -1)
