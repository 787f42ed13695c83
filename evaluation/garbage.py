"""Garbage: Python's search for cycles among objects, which finds none in records and walks all of them to see that."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """While lists and dicts are made by the million that hold no cycles: the search takes longer than making them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
