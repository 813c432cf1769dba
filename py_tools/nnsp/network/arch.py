# SPDX-License-Identifier: BSD-3-Clause
"""The text that describes a network: parse, check, write, summarise."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from nnsp.errors import UserError
from nnsp.network.kinds import KINDS
from nnsp.network.kinds.kind import Layer
from nnsp.signal.frontend import FrontEnd

LARGEST = 65535  # sizes are 16-bit words in the C tables

HEAD_KEYS = {"input_neurons": int, "dropprob": float, "clip_frames": int}
HEAD_DEFAULTS = {"dropprob": 0.0, "clip_frames": 0}


@dataclass(frozen=True)
class Arch:
    """A network: layers in turn. ``dropprob`` is that of the input, each layer's that of its output.

    With ``clip_frames`` it sees clips of so many frames, each from silence, and has one output at the end of each.
    """

    name: str
    input_neurons: int
    dropprob: float
    layers: tuple[Layer, ...]
    clip_frames: int = 0

    @property
    def inputs(self) -> tuple[int, ...]:
        """Inputs of every layer."""
        return (self.input_neurons, *(layer.units for layer in self.layers[:-1]))

    @property
    def stride(self) -> int:
        """Input frames each time the last layer runs; that of a network with clips runs once a clip."""
        return math.prod(layer.strides for layer in self.layers)

    @property
    def layer_parameters(self) -> tuple[int, ...]:
        """Weights and biases of every layer."""
        pairs = zip(self.layers, self.inputs, strict=True)
        return tuple(KINDS[layer.kind].parameters(layer, inputs) for layer, inputs in pairs)

    @property
    def parameters(self) -> int:
        """Weights and biases in all."""
        return sum(self.layer_parameters)

    @property
    def layer_macs_per_frame(self) -> tuple[float, ...]:
        """Multiply-accumulates of every layer per input frame; after strides, on average."""
        result, stride = [], 1
        for layer, inputs in zip(self.layers, self.inputs, strict=True):
            stride *= layer.strides
            result.append(KINDS[layer.kind].macs(layer, inputs) / stride)
            stride = self.clip_frames if layer.returns_last else stride
        return tuple(result)

    @property
    def macs_per_frame(self) -> int:
        """Multiply-accumulates of all layers per input frame; after strides, on average, rounded up."""
        return math.ceil(sum(self.layer_macs_per_frame))


def load(path: Path | str) -> Arch:
    """Read a network's text.

    Raises
    ------
    UserError
        There is no such file, or what `parse` refuses.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; give the text of a network, for example one of nn_arch/"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}); give the text of a network") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Arch:
    """Make a network from its text.

    Parameters
    ----------
    text : str
        ``key value`` lines; ``#`` starts a comment. First ``input_neurons`` and, if wanted, ``dropprob`` and
        ``clip_frames``; then a block per layer, opened by ``layer_type``.
    source : str
        File name, for errors; less ``def_`` and ``.txt`` it is the network's name.

    Raises
    ------
    UserError
        With file, line and what was expected.
    """
    return _Parser(text, source).parse()


class _Parser:
    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.entries: list[tuple[int, str, str]] = []
        self.last_line = max(len(text.splitlines()), 1)
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) != 2:
                self.fail(number, f"expected a key and a value, not '{' '.join(words)}'")
            self.entries.append((number, words[0], words[1]))

    def fail(self, line: int, message: str) -> NoReturn:
        raise UserError(f"{self.source}:{line}: {message}")

    def parse(self) -> Arch:
        if not self.entries or self.entries[0][1] != "input_neurons":
            line, found = (
                (self.entries[0][0], self.entries[0][1]) if self.entries else (self.last_line, "nothing")
            )
            self.fail(line, f"expected 'input_neurons N' before anything else, not {found}")
        blocks = list(self._blocks())
        head = self._values(blocks[0][0], blocks[0][1], HEAD_KEYS, HEAD_DEFAULTS, "the head")
        if len(blocks) == 1:
            self.fail(self.last_line, f"expected at least one layer, 'layer_type {'|'.join(KINDS)}'")
        layers = [self._layer(line, entries) for line, entries in blocks[1:]]
        arch = Arch(
            name=Path(self.source).name.removeprefix("def_").removesuffix(".txt"),
            input_neurons=head["input_neurons"],
            dropprob=head["dropprob"],
            layers=tuple(layers),
            clip_frames=head["clip_frames"],
        )
        self._check_clip(arch, blocks)
        for layer, (_, entries) in zip(layers[:-1], blocks[1:], strict=False):
            if layer.activation == "softmax":
                self.fail(_line(entries, "activation"), "softmax in the middle; expected in the last layer")
        return arch

    def _check_clip(self, arch: Arch, blocks: list[tuple[int, list[tuple[int, str, str]]]]) -> None:
        """Refuse a clip without one layer that returns its last frame, and the reverse; after it no time is left."""
        clip, stride, ended = arch.clip_frames, 1, False
        for layer, (line, entries) in zip(arch.layers, blocks[1:], strict=True):
            if ended and KINDS[layer.kind].remembers:
                others = ", ".join(name for name, kind in KINDS.items() if not kind.remembers)
                self.fail(
                    line,
                    f"{layer.kind} after 'returns last'; expected {others}, because only one frame of a clip is left",
                )
            stride *= layer.strides
            if layer.returns_last and not clip:
                where = _line(entries, "returns")
                self.fail(where, "'returns last' without a clip; expected a line 'clip_frames N' in the head")
            ended = ended or layer.returns_last
        if not clip:
            return
        line = _line(blocks[0][1], "clip_frames")
        if not ended:
            returning = " or ".join(name for name, kind in KINDS.items() if "returns" in kind.keys)
            self.fail(line, f"clip_frames without an {returning} that says 'returns last'; expected one")
        if clip % stride:
            self.fail(line, f"clip_frames {clip}; expected a multiple of the strides, {stride}")

    def _blocks(self) -> Iterator[tuple[int, list[tuple[int, str, str]]]]:
        """Yield line and entries of the head and of every layer."""
        block: list[tuple[int, str, str]] = []
        for entry in self.entries:
            if entry[1] == "layer_type" and block:
                yield block[0][0], block
                block = []
            block.append(entry)
        yield block[0][0], block

    def _layer(self, line: int, entries: list[tuple[int, str, str]]) -> Layer:
        name = entries[0][2]
        if name not in KINDS:
            self.fail(line, f"unknown layer_type '{name}'; expected {', '.join(KINDS)}")
        kind = KINDS[name]
        layer = kind.layer(self._values(line, entries[1:], kind.keys, kind.defaults, f"layer_type {name}"))
        if layer.activation not in kind.activations:
            self.fail(_line(entries, "activation"), kind.refusal.format(layer.activation))
        return layer

    def _values(
        self,
        line: int,
        entries: list[tuple[int, str, str]],
        allowed: dict[str, Any],
        defaults: dict[str, Any],
        block: str,
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        known = {"layer_type", *HEAD_KEYS, *(key for kind in KINDS.values() for key in kind.keys)}
        for number, key, text in entries:
            if key not in known:
                self.fail(number, f"unknown key '{key}' in {block}; expected {', '.join(allowed)}")
            if key not in allowed:
                self.fail(number, f"{key} is out of place in {block}; expected {', '.join(allowed)}")
            if key in values:
                self.fail(number, f"a second {key} in {block}; expected one")
            values[key] = self._value(number, key, text, allowed[key])
        for key in allowed:
            if key not in values and key not in defaults:
                self.fail(line, f"{block} without {key}; expected a line '{key} ...'")
        return {**defaults, **values}

    def _value(self, number: int, key: str, text: str, takes: Any) -> int | float | str:
        """Read a value of what `Kind.keys` says a key takes."""
        if isinstance(takes, tuple):
            if text not in takes:
                self.fail(number, f"unknown {key} '{text}'; expected {', '.join(takes)}")
            return text
        if takes is float:
            try:
                probability = float(text)
            except ValueError:
                probability = math.nan
            if not 0 <= probability < 1:
                self.fail(number, f"{key} {text}; expected a number from 0 to below 1")
            return probability
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST):
            self.fail(number, f"{key} {text}; expected a whole number from 1 to {LARGEST}")
        return int(text)


def _line(entries: list[tuple[int, str, str]], wanted: str) -> int:
    return next(number for number, key, _ in entries if key == wanted)


def without_dropout(arch: Arch) -> Arch:
    """Return what the weights depend on: all but name and dropout."""
    layers = tuple(replace(layer, dropprob=0.0) for layer in arch.layers)
    return replace(arch, name="", dropprob=0.0, layers=layers)


def to_text(arch: Arch) -> str:
    """Write the text that `parse` turns into the same network."""
    lines = [f"input_neurons {arch.input_neurons}", f"dropprob {arch.dropprob}"]
    lines += [f"clip_frames {arch.clip_frames}"] if arch.clip_frames else []
    for layer in arch.layers:
        lines += ["", f"layer_type {layer.kind}"]
        lines += [f"{key} {value}" for key, value in KINDS[layer.kind].values(layer).items()]
    return "\n".join(lines) + "\n"


def _kinds_with(activation: str) -> list[str]:
    """List the kinds that take an activation."""
    return [name for name, kind in KINDS.items() if activation in kind.activations]


def check_inputs(arch: Arch, fe: FrontEnd) -> None:
    """Refuse a network that does not take the front end's features.

    Raises
    ------
    UserError
        Wrong width of the input.
    """
    if arch.input_neurons != fe.feature_count:
        raise UserError(
            f"{arch.name}: input_neurons {arch.input_neurons}, but `feat_type={fe.feat_type}` gives "
            f"{fe.feature_count} features; change one of them"
        )


def check_scores(arch: Arch, labels: int) -> None:
    """Refuse a network that does not give a score for every label.

    Raises
    ------
    UserError
        A last layer of another kind or width.
    """
    last, kinds = arch.layers[-1], _kinds_with("softmax")
    if last.kind not in kinds or last.activation not in ("softmax", "sigmoid") or last.units != labels:
        raise UserError(
            f"{arch.name}: the last layer must be an {' or '.join(kinds)} of {labels} softmax or sigmoid neurons "
            f"(one per label), not {last.kind} {last.units} {last.activation}"
        )


def check_clips(arch: Arch) -> None:
    """Refuse a network that does not say how long a clip is.

    Raises
    ------
    UserError
        It has no clip_frames.
    """
    if not arch.clip_frames:
        raise UserError(f"{arch.name}: has no clip_frames; recognition wants to know how long a clip is")


def check_classifier(arch: Arch, fe: FrontEnd, labels: int) -> None:
    """Refuse a network that does not turn the front end's features into a score for every label.

    Raises
    ------
    UserError
        What `check_inputs` or `check_scores` refuses.
    """
    check_inputs(arch, fe)
    check_scores(arch, labels)


def check_enhancer(arch: Arch, fe: FrontEnd) -> None:
    """Refuse a network that does not turn the front end's features into gains.

    Raises
    ------
    UserError
        Wrong width of the input, or no gain per bin or band in every frame.
    """
    check_inputs(arch, fe)
    if arch.clip_frames:
        raise UserError(
            f"{arch.name}: clip_frames gives one output a clip, an enhancer needs a gain in every frame"
        )
    last, kinds = arch.layers[-1], _kinds_with("sigmoid")
    widths, choice = [fe.bins], f"{fe.bins} sigmoid neurons (a gain per frequency bin)"
    if fe.feat_type == "mel":
        widths, choice = [fe.bins, fe.bands], f"{choice} or {fe.bands} (a gain per mel band)"
    if last.kind not in kinds or last.activation != "sigmoid" or last.units not in widths:
        raise UserError(
            f"{arch.name}: the last layer must be an {' or '.join(kinds)} of {choice}, not "
            f"{last.kind} {last.units} {last.activation}"
        )


def summary(arch: Arch, **totals: int) -> str:
    """Return a table of layers with shapes, parameters and MACs per frame.

    Parameters
    ----------
    arch : Arch
    totals : int
        Further figures for the last lines, named by their words: ``table_bytes=...``.
    """
    rows = [("layer", "shape", "activation", "parameters", "MACs/frame")]
    columns = zip(arch.layers, arch.inputs, arch.layer_parameters, arch.layer_macs_per_frame, strict=True)
    for layer, inputs, parameters, macs in columns:
        shape = KINDS[layer.kind].describe(layer, inputs) + (" last" if layer.returns_last else "")
        rows.append((layer.kind, shape, layer.activation, f"{parameters}", f"{math.ceil(macs)}"))
    rows.append((arch.name, "", "", f"{arch.parameters}", f"{arch.macs_per_frame}"))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join(
            cell.rjust(w) if i > 2 else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in totals.items()]
    return "\n".join(line.rstrip() for line in lines)
