"""Batch size: how many atoms go through a model at once; on an accelerator found by trying, and remembered.

A CPU gains nothing from large batches. An accelerator gains until its cores are busy, and has so much memory and no
more: batches are doubled while that raises the throughput and twice the memory that was used so far is there. What
comes of it is remembered for the checkpoint, the mode and the kind of accelerator in `batch-sizes.json` in the cache
folder, which may be deleted at any time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, RootModel, ValidationError

from zoo import settings
from zoo.files import read_ordinary, write_json
from zoo.strict import Finite

ON_CPU = 128
"""Atoms: a CPU gains nothing from more."""
UNMEASURED = 32_768
"""Atoms, on an accelerator whose memory nothing tells: it is filled until it says no."""
FIRST = 2_048
"""Atoms, on an accelerator that is new."""
LARGEST = 131_072
"""Atoms: with a hundred neighbours each and a hundred features for each of these, indices still fit into 32 bits."""
MEMORY_SHARE = 0.7
"""Of what the accelerator has: crystals differ in density, and an allocator cuts its memory to pieces."""
WORTH = 1.05
"""What twice the batch must gain in throughput."""
FULL = 0.8
"""Of the atoms asked for: smaller batches say nothing on that size."""
TIMED = 3
"""Batches of a size before it is judged by the best of them: the first ones of a new size find kernels and memory."""

log = logging.getLogger(__name__)


class Remembered(Finite):
    """What came of trying."""

    atoms: Annotated[int, Field(ge=1, le=LARGEST)]
    peak_gb: Annotated[float, Field(ge=0)] | None
    """Largest memory of the accelerator with it, GB; None after it ran out."""
    settled: bool
    """Whether nothing larger is to be tried."""


class _File(RootModel[dict[str, Remembered]]):
    """By `<sha256> <mode> <accelerator>`."""


class BatchSize:
    """Of one model. It copies and pickles, with what it has learned."""

    def __init__(self, model: str | None = None) -> None:
        """`model`: the checkpoint's hash and the mode; None: nothing is looked up, and nothing remembered."""
        self._model = model
        self._key: str | None = None
        self._atoms: int | None = None
        self._settled = True
        self._available = math.inf
        self._peak: float | None = None
        self._times: dict[tuple[int, int], list[float]] = {}
        """By batch size and power of two of the structures' size: seconds per atom."""

    @property
    def settled(self) -> bool:
        """Whether it is no longer tried what a larger one gives."""
        return self._settled

    def fix(self, atoms: int | None) -> None:
        """A person's own number, which is not remembered for others; None: as if nobody had given one."""
        self._atoms = atoms
        self._key = None
        self._settled = True

    def of(self, info: Callable[[], Mapping[str, Any]]) -> int:
        """Atoms, for a model that says this of itself; it is asked once, and not where somebody gave a number."""
        if self._atoms is None:
            self._atoms = self._first(info())
        return self._atoms

    def halve(self, atoms: int) -> None:
        """A batch of so many atoms was too large."""
        self._atoms = max(1, math.ceil(atoms / 2))
        self._settled = True
        self._remember(None)

    def took(self, structures: int, atoms: int, *, seconds: float, peak_gb: float | None) -> None:
        """One batch was computed; `peak_gb` is the largest memory so far."""
        if self._settled or self._atoms is None or peak_gb is None or atoms < FULL * self._atoms:
            return
        kind = round(math.log2(atoms / structures))
        times = self._times.setdefault((self._atoms, kind), [])
        times.append(seconds / atoms)
        if len(times) < TIMED:
            return
        smaller = self._times.get((self._atoms // 2, kind))
        if smaller and min(smaller) < WORTH * min(times):
            self._atoms, self._settled, peak_gb = self._atoms // 2, True, self._peak
        elif 2 * peak_gb > MEMORY_SHARE * self._available or 2 * self._atoms > LARGEST:
            self._settled = True
        else:
            self._atoms *= 2
        self._peak = peak_gb
        self._remember(peak_gb)

    def _first(self, info: Mapping[str, Any]) -> int:
        if info["device"] == "cpu":
            return ON_CPU
        if info.get("available_gb") is None:
            return UNMEASURED
        self._available = float(info["available_gb"])
        self._settled = False
        if self._model is None:
            return FIRST
        self._key = f"{self._model} {info['accelerator']}"
        known = _read().get(self._key)
        if known is None:
            return FIRST
        self._settled, self._peak = known.settled, known.peak_gb
        atoms, peak = known.atoms, known.peak_gb or 0.0
        while atoms > 1 and peak > MEMORY_SHARE * self._available:  # others hold a part of what was there at that time
            atoms, peak = atoms // 2, peak / 2
        return atoms

    def _remember(self, peak_gb: float | None) -> None:
        if self._key is None or self._atoms is None:
            return
        known = {**_read(), self._key: Remembered(atoms=self._atoms, peak_gb=peak_gb, settled=self._settled)}
        try:
            write_json(_file(), {key: one.model_dump() for key, one in known.items()})
        except OSError as error:
            log.warning("batch sizes are not remembered: %s", error)


def _file() -> Path:
    return settings.cache_dir() / "batch-sizes.json"


def _read() -> dict[str, Remembered]:
    """What is remembered; nothing where the file is missing or not ours, the latter with a warning."""
    try:
        return _File.model_validate_json(read_ordinary(_file(), limit=10_000_000)).root
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        log.warning("%s is not read, batch sizes are found anew: %s", _file(), str(error).splitlines()[0])
        return {}
