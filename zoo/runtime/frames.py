"""The wire format between host and worker: one length, one safetensors payload.

The payload's tensors are the arrays; a JSON header stands in the safetensors metadata. Nothing that executes can cross:
safetensors holds numbers, JSON holds text. The worker loads this same file by its path, so it imports nothing but the
standard library, numpy and safetensors.
"""

from __future__ import annotations

import json
import math
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
"""Of one frame, where the reader knows no smaller bound."""
_STEP = 1 << 26
"""Bytes allocated at once: a declared length costs no memory before the bytes come."""

Header = dict[str, Any]
Arrays = dict[str, np.ndarray]


class Closed(EOFError):
    """The other end has closed the pipe."""


class NotAFrame(ValueError):
    """The bytes in the pipe are not a frame."""


class Late(TimeoutError):
    """The deadline passed before the frame was complete."""


def write(
    fd: int, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None, deadline: float | None = None
) -> None:
    """Send one frame.

    `deadline` is a time on the monotonic clock, and asks for a file descriptor in non-blocking mode. Raises Late, and
    BrokenPipeError when the other end is closed.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    payload = save(contiguous, metadata={"header": json.dumps(header)})
    _write_all(fd, LENGTH.pack(MAGIC, len(payload)), deadline)
    _write_all(fd, payload, deadline)


def read(fd: int, deadline: float | None = None, *, max_bytes: int = MAX_BYTES) -> tuple[Header, Arrays]:
    """Receive one frame of at most `max_bytes`: its header and its arrays.

    `deadline` is a time on the monotonic clock. Raises Closed, Late or NotAFrame.
    """
    magic, size = LENGTH.unpack(_read_all(fd, LENGTH.size, deadline))
    if magic != MAGIC:
        raise NotAFrame(f"expected a frame, got {magic!r}")
    if size > max_bytes:
        raise NotAFrame(f"a frame of {size} bytes was announced, where at most {max_bytes} can be meant")
    payload = bytes(_read_all(fd, size, deadline))
    try:
        arrays = load(payload)
        (header_size,) = struct.unpack_from("<Q", payload)
        header = json.loads(json.loads(payload[8 : 8 + header_size])["__metadata__"]["header"])
    except Exception as error:
        # a parser may raise anything on bytes that are no frame
        raise NotAFrame(f"a frame of {size} bytes could not be read: {type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise NotAFrame(f"a frame's header is a {type(header).__name__}, not an object")
    return header, arrays


def _read_all(fd: int, size: int, deadline: float | None) -> bytearray:
    buffer = bytearray()
    while len(buffer) < size:
        filled = len(buffer)
        buffer.extend(bytes(min(_STEP, size - filled)))
        with memoryview(buffer) as view:
            while filled < len(view):
                _wait(fd, select.POLLIN, deadline)
                got = os.readv(fd, [view[filled:]])
                if got == 0:
                    raise Closed("the pipe was closed")
                filled += got
    return buffer


def _write_all(fd: int, data: bytes, deadline: float | None) -> None:
    view = memoryview(data)
    while view:
        _wait(fd, select.POLLOUT, deadline)
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # the pipe has less room than a small write needs
            continue


def _wait(fd: int, event: int, deadline: float | None) -> None:
    """Until the descriptor is ready, or broken, which the next read or write tells. Raises Late."""
    if deadline is None:
        return
    poll = select.poll()  # select.select refuses descriptors from 1024 on
    poll.register(fd, event)
    if not poll.poll(max(0, math.ceil((deadline - time.monotonic()) * 1000))):
        raise Late
