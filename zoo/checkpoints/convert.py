"""Conversion: an upstream checkpoint is written as weights without code, and compared with the model it came from.

The authors' file is opened by a worker, in the family's environment, and nowhere else. What comes back is tensors and
JSON; they are written here, with the same bytes every time, so that a card can pin their hashes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo import example_crystals, settings
from zoo.cards.card import Card
from zoo.cards.checkpoint import PinnedFile
from zoo.checkpoints import cache
from zoo.checkpoints.upstream import upstream_files
from zoo.errors import ConversionError
from zoo.files import json_text, sha256, write_bytes, write_text
from zoo.progress import Say
from zoo.runtime import environment
from zoo.runtime.remote import Worker
from zoo.runtime.request import Request

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote, and how it compares with the model that it came from."""

    weights: Path
    config: Path
    weights_sha256: str
    config_sha256: str
    tensors: int
    different_tensors: tuple[str, ...]
    """Names of tensors that are not equal bit by bit after loading the new files; empty when all are."""
    energy_difference: float
    """Largest |ΔE| over the crystals, eV; 0.0 means equal bit by bit."""
    force_difference: float
    """Largest |ΔF| component over the crystals, eV/Å."""
    crystals: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return not self.different_tensors and self.energy_difference == 0.0 and self.force_difference == 0.0


def convert(card: Card, folder: Path, *, say: Say = lambda _: None) -> Conversion:
    """Convert a card's upstream checkpoint into `folder` and compare the two models on five crystals.

    Raises ConversionError when the card has no upstream checkpoint, CheckpointError and WorkerError as they come.
    """
    upstream = upstream_files(card, say=say)
    weights, config = folder / WEIGHTS, folder / CONFIG
    say("reading the upstream checkpoint in a worker")
    with _Worker(card, upstream) as before:
        old_tensors, old_config = before.export()
        _write(weights, config, old_tensors, old_config)
        say("computing five crystals with the upstream checkpoint")
        names = _five(card)
        request = Request.of([example_crystals.distorted(name) for name in names])
        old = before.compute(request)
    say("computing them again with the converted one")
    with _Worker(card, {"weights": weights, "config": config}) as after:
        new_tensors, _ = after.export()
        new = after.compute(request)
    different = sorted(
        name
        for name in old_tensors.keys() | new_tensors.keys()
        if not _same_bits(old_tensors.get(name), new_tensors.get(name))
    )
    return Conversion(
        weights=weights,
        config=config,
        weights_sha256=sha256(weights),
        config_sha256=sha256(config),
        tensors=len(old_tensors),
        different_tensors=tuple(different),
        energy_difference=float(np.abs(old.energies - new.energies).max()),
        force_difference=float(np.abs(old.forces - new.forces).max()),
        crystals=names,
    )


def convert_as_pinned(card: Card, wanted: Mapping[str, PinnedFile], *, say: Say = lambda _: None) -> dict[str, Path]:
    """Convert a card's upstream checkpoint and keep the files in the cache: `wanted` by role, 'weights' and 'config'.

    Raises ConversionError when they do not come out with the hashes of `wanted`; nothing is kept then.
    """
    files = upstream_files(card, say=say)
    say("converting the checkpoint to safetensors (once)")
    with tempfile.TemporaryDirectory() as scratch:
        made = {"weights": Path(scratch) / WEIGHTS, "config": Path(scratch) / CONFIG}
        with _Worker(card, files) as worker:
            _write(made["weights"], made["config"], *worker.export())
        for role, file in wanted.items():
            got = sha256(made[role])
            if got != file.sha256:
                raise ConversionError(
                    f"{card.name}: the conversion's {role} came out as sha256 {got}, {_pinner(card)} pins "
                    f"{file.sha256}. Nothing was kept. 'mlip-zoo convert {card.name}' shows whether tensors or "
                    "energies differ."
                )
        return {role: cache.store(made[role], file) for role, file in wanted.items()}


class _Worker(Worker):
    """A worker in the checkpoint's own precision, on one CPU thread: repeatable to the bit."""

    def __init__(self, card: Card, files: Mapping[str, Path]) -> None:
        family = environment.find(card.family)
        family.ensure()
        mode = card.default_mode
        super().__init__(
            python=family.python,
            adapter=family.adapter,
            files=files,
            mode={
                "device": "cpu",
                "dtype": mode.dtype,
                "forces": mode.forces,
                "fidelity": mode.fidelity,
                "runtime": mode.runtime,
            },
            threads=1,
        )

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write(weights: Path, config: Path, tensors: Mapping[str, np.ndarray], configuration: object) -> None:
    from safetensors.numpy import save

    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    write_bytes(weights, save(ordered, metadata={"format": "pt"}))
    write_text(config, json_text(configuration))


def _pinner(card: Card) -> str:
    return "the card" if card.checkpoint.pinned_by == "card" else str(settings.pins_file())


def _five(card: Card) -> tuple[str, ...]:
    known = None if card.elements is None else set(card.elements)
    fitting = [
        name for name in example_crystals.names() if known is None or set(example_crystals.ideal(name).symbols) <= known
    ]
    return tuple(fitting[:5])


def _same_bits(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tobytes() == b.tobytes()
