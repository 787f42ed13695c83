"""The wire format between host and worker: one length, one safetensors payload.

The payload's tensors are the arrays; a JSON header stands in the safetensors metadata. Nothing that executes can cross:
safetensors holds numbers, JSON holds text. The worker loads this same file by its path, so it imports nothing but the
standard library, numpy and safetensors.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import load, save

LENGTH = struct.Struct("<8sQ")
MAGIC = b"MLIPZOO1"
MAX_BYTES = 1 << 34

Header = dict[str, Any]
Arrays = dict[str, np.ndarray]


class Closed(EOFError):
    """The other end has closed the pipe."""


class NotAFrame(ValueError):
    """The bytes in the pipe are not a frame."""


class Late(TimeoutError):
    """The deadline passed before the frame was complete."""


def write(fd: int, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Send one frame. Raises BrokenPipeError when the other end is closed."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    payload = save(contiguous, metadata={"header": json.dumps(header)})
    _write_all(fd, LENGTH.pack(MAGIC, len(payload)))
    _write_all(fd, payload)


def read(fd: int, deadline: float | None = None) -> tuple[Header, Arrays]:
    """Receive one frame: its header and its arrays.

    `deadline` is a time on the monotonic clock. Raises Closed, Late or NotAFrame.
    """
    magic, size = LENGTH.unpack(_read_all(fd, LENGTH.size, deadline))
    if magic != MAGIC or size > MAX_BYTES:
        raise NotAFrame(f"expected a frame, got {magic!r}")
    payload = bytes(_read_all(fd, size, deadline))
    try:
        arrays = load(payload)
        (header_size,) = struct.unpack_from("<Q", payload)
        header = json.loads(json.loads(payload[8 : 8 + header_size])["__metadata__"]["header"])
    except Exception as error:
        # a parser may raise anything on bytes that are no frame
        raise NotAFrame(f"a frame of {size} bytes could not be read: {error}") from error
    return header, arrays


def _read_all(fd: int, size: int, deadline: float | None) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        if deadline is not None and not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Late
        got = os.readv(fd, [view[filled:]])
        if got == 0:
            raise Closed("the pipe was closed")
        filled += got
    return buffer


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
