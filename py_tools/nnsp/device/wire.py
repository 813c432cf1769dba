# SPDX-License-Identifier: BSD-3-Clause
"""Frames on the wire; ``docs/link.md`` is the specification, ``firmware/app/link.c`` the twin."""

import enum
import struct
import zlib
from dataclasses import dataclass
from typing import Protocol

VERSION = 3
HEADER = struct.Struct("<BBI")  # version, type, sequence
CRC = struct.Struct("<I")
OVERHEAD_BYTES = HEADER.size + CRC.size
FRAME_BYTES = 4096  # the largest frame that the host takes


class Event(enum.IntEnum):
    """What a byte completes; ``link_event`` in C."""

    NONE = 0
    FRAME = 1
    TRUNCATED = 2
    TOO_LONG = 3
    BAD_CRC = 4
    OTHER_VERSION = 5


class PortLost(Exception):
    """What a port raises when its other end has gone; the text says how."""


class Port(Protocol):
    """A way for bytes, as `boards.open_board` opens one."""

    name: str

    def receive(self, timeout: float) -> bytes:
        """Return what has come in, waiting at most `timeout` s for the first byte; may raise `PortLost`."""

    def send(self, data: bytes) -> None:
        """Send all of `data`. May raise `PortLost`."""


@dataclass(frozen=True)
class Frame:
    """One good frame."""

    type: int
    sequence: int
    payload: bytes


def encode(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """Return the bytes on the wire of one frame, a zero at both ends; ``link_encode`` in C."""
    body = HEADER.pack(VERSION, kind, sequence) + payload
    body += CRC.pack(zlib.crc32(body))
    wire = bytearray(1)
    runs = body.split(b"\0")
    for number, run in enumerate(runs, 1):
        while len(run) > 254 or (len(run) == 254 and number < len(runs)):
            wire += b"\xff" + run[:254]
            run = run[254:]
        wire += bytes([len(run) + 1]) + run
    return bytes(wire) + b"\0"


class Parser:
    """Reads frames byte by byte; ``link_parser`` in C.

    Parameters
    ----------
    capacity : int
        Largest decoded frame in bytes, header and CRC included.
    """

    def __init__(self, capacity: int = FRAME_BYTES) -> None:
        self.capacity = capacity
        self.frame = Frame(0, 0, b"")  # the last good one
        self._begin()

    def _begin(self) -> None:
        self._bytes = bytearray()
        self._remaining = 0
        self._zero_due = False
        self._started = False
        self._too_long = False

    def _append(self, byte: int) -> None:
        if len(self._bytes) < self.capacity:
            self._bytes.append(byte)
        else:
            self._too_long = True

    def _end(self) -> Event:
        if not self._started:
            return Event.NONE
        if self._too_long:
            return Event.TOO_LONG
        if self._remaining or len(self._bytes) < OVERHEAD_BYTES:
            return Event.TRUNCATED
        body, crc = self._bytes[: -CRC.size], self._bytes[-CRC.size :]
        if zlib.crc32(body) != CRC.unpack(crc)[0]:
            return Event.BAD_CRC
        version, kind, sequence = HEADER.unpack_from(body)
        if version != VERSION:
            return Event.OTHER_VERSION
        self.frame = Frame(kind, sequence, bytes(body[HEADER.size :]))
        return Event.FRAME

    def push(self, byte: int) -> Event:
        """Take one byte, any byte. After anything broken, the next good frame is read."""
        if byte == 0:
            event = self._end()
            self._begin()
            return event
        self._started = True
        if self._remaining == 0:
            if self._zero_due:
                self._append(0)
            self._remaining = byte - 1
            self._zero_due = byte != 0xFF
        else:
            self._append(byte)
            self._remaining -= 1
        return Event.NONE
