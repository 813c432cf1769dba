# SPDX-License-Identifier: BSD-3-Clause
"""What is in frames, type by type; ``docs/link.md`` is the specification."""

import enum
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.device.samples import GAIN_ONE, Packing, block_bytes, unpack
from nnsp.device.wire import Frame

START = struct.Struct("<IHB")  # rate, hop, whether scores are sent
START_LIVE = struct.Struct("<IHBBB")  # the same, streams, packing
SET = struct.Struct("<HHBB")  # gain before the network, gain after it, bypass, gating
HELD = struct.Struct("<IHHBB")  # the answer to SET: from which hop on, and the same
LIVE = struct.Struct("<IHHBHH")  # work, late, missed, flags, level in, level out; then the packed hops
RESULT = struct.Struct("<II")  # work, silenced; then the samples
EVENT = struct.Struct("<IHHHB")  # hop, model, label, probability, edge
HELLO = struct.Struct("<IHHHHIIBBB")
NETWORK = struct.Struct("<HIIIBBH")
STATS = struct.Struct("<16I")
SILENCED_BITS = 32
RAW, ENHANCED = 1, 2  # streams of LIVE


class Type(enum.IntEnum):
    """Frame types; ``link_type`` in C."""

    HELLO = 1
    START = 2
    STOP = 3
    RESET = 4
    AUDIO = 5
    RESULT = 6
    STATS = 7
    EXIT = 8
    ERROR = 9
    SET = 10
    LIVE = 11
    EVENT = 12
    SCORES = 13


class Error(enum.IntEnum):
    """Codes of an ERROR frame; ``link_error`` in C."""

    BROKEN = 1
    TYPE = 2
    LENGTH = 3
    STARTED = 4
    NOT_STARTED = 5
    FORMAT = 6
    SEQUENCE = 7
    MODEL = 8
    FAULT = 9
    MICROPHONE = 10
    LINE = 11
    RANGE = 12


class Flag(enum.IntFlag):
    """Flags of LIVE."""

    NONE = 0
    BYPASS = 1
    LATE = 2
    CLIPPED_IN = 4
    CLIPPED_OUT = 8


class Edge(enum.IntEnum):
    """What an EVENT says of its label; ``networks_edge`` in C."""

    EVENT = 0
    BEGIN = 1
    END = 2


@dataclass(frozen=True)
class Network:
    """One network of an image, as its HELLO says; `detector` is None, "state" or "event"."""

    model_id: int
    network_checksum: int
    frontend_checksum: int
    state_bytes: int
    task: str
    detector: str | None
    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Hello:
    """What a board says of itself.

    `delay` is in samples, `unit` is what the work counter counts, `count_hz` how many of it pass per second
    (0: counts are not time). `gate` is the number of the network that gates the others, from 1; 0: none does.
    """

    rate: int
    hop: int
    delay: int
    credits: int
    payload_limit: int
    stack_bytes: int
    count_hz: int
    unit: str
    gate: int
    board: str
    reset_cause: str
    library: str
    networks: tuple[Network, ...]

    @property
    def models(self) -> str:
        """Names of the networks in the order of the image, as ``scons model=`` takes them."""
        return ",".join(network.name for network in self.networks)

    @property
    def state_bytes(self) -> int:
        """Bytes of state of all networks together."""
        return sum(network.state_bytes for network in self.networks)

    @property
    def enhancer(self) -> Network | None:
        """The network that makes the audio, where there is one."""
        return next((network for network in self.networks if network.task == "enhance"), None)

    @property
    def classifiers(self) -> tuple[Network, ...]:
        """The networks that give scores, in the order of SCORES."""
        return tuple(network for network in self.networks if network.task == "classify")

    @property
    def gating(self) -> Network | None:
        """The network that gates the others, where there is one."""
        return self.networks[self.gate - 1] if self.gate else None

    @classmethod
    def unpack(cls, payload: bytes) -> "Hello":
        """Read a payload; raises ValueError where it is none."""
        try:
            *numbers, unit, gate, count = HELLO.unpack_from(payload)
            at = HELLO.size
            texts = []
            for _ in range(3):
                text, at = _text(payload, at)
                texts.append(text)
            networks = []
            for _ in range(count):
                network, at = _network(payload, at)
                networks.append(network)
            fields: list[Any] = [*numbers, ("instructions", "cycles")[unit], gate, *texts, tuple(networks)]
            hello = cls(*fields)
        except (struct.error, IndexError) as error:
            raise ValueError(f"not a HELLO: {error}") from error
        if not (hello.rate and hello.hop and hello.credits and networks and gate <= count):
            raise ValueError("a HELLO without rate, hop, credits or network")
        if at != len(payload):
            raise ValueError("a HELLO of another length than it says")
        return hello


def _text(payload: bytes, at: int) -> tuple[str, int]:
    """Return the text at a place of a payload, and the place after it."""
    end = at + 1 + payload[at]
    if end > len(payload):
        raise ValueError("a text runs over the end of its payload")
    return payload[at + 1 : end].decode("utf-8", "replace"), end


def _network(payload: bytes, at: int) -> tuple[Network, int]:
    *numbers, task, detector, count = NETWORK.unpack_from(payload, at)
    name, at = _text(payload, at + NETWORK.size)
    labels = []
    for _ in range(count):
        label, at = _text(payload, at)
        labels.append(label)
    kind = (None, "state", "event")[detector]
    fields: list[Any] = [*numbers, ("enhance", "classify")[task], kind, name, tuple(labels)]
    return Network(*fields), at


@dataclass(frozen=True)
class Stats:
    """Counters of a board since START or RESET; `silenced` bit i: hop ``next_hop - 1 - i`` was lost.

    `events` are EVENTs sent or not, `rested` hops in which the gate was closed.
    """

    next_hop: int
    silenced: int
    frames: int
    hops: int
    lost: int
    doubled: int
    broken: int
    refused: int
    unsent: int
    overrun: int
    worst: int
    stack_bytes: int
    stack_left: int
    late: int
    events: int
    rested: int

    @classmethod
    def unpack(cls, payload: bytes) -> "Stats":
        """Read a payload; raises ValueError where it is none."""
        try:
            return cls(*STATS.unpack(payload))
        except struct.error as error:
            raise ValueError(f"not a STATS: {error}") from error


def error_text(payload: bytes) -> tuple[int, str]:
    """Return code and sentence of an ERROR payload."""
    if len(payload) < 4:
        return 0, "an ERROR without text"
    code, kind = struct.unpack_from("<HB", payload)
    try:
        text, _ = _text(payload, 3)
    except ValueError:
        return code, "an ERROR whose text is cut short"
    answered = Type(kind).name if kind in Type.__members__.values() else f"type {kind}"
    return code, f"{text} (to {answered})" if kind else text


@dataclass(frozen=True)
class Decision:
    """One EVENT: what a detector has decided; `label` counts from 0, `probability` is Q15."""

    hop: int
    model_id: int
    label: int
    probability: int
    edge: Edge

    @classmethod
    def unpack(cls, payload: bytes, hello: Hello) -> "Decision":
        """Read a payload; raises ValueError where it is none of this board."""
        try:
            hop, model_id, label, probability, edge = EVENT.unpack(payload)
        except struct.error as error:
            raise ValueError(f"not an EVENT: {error}") from error
        labels = {network.model_id: len(network.labels) for network in hello.classifiers}
        if label >= labels.get(model_id, 0):
            raise ValueError("an EVENT of a label that the board does not have")
        return cls(hop, model_id, label, probability, Edge(edge))


@dataclass(frozen=True, eq=False)
class Scores:
    """One SCORES: what the classifiers have said up to a hop, in the order of the HELLO.

    Attributes
    ----------
    given : bool [classifiers]
        Whether the scores are of this hop, not older.
    values : int16 [labels of all classifiers]
        Q15.
    """

    given: NDArray[np.bool_]
    values: NDArray[np.int16]

    @classmethod
    def unpack(cls, payload: bytes, hello: Hello) -> "Scores":
        """Read a payload; raises ValueError where it is none of this board."""
        given, values, at = [], [], 0
        for network in hello.classifiers:
            part = payload[at : at + 1 + 2 * len(network.labels)]
            if len(part) != 1 + 2 * len(network.labels):
                raise ValueError("a SCORES that is too short")
            given.append(bool(part[0]))
            values.append(np.frombuffer(part, "<i2", offset=1).astype(np.int16))
            at += len(part)
        if at != len(payload):
            raise ValueError("a SCORES that is too long")
        return cls(np.array(given, np.bool_), np.concatenate([np.zeros(0, np.int16), *values]))


@dataclass(frozen=True)
class Settings:
    """What SET sets; gains as in `nnsp.device.samples.gain_of`, of the microphone and of what comes out."""

    gain_in: int = GAIN_ONE
    gain_out: int = GAIN_ONE
    bypass: bool = False
    gating: bool = True

    def pack(self) -> bytes:
        """Return the payload of a SET."""
        return SET.pack(self.gain_in, self.gain_out, self.bypass, self.gating)


NEUTRAL = Settings()


@dataclass(frozen=True)
class LiveHop:
    """One LIVE frame: `late` and `missed` are counts since START, modulo 65536; `audio` by stream."""

    hop: int
    work: int
    late: int
    missed: int
    flags: Flag
    level_in: int
    level_out: int
    audio: dict[int, NDArray[np.int16]]

    @classmethod
    def unpack(cls, frame: Frame, hop: int, streams: int, packing: Packing) -> "LiveHop":
        """Read a frame; raises ValueError where it is none of this kind."""
        asked = [stream for stream in (RAW, ENHANCED) if streams & stream]
        block = block_bytes(packing, hop)
        if len(frame.payload) != LIVE.size + len(asked) * block:
            raise ValueError("a LIVE of another size than was asked for")
        work, late, missed, flags, level_in, level_out = LIVE.unpack_from(frame.payload)
        audio = {
            stream: unpack(packing, frame.payload[LIVE.size + i * block :][:block], hop)
            for i, stream in enumerate(asked)
        }
        return cls(frame.sequence, work, late, missed, Flag(flags & 15), level_in, level_out, audio)
