# SPDX-License-Identifier: BSD-3-Clause
"""The text of a network: what it means, what is refused and how."""

from pathlib import Path

import pytest
from hypothesis import given

from networks import architectures
from nnsp.errors import UserError
from nnsp.network import arch
from nnsp.network.arch import Arch, Layer
from nnsp.places import ROOT
from nnsp.signal.frontend import FrontEnd

NN_ARCH = ROOT / "nn_arch"

SMALL = """\
input_neurons 4   # bands
dropprob 0.1

layer_type conv1d
num_filters 6
kernel_size 3
strides 2
activation relu6

layer_type lstm
layer_neurons 5
dropprob 0.2

# the last
layer_type fc
layer_neurons 9
activation sigmoid
"""


def test_parse() -> None:
    expected = Arch(
        name="small",
        input_neurons=4,
        dropprob=0.1,
        layers=(
            Layer("conv1d", 6, "relu6", kernel_size=3, strides=2),
            Layer("lstm", 5, "tanh", dropprob=0.2),
            Layer("fc", 9, "sigmoid"),
        ),
    )
    assert arch.parse(SMALL, "somewhere/def_small.txt") == expected


def test_figures_behind_strides() -> None:
    small = arch.parse(SMALL, "small")
    assert small.parameters == (3 * 4 * 6 + 6) + (4 * 5 * (6 + 5) + 4 * 5) + (5 * 9 + 9)
    assert small.macs_per_frame == (72 + 220 + 45 + 1) // 2
    assert small.stride == 2


def test_reference_network() -> None:
    net = arch.load(NN_ARCH / "def_se_nn_arch72_mel.txt")
    assert (net.parameters, net.macs_per_frame) == (102209, 101448)
    text = arch.summary(net, table_bytes=123456)
    for figure in ("102209", "101448", "31176", "72 x 6 -> 72", "table bytes: 123456"):
        assert figure in text


@pytest.mark.parametrize("path", sorted(NN_ARCH.glob("*.txt")), ids=lambda path: path.stem)
def test_shipped_networks_go_round(path: Path) -> None:
    net = arch.load(path)
    assert net.name == path.stem.removeprefix("def_")
    assert arch.parse(arch.to_text(net), path.name) == net


@given(architectures())
def test_random_networks_go_round(net: Arch) -> None:
    assert arch.parse(arch.to_text(net), net.name) == net


@pytest.mark.parametrize(
    ("name", "parameters"), [("rec_lstm", 103_717), ("rec_lstm_deep", 113_342), ("rec_lstm_mfcc", 81_299)]
)
def test_recognisers(name: str, parameters: int) -> None:
    net = arch.load(NN_ARCH / f"def_{name}.txt")
    assert (net.parameters, net.clip_frames) == (parameters, 128)
    arch.check_scores(net, 5)


def test_layers_behind_a_clip_run_once_in_it() -> None:
    net = arch.parse(CLIP, "net.txt")
    assert net.layers[1] == Layer("lstm", 5, "tanh", returns_last=True)
    assert net.layer_macs_per_frame == (2 * 4 * 6 / 2, 4 * 5 * (6 + 5) / 2, 5 * 3 / 10)
    assert "6 -> 5 last" in arch.summary(net)


CLIP = """\
input_neurons 4
clip_frames 10
layer_type conv1d
num_filters 6
kernel_size 2
strides 2
activation tanh
layer_type lstm
layer_neurons 5
returns last
layer_type fc
layer_neurons 3
activation softmax
"""
HEAD = "input_neurons 4\ndropprob 0\n"
FC = "layer_type fc\nlayer_neurons 3\nactivation tanh\n"
CONV1D = "layer_type conv1d\nnum_filters 3\nkernel_size 2\nactivation tanh\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "net.txt:1: expected 'input_neurons N' before anything else, not nothing"),
        ("# only\n# comments\n", "net.txt:2: expected 'input_neurons N' before anything else"),
        ("\ndropprob 0\n" + FC, "net.txt:2: expected 'input_neurons N' before anything else, not dropprob"),
        (FC, "net.txt:1: expected 'input_neurons N' before anything else, not layer_type"),
        (HEAD, "net.txt:2: expected at least one layer"),
        (
            HEAD + FC.replace("fc", "dense"),
            "net.txt:3: unknown layer_type 'dense'; expected fc, lstm, conv1d",
        ),
        (
            HEAD + FC.replace("tanh", "gelu"),
            "net.txt:5: unknown activation 'gelu'; expected relu6, tanh, sigmoid, linear, softmax",
        ),
        (
            HEAD + "layer_type lstm\nlayer_neurons 3\nactivation relu6\n",
            "net.txt:5: the activation of an lstm is tanh",
        ),
        (
            HEAD + FC + "colour 3\n",
            "net.txt:6: unknown key 'colour' in layer_type fc; expected layer_neurons",
        ),
        (HEAD + "colour 3\n" + FC, "net.txt:3: unknown key 'colour' in the head; expected input_neurons"),
        (HEAD + FC + "kernel_size 3\n", "net.txt:6: kernel_size is out of place in layer_type fc"),
        (HEAD + "layer_neurons 3\n" + FC, "net.txt:3: layer_neurons is out of place in the head"),
        (HEAD + FC + "input_neurons 3\n", "net.txt:6: input_neurons is out of place in layer_type fc"),
        (HEAD + FC + "layer_neurons 4\n", "net.txt:6: a second layer_neurons in layer_type fc"),
        (HEAD + "dropprob 0\n" + FC, "net.txt:3: a second dropprob in the head"),
        (HEAD + "layer_type fc\nactivation tanh\n", "net.txt:3: layer_type fc without layer_neurons"),
        (HEAD + "layer_type fc\nlayer_neurons 3\n" + FC, "net.txt:3: layer_type fc without activation"),
        (HEAD + CONV1D.replace("kernel_size 2\n", ""), "net.txt:3: layer_type conv1d without kernel_size"),
        (HEAD + FC.replace("3", "0"), "net.txt:4: layer_neurons 0; expected a whole number from 1 to 65535"),
        (HEAD + FC.replace("3", "-3"), "net.txt:4: layer_neurons -3; expected a whole number"),
        (HEAD + FC.replace("3", "2.5"), "net.txt:4: layer_neurons 2.5; expected a whole number"),
        (HEAD + FC.replace("3", "many"), "net.txt:4: layer_neurons many; expected a whole number"),
        (HEAD + FC.replace("3", "65536"), "net.txt:4: layer_neurons 65536; expected a whole number"),
        (HEAD + CONV1D.replace("kernel_size 2", "kernel_size 0"), "net.txt:5: kernel_size 0; expected"),
        (HEAD + CONV1D + "strides 0\n", "net.txt:7: strides 0; expected"),
        ("input_neurons 0\n" + FC, "net.txt:1: input_neurons 0; expected"),
        (HEAD + FC + "dropprob 1\n", "net.txt:6: dropprob 1; expected a number from 0 to below 1"),
        (HEAD + FC + "dropprob nan\n", "net.txt:6: dropprob nan; expected a number"),
        (HEAD + "layer_type\n", "net.txt:3: expected a key and a value, not 'layer_type'"),
        (HEAD + "layer_type fc 3\n", "net.txt:3: expected a key and a value, not 'layer_type fc 3'"),
        (CLIP.replace("10", "0"), "net.txt:2: clip_frames 0; expected a whole number from 1 to 65535"),
        (CLIP.replace("10", "9"), "net.txt:2: clip_frames 9; expected a multiple of the strides, 2"),
        (CLIP.replace("last", "all"), "net.txt:2: clip_frames without an lstm"),
        (CLIP.replace("last", "first"), "net.txt:10: unknown returns 'first'; expected all, last"),
        (
            CLIP.replace("clip_frames", "dropprob 0 #"),
            "net.txt:10: 'returns last' without a clip; expected a line",
        ),
        (CLIP + "returns last\n", "net.txt:14: returns is out of place in layer_type fc"),
        (CLIP + "clip_frames 5\n", "net.txt:14: clip_frames is out of place in layer_type fc"),
        (CLIP + "layer_type lstm\nlayer_neurons 3\nreturns last\n", "net.txt:14: lstm after 'returns last'"),
        (
            CLIP + CONV1D,
            "net.txt:14: conv1d after 'returns last'; expected fc, because only one frame of a clip is left",
        ),
        (CLIP + FC, "net.txt:13: softmax in the middle; expected in the last layer"),
        (HEAD + CONV1D.replace("tanh", "softmax"), "net.txt:6: softmax in a conv1d; expected in an fc only"),
    ],
)
def test_refused_text(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        arch.parse(text, "net.txt")
    assert str(caught.value).startswith(message)


def test_masks_of_power_spectra_are_per_bin() -> None:
    for feat_type, units, choice in [
        (
            "mel",
            73,
            r"257 sigmoid neurons \(a gain per frequency bin\) or 72 \(a gain per mel band\), not fc 73",
        ),
        ("pspec", 72, r"257 sigmoid neurons \(a gain per frequency bin\), not fc 72"),
    ]:
        fe = FrontEnd(feat_type=feat_type)
        with pytest.raises(
            UserError, match=f"wrong: the last layer must be an fc or conv1d of {choice} sigmoid"
        ):
            arch.check_enhancer(Arch("wrong", fe.feature_count, 0.0, (Layer("fc", units, "sigmoid"),)), fe)
    arch.check_enhancer(Arch("bands", 72, 0.0, (Layer("fc", 72, "sigmoid"),)), FrontEnd())


def test_enhancers_need_a_gain_in_every_frame() -> None:
    clip = (Layer("lstm", 5, "tanh", returns_last=True), Layer("fc", 72, "sigmoid"))
    with pytest.raises(
        UserError, match="wrong: clip_frames gives one output a clip, an enhancer needs a gain"
    ):
        arch.check_enhancer(Arch("wrong", 72, 0.0, clip, clip_frames=10), FrontEnd())


@pytest.mark.parametrize(
    "last", [Layer("fc", 4, "softmax"), Layer("fc", 5, "tanh"), Layer("conv1d", 5, "sigmoid")]
)
def test_classifiers_need_a_score_for_every_label(last: Layer) -> None:
    with pytest.raises(
        UserError, match="wrong: the last layer must be an fc of 5 softmax or sigmoid neurons"
    ):
        arch.check_classifier(Arch("wrong", 72, 0.0, (last,)), FrontEnd(), 5)
    with pytest.raises(UserError, match="wrong: input_neurons 71, but `feat_type=mel` gives 72 features"):
        arch.check_classifier(Arch("wrong", 71, 0.0, (Layer("fc", 5, "softmax"),)), FrontEnd(), 5)


def test_refused_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.txt: no such file"):
        arch.load(tmp_path / "nowhere.txt")
    (tmp_path / "weights.txt").write_bytes(b"\x89HDF\r\n\xff\xfe")
    with pytest.raises(UserError, match=r"weights\.txt: cannot be read as text"):
        arch.load(tmp_path / "weights.txt")
