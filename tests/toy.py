"""A potential over the toy adapter, in a worker of this very interpreter: everything but the family is real."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.cards.card import Card, parse_card
from zoo.cards.mode import Mode
from zoo.files import write_text
from zoo.potential import Potential
from zoo.runtime.remote import Worker

ADAPTER = Path(__file__).parent / "adapters" / "toy.py"

CARD = """---
title: Toy
family: toy
parameters: 1
cutoff: 6.0
elements: H-Og
training_sets: [mptrj]
energies: dft
forces: [conservative]
rotation: exact
inversion: exact
licence: {code: MIT, weights: MIT}
paper: https://example.org/paper
code: https://example.org/code
checkpoint:
  upstream_format: torch-pickle
  upstream: {sha256: "%s", bytes: 1}
canary: {crystal: nacl-rocksalt, energy_ev_per_atom: 0.0, max_force_ev_per_angstrom: 0.0, pressure_gpa: 0.0}
---
For the tests.
""" % ("0" * 64)


def card(name: str = "toy") -> Card:
    return parse_card(CARD, name=name, file=f"{name}.md")


def record(cards: Path, name: str = "toy") -> Path:
    """Write a passed check of that card, as `mlip-zoo check --record` does; it makes the card verified."""
    from zoo.cards import checked
    from zoo.cards.card import read_card

    file = cards / f"{name}.md"
    card = read_card(file)
    files = (card.checkpoint.safetensors and card.checkpoint.safetensors.weights, card.checkpoint.upstream)
    passed = checked.Passed(
        day="2026-11-27",
        commit="a" * 40,
        version="1.0",
        device="cpu",
        checkpoint_sha256=next(each.sha256 for each in files if each),
        adapter_sha256="b" * 64,
        claims_sha256=card.claims_sha256,
        passed=30,
        canary=True,
    )
    return checked.write(file, str(card.default_mode), passed)


def worker(folder: Path, **options: Any) -> Worker:
    """A worker that has not started; `folder` gets its checkpoint."""
    checkpoint = folder / "toy.json"
    delay = float(os.environ.get("TOY_DELAY", "0"))  # seconds a call, for tests that kill it on its way
    write_text(checkpoint, json.dumps({"epsilon": 0.1, "sigma": 2.2, "delay": delay}))
    mode = {"device": "cpu", "dtype": "float64", "forces": "conservative", "fidelity": None, "runtime": "eager"}
    settings = {
        "python": Path(sys.executable),
        "adapter": ADAPTER,
        "files": {"upstream": checkpoint},
        "mode": mode,
        "threads": 1,
        "batch_time_limit": 600.0,
        **options,
    }
    return Worker(**settings)


def potential(folder: Path, **options: Any) -> Potential:
    """A potential over such a worker."""
    toy = card()
    return Potential(worker(folder, **options), card=toy, mode=toy.default_mode)


@dataclass(frozen=True)
class Again:
    """How a potential is made again, in another process as well: what `zoo.load` leaves with those it loads."""

    folder: Path
    adapter: Path

    def __call__(self, mode: Mode) -> Potential:
        return Potential(worker(self.folder, adapter=self.adapter), card=card(), mode=mode, reload=self)


def pids(potential: Potential) -> list[int]:
    """The processes of a potential's worker, from the supervisor down to the one that computes."""
    found = [potential._backend._process._popen.pid]  # type: ignore[attr-defined]
    while children := [
        int(pid) for path in Path(f"/proc/{found[-1]}/task").glob("*/children") for pid in path.read_text().split()
    ]:
        found.append(children[0])
    return found
