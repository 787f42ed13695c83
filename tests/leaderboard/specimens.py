"""Cards, records and results made up for the tests: no model, no download, the same every time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from evaluation import task as tasks
from evaluation.harness.store import write_records
from evaluation.outputs.eos import reference_curve
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.result import Cost, Counts, Hardware, Result, Run
from evaluation.subset import Subset
from tests import toy

CARD = """\
---
title: {title}
family: {family}
released: "2024-02-01"
parameters: {parameters}
cutoff: 6.0
elements: H-Bi, Ac-Pu
training_sets: [{training_set}]
energies: dft
forces: [{forces}]
rotation: {rotation}
inversion: exact
licence:
  code: MIT
  weights: MIT
paper: https://doi.org/10.1038/s42256-023-00716-3
code: https://github.com/CederGroupHub/chgnet
checkpoint:
  safetensors:
    weights:
      sha256: {sha256}
      bytes: 1000
    config:
      sha256: {sha256}
      bytes: 100
canary:
  crystal: nacl-rocksalt
  energy_ev_per_atom: -3.4
  max_force_ev_per_angstrom: 0.0
  pressure_gpa: 0.1
---
{prose}
"""


@dataclass(frozen=True)
class Model:
    """What a specimen's card says and how wrong its curves are."""

    title: str
    v0: float
    """Relative error of the volume, its scale over elements."""
    b0: float
    family: str = "chgnet"
    parameters: int = 412525
    training_set: str = "mptrj"
    forces: str = "conservative"
    rotation: str = "exact"
    seed: int = 0
    fails: tuple[str, ...] = ()
    error: str = "the model said <nothing>"
    """Why they failed."""
    sha256: str = "a" * 64
    prose: str = "Charge-informed graph network.\n\n## Limits\n\nIt knows **no** charge of the cell."


MODELS: Mapping[str, Model] = {
    "chgnet-0.3.0": Model("CHGNet 0.3.0", v0=0.012, b0=0.12, seed=1),
    "chgnet-r2scan": Model("CHGNet r2SCAN", v0=0.02, b0=0.12, seed=2, training_set="mp-r2scan", fails=("Te",)),
    "sevennet-0": Model(
        "SevenNet-0 (11Jul2024)", v0=0.006, b0=0.06, seed=3, family="sevennet", parameters=842440, fails=("Fe", "Pb")
    ),
}


HOSTILE = Model(
    # no angle brackets: a card with them in its title is refused
    title='" onmouseover="window.pwned=1" x=\'',
    v0=0.01,
    b0=0.1,
    seed=4,
    fails=("Si",),
    error="</script><script>window.pwned = 'record'</script>",
    prose="# <script>window.pwned = 'prose'</script>\n\n[click](javascript:window.pwned='link') "
    "<img src=x onerror=\"window.pwned='image'\"> ![x](https://example.org/tracker.png)\n\n"
    "</section></main><script>window.pwned = 'section'</script>",
)
"""A card and records that try to act on a page."""


def write_card(folder: Path, name: str, model: Model) -> None:
    # JSON text is YAML text, whatever is in it
    fields = {**asdict(model), "title": json.dumps(model.title)}
    (folder / f"{name}.md").write_text(CARD.format(**fields), encoding="utf-8")
    toy.record(folder, name)


def records(model: Model, subset: Subset) -> list[Record]:
    """Records of a model that is the reference with another volume and bulk modulus."""
    task = tasks.load("eos")
    rng = np.random.default_rng(model.seed)
    found = []
    for sample in task.samples(subset):
        dv, db = rng.normal(0, model.v0), rng.normal(0, model.b0)
        if sample.id in model.fails:
            found.append(
                Record(sample=sample.id, status="failed", error=model.error, force_calls=7, atom_calls=0, seconds=0.0)
            )
            continue
        curve = reference_curve(sample.id)
        volumes = curve.volume * np.linspace(0.94, 1.06, 7)
        moved = type(curve)(
            volume=curve.volume * (1 + dv),
            energy=-3.0,
            bulk_modulus=curve.bulk_modulus * (1 + db),
            bulk_modulus_derivative=curve.bulk_modulus_derivative,
            residual=0.0,
        )
        found.append(
            Record(
                sample=sample.id,
                status="ok",
                outputs={"volumes_per_atom": volumes.tolist(), "energies_per_atom": moved.energies(volumes).tolist()},
                force_calls=7,
                atom_calls=7 * len(sample.atoms),
                seconds=0.001 * model.parameters / 1e5,
            )
        )
    return found


def timings(model: Model) -> list[Record]:
    """Records of the task `speed` of a model whose time grows with its parameters."""
    found = []
    for sample in tasks.load("speed").samples("fast"):
        structures = int(sample.id.partition("/")[2].partition("x")[0])
        seconds = [1e-3 * structures * len(sample.atoms) * (1 + 0.1 * i) for i in range(5)]
        outputs: dict[str, JsonValue] = {
            "structures": structures,
            "atoms": len(sample.atoms),
            "seconds": [each * model.parameters / 1e5 for each in seconds],
            "reference_seconds": [*seconds],
        }
        calls = 5 * structures
        found.append(
            Record(
                sample=sample.id,
                status="ok",
                outputs=outputs,
                force_calls=calls,
                atom_calls=calls * len(sample.atoms),
                seconds=sum(seconds) * model.parameters / 1e5,
            )
        )
    return found


def result(
    name: str,
    model: Model,
    made: list[Record],
    subset: Subset,
    *,
    mode: str = "conservative",
    of: str = "eos",
    threads: int = 2,
) -> Result:
    """The result that these records of a task give."""
    task = tasks.load(of)
    calls, atoms = sum(record.force_calls for record in made), sum(record.atom_calls for record in made)
    seconds = sum(record.seconds for record in made)
    statuses = [record.status for record in made]
    return Result(
        run=Run(
            entry=f"{name}@{mode}",
            card=name,
            checkpoint_sha256=model.sha256,
            task=of,
            protocol_version=task.protocol.version,
            protocol_sha256=protocol_sha256(task.protocol),
            dataset_sha256=task.dataset_sha256,
            subset=subset,
            device="cpu",
            threads=threads,
            hardware=Hardware(cpu="Example CPU 9000", cores=2, memory_gb=16.0),
            python="3.12.7",
            packages={"ase": "3.29.0", "numpy": "2.5.4"},
            model_packages={model.family: "0.4.2", "torch": "2.13.0"},
            version="0.1.0",
            commits=("0123456789abcdef0123456789abcdef01234567",),
            started="2026-01-02T03:04:05Z",
            finished="2026-01-02T03:05:06Z",
            counts=Counts(
                total=len(made),
                ok=statuses.count("ok"),
                failed=statuses.count("failed"),
                unsupported=statuses.count("unsupported"),
            ),
            cost=Cost(
                force_calls=calls,
                atom_calls=atoms,
                seconds=seconds,
                microseconds_per_atom=1e6 * seconds / atoms if atoms else None,
                peak_memory_gb=1.25,
            ),
        ),
        scores=task.score(task.table(made)),
    )


def write_result(folder: Path, name: str, model: Model, subset: Subset = "fast", *, mode: str = "conservative") -> Path:
    """Write a result with its records; returns the result's path."""
    made = records(model, subset)
    found = result(name, model, made, subset, mode=mode)
    path = found.write(folder)
    write_records(path.with_name(found.records_name), made)
    return path


def write_timing(folder: Path, name: str, model: Model) -> Path:
    """Write a result of the task `speed` likewise."""
    made = timings(model)
    found = result(name, model, made, "fast", of="speed", threads=1)
    path = found.write(folder)
    write_records(path.with_name(found.records_name), made)
    return path
