"""Card: the model card of a checkpoint that was trained here, from its recipe and what was measured."""

from __future__ import annotations

import json
import textwrap
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from ase.units import GPa

from evaluation.recipes.network import NETWORKS
from zoo import example_crystals
from zoo.cards.card import Canary
from zoo.files import sha256
from zoo.loading import load

if TYPE_CHECKING:
    from evaluation.recipes.recipe import Recipe
    from evaluation.recipes.trained import Trained

CRYSTAL = "mgo-rocksalt"
"""Of which the canary is: a compound that every recipe knows."""
TO_USE = frozenset({"pet-small"})
"""Checkpoints that stand on the board beside others; the rest are an experiment's, and show what they do not know."""
WIDTH = 120
"""Characters on a line of prose."""
COLUMNS = {
    "energy": "energy, meV/atom",
    "forces": "conservative forces, meV/Å",
    "direct_forces": "direct forces, meV/Å",
}
_HEADER = """---
title: {title}
family: {family}
released: {released}
cutoff: {cutoff}
elements: {elements}
training_sets: [{sets}]
energies: dft
forces: [{forces}]
rotation: {rotation}
inversion: {rotation}
licence: {{code: {code_licence}, weights: CC-BY-4.0}}
code: {code}
{demonstration}checkpoint:
  safetensors:
    weights: {{sha256: {weights}, bytes: {weights_bytes}, sources: [{{bundled: {name}.safetensors}}]}}
    config: {{sha256: {config}, bytes: {config_bytes}, sources: [{{bundled: {name}.json}}]}}
{measured}---
"""
_PROSE = """{about}

Trained from scratch by this project, {steps:,} steps, on {data}. The recipe is
`evaluation/recipes/checkpoints/{name}/recipe.yaml`, with the log beside it; `mlip-zoo train {name}` runs it again.

Compounds are held out by formula: a tenth of all, and every one that the tasks phonons, elasticity and formation score.
Mean absolute errors on held-out frames, per component for forces:

"""


def text(recipe: Recipe, made: Trained, *, parameters: int | None, canary: Canary | None) -> str:
    """A card in Markdown. Without parameters and canary it is that of an unverified checkpoint."""
    network = NETWORKS[recipe.network]
    measured = "" if parameters is None else f"parameters: {parameters}\n"
    if canary is not None:
        measured += "canary:\n" + "".join(f"  {key}: {value}\n" for key, value in canary.model_dump().items())
    teacher = recipe.data.teacher
    sets = [*recipe.data.sources, *([f"{teacher.entry}-labels"] if teacher else [])]
    labels = f" and on crystals that {teacher.entry} labelled: distilled in part" if teacher else ""
    header = _HEADER.format(
        title=recipe.title,
        family=recipe.network,
        released=date.today().isoformat(),  # noqa: DTZ011  # a day, as a person would write it
        cutoff=recipe.model["cutoff"],
        elements=", ".join(recipe.elements),
        sets=", ".join(sets),
        forces=", ".join(network.forces),
        rotation=network.rotation,
        code_licence=network.code_licence,
        code=network.code,
        demonstration="" if made.name in TO_USE else "demonstration: true\n",
        name=made.name,
        weights=sha256(made.weights),
        weights_bytes=made.weights.stat().st_size,
        config=sha256(made.config),
        config_bytes=made.config.stat().st_size,
        measured=measured,
    )
    prose = _PROSE.format(
        about=recipe.about, steps=recipe.steps, name=made.name, data=f"public PBE calculations{labels}"
    )
    return header + _wrapped(prose) + table(made)


def _wrapped(prose: str) -> str:
    """Paragraphs with lines of at most 120 characters."""
    paragraphs = (textwrap.fill(" ".join(text.split()), WIDTH) for text in prose.strip().split("\n\n"))
    return "\n\n".join(paragraphs) + "\n\n"


def table(made: Trained) -> str:
    """The errors on held-out frames, by their source, as Markdown."""
    errors = json.loads(made.held_out.read_text(encoding="utf-8"))
    columns = [name for name in COLUMNS if name in next(iter(errors.values()))]
    lines = [
        "| frames | n | " + " | ".join(COLUMNS[name] for name in columns) + " |",
        "| --- |" + " ---: |" * (len(columns) + 1),
    ]
    for source, found in errors.items():
        cells = (source, str(found["frames"]), *(f"{found[name]:.0f}" for name in columns))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def measure(name: str) -> tuple[int, Canary]:
    """Parameters and canary of a checkpoint whose card is there and whose weights ship.

    The conversion has compared these weights, bit for bit, with the authors' own checkpoint.
    """
    with load(name, device="cpu", threads=1) as potential:
        batch = potential.compute([example_crystals.distorted(CRYSTAL)])
        assert batch.stresses is not None  # both networks have one
        atoms = len(batch.forces[0])
        canary = Canary(
            crystal=CRYSTAL,
            energy_ev_per_atom=round(float(batch.energies[0]) / atoms, 6),
            max_force_ev_per_angstrom=round(float(np.linalg.norm(batch.forces[0], axis=1).max()), 6),
            pressure_gpa=round(-float(np.trace(batch.stresses[0])) / 3 / GPa, 6),
        )
        return int(potential.info["facts"]["parameters"][0]), canary
