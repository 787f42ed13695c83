"""Authors: crystals through the authors' own calculator, in the environment that they publish, in a sandbox.

A script of a few lines makes the calculator; its PEP 723 header says which packages, in exact versions, are installed,
as wheels. It runs as a family's adapter does, in a worker that reads its environment and the checkpoint, and reaches
nothing else. The family's adapter has no part in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from zoo import example_crystals
from zoo.batch import Array
from zoo.cards.authors import Authors, AuthorsAnswer
from zoo.cards.card import Card
from zoo.checkpoints.model_files import loaded_sha256, prepare
from zoo.checkpoints.upstream import upstream_files
from zoo.errors import CardError, EnvironmentFault, WorkerError
from zoo.files import read_ordinary
from zoo.progress import Say
from zoo.runtime import environment
from zoo.runtime.remote import Worker
from zoo.runtime.request import Raw, Request
from zoo.text import one_line

ADAPTER = Path(__file__).with_name("authors_calculator.py")
_LARGEST_SCRIPT = 50_000
"""Bytes."""


def answers(card: Card, script: Path, *, say: Say = lambda _: None) -> tuple[Authors, bytes]:
    """What the authors' calculator says of the crystals that the card's elements make, and the script's bytes.

    `script`: a Python file with a header of exact pins and `calculator(files: dict[str, Path])`, which returns an ASE
    calculator for the checkpoint in `files["upstream"]` (or 'weights' and 'config', where the authors publish those).
    Raises CardError for a script or a calculator that is of no use, EnvironmentFault, CheckpointError, WorkerError.
    """
    card.require_pinned()
    try:
        text = read_ordinary(script, limit=_LARGEST_SCRIPT)
    except OSError as error:
        raise CardError(f"{script.name}: cannot be read: {error.strerror or error}") from None
    described = environment.describe(script)
    _require_no_zoo(described)
    names = crystals(card)
    described.ensure(say=say)
    files = upstream_files(card, say=say) if card.checkpoint.upstream else prepare(card, say=say)
    worker = Worker(
        python=described.python,
        adapter=ADAPTER,
        files={**files, "script": script},
        mode={"device": "cpu", "dtype": "float64", "forces": "", "fidelity": None, "runtime": "eager"},
        threads=1,
    )
    say(f"computing {len(names)} crystals with the authors' calculator")
    request = Request.of([example_crystals.distorted(name) for name in names])
    try:
        raw = worker.compute(request)
        info = worker.info
    finally:
        worker.close()
    if faults := [
        f"{name}: {one_line(error, limit=200)}" for name, error in zip(names, raw.errors, strict=True) if error
    ]:
        raise WorkerError(f"the authors' calculator has no answer for {'; '.join(faults)}")
    _require_same(script, text)
    found = Authors(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        mode=str(card.default_mode),
        checkpoint_sha256=_given(card),
        script_sha256=hashlib.sha256(text).hexdigest(),
        python=str(info["python"]),
        packages=_told(info["packages"]),
        answers=_per_crystal(names, request, raw),
    )
    return found, text


def crystals(card: Card) -> tuple[str, ...]:
    """Names of the crystals, compounds first. Raises CardError where the card's elements make none of the compounds."""
    known = None if card.elements is None else set(card.elements)

    def fits(name: str) -> bool:
        return known is None or set(example_crystals.ideal(name).symbols) <= known

    compounds = [name for name in example_crystals.names() if fits(name)]
    if not compounds:
        raise CardError(
            f"{card.name}: its elements make none of {', '.join(example_crystals.names())}; elements alone cannot show "
            "a fault in how species are embedded"
        )
    return (*compounds, *(name for name in example_crystals.element_names() if fits(name)))


def summary(batch_energy: float, forces: Array, stress: Array | None) -> AuthorsAnswer:
    """One crystal's energy (eV), forces (n, 3) and stress (3, 3) in eV/Å³, as a canary keeps them: six decimals."""
    from ase import units

    return AuthorsAnswer(
        energy_ev_per_atom=round(batch_energy / len(forces), 6),
        max_force_ev_per_angstrom=round(float(np.linalg.norm(forces, axis=1).max()), 6),
        pressure_gpa=None if stress is None else round(-float(np.trace(stress)) / 3 / units.GPa, 6),
    )


def _per_crystal(names: tuple[str, ...], request: Request, raw: Raw) -> dict[str, AuthorsAnswer]:
    forces = np.split(raw.forces, np.cumsum(request.n_atoms)[:-1])
    stresses = [None] * len(names) if raw.stresses is None else list(raw.stresses)
    rows = zip(names, raw.energies, forces, stresses, strict=True)
    return {name: summary(float(energy), part, stress) for name, energy, part, stress in rows}


def _require_no_zoo(described: environment.Environment) -> None:
    names = {canonicalize_name(Requirement(text).name) for text in described.dependencies}
    if "mlip-zoo" in names:
        raise CardError(f"{described.adapter.name} wants mlip-zoo: a canary comes from the authors' calculator alone")
    if missing := {"ase", "numpy", "safetensors"} - names:  # safetensors carries the answers out of the worker
        told = f"its dependencies also need {', '.join(sorted(missing))}, each with '=='"
        raise EnvironmentFault(f"{described.adapter.name}: {told}")


def _require_same(script: Path, text: bytes) -> None:
    """Raise CardError where the script on the disk is another one by now."""
    if read_ordinary(script, limit=_LARGEST_SCRIPT) != text:
        raise CardError(f"{script.name} changed while it ran; nothing was written")


def _given(card: Card) -> str:
    if card.checkpoint.upstream is not None:
        return card.checkpoint.upstream.sha256
    return loaded_sha256(card.checkpoint)


def _told(packages: Mapping[str, object]) -> dict[str, str]:
    """Names and versions that a worker sent, fit for a file."""
    told = {one_line(str(name), limit=80): one_line(str(version), limit=40) for name, version in packages.items()}
    return dict(sorted((n, v) for n, v in told.items() if n and v and not set("<>") & set(n + v))[:1000])
