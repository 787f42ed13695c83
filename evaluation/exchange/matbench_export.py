"""Submission: stored records in the layout in which Matbench Discovery takes a model's predictions. No model runs.

    models/<family>/<key>.yml                                   what the model is, and where its files are
    models/<family>/<key>/<date>-discovery.csv.gz               material_id, e_form_per_atom (eV/atom)
    models/<family>/<key>/<date>-geo-opt.jsonl.gz               relaxed structures, a crystal a line
    models/<family>/<key>/<date>-phonons-kappa-103.json.gz      conductivities, mode by mode

The layout is that of its guide for contributors and of the models on it in July 2026. The relaxation task has no place
in it: its crystals are PhononDB's, and what Matbench Discovery compares is WBM's.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import ValidationError

from evaluation import task as tasks
from evaluation.errors import EvaluationError, StoreError, SubmissionIncomplete
from evaluation.harness.store import read_records
from evaluation.outputs import relaxation
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.reference import formation_energy, phonondb
from evaluation.result import Result, read_result
from zoo.cards.card import Card
from zoo.cards.checkpoint import UrlSource
from zoo.cards.index import entry_name
from zoo.cards.mode import Mode
from zoo.cards.training_sets import training_sets
from zoo.files import write_bytes

BY_HAND = (
    "authors",
    "model_version",
    "openness, architecture_types, train_task",
    "dates",
    "license.code_url",
    "license.checkpoint_url",
    "pr_url",
    "the url of every pred_file, once it is uploaded",
)
"""What neither card nor records say."""
Json = dict[str, object]


@dataclass(frozen=True)
class _Ran:
    """One task's result with its records, but for the canary's: those have no reference."""

    result: Result
    records: tuple[Record, ...]

    @property
    def date(self) -> str:
        return self.result.run.finished[:10]


@dataclass(frozen=True)
class _Whole:
    """What the YAML tells of."""

    card: Card
    mode: Mode
    key: str
    found: dict[str, _Ran]
    """By task."""
    files: dict[str, tuple[Path, bytes]]
    """By what the layout calls them."""
    missing: Sequence[str]


def export(card: Card, mode: Mode, *, results: Path, out: Path, partial: bool = False) -> list[Path]:
    """Write the submission of an entry into `out`; returns its files, the YAML first.

    `results` is a folder of results. A submission has the full subsets of `discovery` and `kappa`: where one is
    missing, SubmissionIncomplete says how to make it. With `partial` what is there is written, `formation`'s crystals
    in the place of discovery's, and the notes say so; nothing at all is an error still.
    """
    entry = entry_name(card, mode)
    found, missing = _found(entry, results, partial=partial)
    if missing and not (partial and found):
        raise SubmissionIncomplete(
            f"{entry} has no whole submission in {results}:\n  "
            + "\n  ".join(missing)
            + ("" if partial else "\n--partial writes what is there, for a look at it.")
        )
    key = _key(card, mode)
    folder = Path("models") / card.family / key
    files: dict[str, tuple[Path, bytes]] = {}
    crystals = found.get("discovery") or found.get("formation")
    if crystals:
        files["discovery"] = folder / f"{crystals.date}-discovery.csv.gz", _energies(crystals.records)
        files["geo_opt"] = folder / f"{crystals.date}-geo-opt.jsonl.gz", _structures(crystals.records)
    if conductivities := found.get("kappa"):
        files["kappa_103"] = folder / f"{conductivities.date}-phonons-kappa-103.json.gz", _kappa(conductivities.records)
    about = out / folder.parent / f"{key}.yml"
    for path, data in files.values():
        write_bytes(out / path, data)
    write_bytes(about, _yaml(_Whole(card, mode, key, found, files, missing)).encode())
    return [about, *(out / path for path, _ in files.values())]


def _found(entry: str, results: Path, *, partial: bool) -> tuple[dict[str, _Ran], list[str]]:
    """Results by task, and what a whole submission lacks."""
    found, missing = {}, []
    for name in ("discovery", "kappa"):
        ran = _ran(entry, name, results)
        if isinstance(ran, _Ran):
            found[name] = ran
        if isinstance(ran, str) or ran.result.run.subset != "full":
            has = ran if isinstance(ran, str) else f"only the subset {ran.result.run.subset!r} was run"
            missing.append(f"{name}: {has}; 'mlip-zoo evaluate {entry} --task {name} --subset full' makes it")
    if partial and "discovery" not in found:
        ran = _ran(entry, "formation", results)
        if isinstance(ran, _Ran):
            found["formation"] = ran
    return found, missing


def _ran(entry: str, task: str, results: Path) -> _Ran | str:
    """A task's result, or why there is none."""
    path = results / task / f"{entry}.json"
    if not path.is_file():
        return "no result"
    try:
        result = read_result(path)
        records = tuple(read_records(path.with_name(result.records_name)))
    except (OSError, ValidationError) as error:
        raise StoreError(f"{path} cannot be read as a result: {error}") from error
    known = tasks.load(task)
    if result.run.protocol_sha256 != protocol_sha256(known.protocol):
        return "made with another protocol than today's"
    if result.run.dataset_sha256 != known.dataset_sha256:
        return "made with other reference data than today's"
    canary = known.protocol.model_dump()["canary"]
    names = {canary["name"]} if "name" in canary else set(canary)  # kappa has one, and more numbers about it
    compared = tuple(record for record in records if record.sample not in names)
    return _Ran(result, compared) if compared else "only the canary was run"


def _energies(records: Sequence[Record]) -> bytes:
    """CSV; a crystal without an energy has an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("material_id", "e_form_per_atom"))
    for record in records:
        energy = formation_energy.e_form(record) if record.status == "ok" else None
        writer.writerow((record.sample, "" if energy is None else f"{energy:.8g}"))
    return _zipped(text.getvalue())


def _structures(records: Sequence[Record]) -> bytes:
    return _zipped("".join(f"{_line(row)}\n" for row in map(_structure, records) if row))


def _structure(record: Record) -> Json | None:
    """pymatgen's dictionary of the relaxed crystal, and how it was reached."""
    if record.status != "ok":
        return None
    from pymatgen.core import Structure

    crystal = relaxation.predicted(record)
    structure = Structure(crystal.cell, crystal.numbers, crystal.positions, coords_are_cartesian=True)
    energies = cast("list[float]", record.outputs["energies"])
    return {
        "material_id": record.sample,
        "structure": structure.as_dict(),
        "energy": energies[-1],
        "converged": record.outputs["converged"],
        "n_steps": len(energies) - 1,
    }


def _kappa(records: Sequence[Record]) -> bytes:
    return _zipped(f"[{',\n'.join(_line(_conductivity(record)) for record in records)}]\n")


def _conductivity(record: Record) -> Json:
    """One solid; units W/(m·K) and THz, tensors xx yy zz yz xz xy, the first axis is temperature."""
    from evaluation.outputs.kappa import modes_of
    from evaluation.tasks.kappa import TASK

    solid = phonondb.solids()[record.sample]
    row: Json = {
        "material_id": solid.mp_id,
        "formula": solid.composition,
        "temperatures": [TASK.protocol.temperature],
        "initial_spg_num": solid.space_group,
        "final_spg_num": record.outputs.get("space_group"),
        "has_imag_ph_modes": record.outputs.get("outcome") == "imaginary",
        "errors": [record.error] if record.error else [],
        **dict.fromkeys(("kappa_tot_avg", "kappa_tot_rta", "kappa_p_rta", "kappa_c")),
        **dict.fromkeys(("mode_kappa_tot_avg", "mode_weights", "q_points", "ph_freqs")),
    }
    modes = modes_of(record)
    if modes is None:
        return row
    return {
        **row,
        "kappa_tot_avg": [modes.kappa],
        "kappa_tot_rta": [(modes.kappa_particles + modes.kappa_coherences).tolist()],
        "kappa_p_rta": [modes.kappa_particles.tolist()],
        "kappa_c": [modes.kappa_coherences.tolist()],
        "mode_kappa_tot_avg": [modes.mode_kappa.tolist()],
        "mode_weights": modes.weights.tolist(),
        "q_points": np.round(modes.addresses / solid.mesh, 10).tolist(),
        "ph_freqs": modes.frequencies.tolist(),
    }


def _yaml(whole: _Whole) -> str:
    import yaml

    text = yaml.safe_dump(_about(whole), sort_keys=False, allow_unicode=True, width=120)
    by_hand = "\n".join(f"#   {field}" for field in BY_HAND)
    return f"# Written by mlip-zoo from stored records. To be added by hand:\n{by_hand}\n{text}"


def _about(whole: _Whole) -> Json:
    card, mode, found, files = whole.card, whole.mode, whole.found, whole.files
    run = next(iter(found.values())).result.run
    conservative = mode.forces == "conservative"
    about: Json = {
        "model_name": card.title if mode == card.default_mode else f"{card.title} ({mode})",
        "model_key": whole.key,
        "lifecycle": "active" if card.superseded_by is None else "superseded",
        "superseded_by": card.superseded_by,
        "repo": card.code,
        "paper": card.paper,
        "checkpoint_url": _checkpoint_url(card),
        "license": {"code": card.licence.code, "checkpoint": card.licence.weights},
        "environment": {
            "dependencies": [f"{name}=={version}" for name, version in sorted(run.model_packages.items())],
            "python_version": ".".join(run.python.split(".")[:2]),
        },
        "test_task": "RS2RE" if "formation" in found else "IS2RE-SR",
        "targets": "EFS_G" if conservative else "EFS_D",
        "training_sets": [training_sets()[name].title for name in card.training_sets],
        "model_params": card.parameters,
        "hyperparams": _hyperparams(card, found),
        "notes": {"description": card.prose, "steps": _steps(whole)},
        "metrics": {name: _reference(*files[name]) for name in ("discovery", "geo_opt") if name in files}
        | ({"phonons": {"kappa_103": _reference(*files["kappa_103"])}} if "kappa_103" in files else {}),
    }
    return _without_none(about)


def _hyperparams(card: Card, found: dict[str, _Ran]) -> Json:
    evaluation: Json = {}
    for name in ("discovery", "formation"):
        if name in found:
            protocol = tasks.load(name).protocol.model_dump()
            evaluation = {
                "max_force": protocol["fmax"],
                "max_steps": protocol["steps"],
                "ase_optimizer": protocol["optimizer"].upper(),
                "cell_filter": "FrechetCellFilter",
            }
    if "kappa" in found:
        protocol = tasks.load("kappa").protocol.model_dump()
        evaluation["kappa"] = {
            "displacement_distance": protocol["displacement"],
            "max_steps": protocol["relaxation"]["steps"],
            "force_max": protocol["relaxation"]["fmax"],
        }
    return {"evaluation": evaluation, "architecture": {"graph_construction_radius": card.cutoff}}


def _steps(whole: _Whole) -> str:
    """What was done, in words, and what is not whole."""
    card, mode, found = whole.card, whole.mode, whole.found
    run = next(iter(found.values())).result.run
    said = [
        f"Run by mlip-zoo {run.version} as {entry_name(card, mode)}: relaxation with the steps of torch-sim's FIRE "
        f"and the convergence rule of ASE, {run.device}, {mode.dtype}. Weights' SHA-256 {run.checkpoint_sha256}."
    ]
    if card.energies == "mp2020-corrected":
        said.append("The model's energies contain MP2020 corrections; none were added.")
    if card.energies == "dft":
        said.append("MP2020 corrections of the DFT-relaxed crystals were added to the model's energies.")
    if "formation" in found:
        said.append("PARTIAL: the crystals are 972 of WBM or fewer, relaxed from their DFT geometry.")
    if whole.missing:
        said.append("NOT A WHOLE SUBMISSION: " + "; ".join(line.partition(";")[0] for line in whole.missing) + ".")
    return "\n".join(said) + "\n"


def _checkpoint_url(card: Card) -> str | None:
    upstream = card.checkpoint.upstream
    sources = upstream.sources if upstream else ()
    return next((source.url for source in sources if isinstance(source, UrlSource)), None)


def _reference(path: Path, data: bytes) -> Json:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()  # what their layout asks for
    return {"pred_file": {"name": path.as_posix(), "size": len(data), "md5": md5}}


def _key(card: Card, mode: Mode) -> str:
    """Their names are lower-case words with hyphens and dots."""
    name = card.name if mode == card.default_mode else entry_name(card, mode)
    return name.lower().replace("@", "-").replace("+", "-").replace("_", "-")


def _without_none(value: Json) -> Json:
    """Without fields that nobody knows: an unknown is left out, never guessed."""
    return {
        name: _without_none(cast(Json, inner)) if isinstance(inner, dict) else inner
        for name, inner in value.items()
        if inner is not None
    }


def _line(row: Json) -> str:
    return json.dumps(row, allow_nan=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """numpy's numbers, which pymatgen leaves in its dictionaries, as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise EvaluationError(f"{type(value).__name__} has no place in JSON")


def _zipped(text: str) -> bytes:
    """Same text, same bytes."""
    return gzip.compress(text.encode(), mtime=0)
