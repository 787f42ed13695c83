"""A real entry behind another adapter than its family's."""

from __future__ import annotations

from pathlib import Path

from zoo.cards import index
from zoo.checkpoints.model_files import prepare
from zoo.potential import Potential
from zoo.runtime import environment
from zoo.runtime.remote import Worker


def altered(entry: str, source: str, folder: Path) -> Potential:
    """The entry on a CPU, computed by an adapter made of `source`, which may load the family's own from {adapter!r}."""
    card, mode = index.resolve(entry)
    family = environment.find(card.family)
    family.ensure()
    adapter = folder / "altered.py"
    adapter.write_text(source.format(adapter=str(family.adapter)))
    worker = Worker(
        python=family.python,
        adapter=adapter,
        files=prepare(card),
        mode={**mode.model_dump(exclude={"averaging"}), "device": "cpu"},
        threads=1,
    )
    return Potential(worker, card=card, mode=mode)
