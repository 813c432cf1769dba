# SPDX-License-Identifier: BSD-3-Clause
"""What all tests need."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnsp import commands

# A shell that starts the tests in the background has them ignore Ctrl-C; the tools that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

SMALL = """input_neurons 72
dropprob 0
layer_type conv1d
num_filters 12
kernel_size 3
strides 1
activation tanh
dropprob 0
layer_type lstm
layer_neurons 12
activation tanh
dropprob 0
layer_type fc
layer_neurons 257
activation sigmoid
dropprob 0
"""


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with def_se_small.txt, models/se_small/ (one untrained epoch), all.csv, noisy.wav and clean.wav."""
    from nnsp.data.mixing import Mixer
    from nnsp.network import arch as arch_text
    from nnsp.network.streaming import build
    from nnsp.signal import audio
    from nnsp.signal.frontend import FrontEnd
    from nnsp.tasks.enhancement import SpeechEnhancement
    from nnsp.training.folder import ModelFolder, Normalisation
    from sounds import make_list

    root = tmp_path_factory.mktemp("small")
    text = root / "def_se_small.txt"
    text.write_text(SMALL)
    arch = arch_text.load(text)
    folder = ModelFolder(root / "models", arch.name)
    normalisation = Normalisation(np.full(72, 18, np.float32), np.full(72, 3, np.float32))
    folder.start(arch_text.to_text(arch), FrontEnd(), normalisation, {}, SpeechEnhancement().to_json())
    build(arch, seed=1).save_weights(folder.weights_path(1))
    mixture = Mixer.open(make_list(root), 0).row(0, 0, 3, 48000)
    audio.write_wav(root / "noisy.wav", mixture.noisy)
    audio.write_wav(root / "clean.wav", mixture.clean)
    return root


@pytest.fixture
def run(small: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a tool of py_tools with the small network in this process; gives its exit status."""

    def run(tool: str, *arguments: str) -> int:
        model = f"--nn_arch={small / 'def_se_small.txt'}", f"--models_dir={small / 'models'}"
        monkeypatch.setattr(sys, "argv", [f"{tool}.py", *model, *arguments])
        with pytest.raises(SystemExit) as ended:
            commands.main(tool)
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run
