"""Energies, forces and stresses of single frames against DFT: what a potential is trained to do.

Nothing is relaxed and nothing moves: each frame of a set that others published is computed once, and the answer is
compared with DFT's. Five sets, which are never mixed where a set is named. MPtrj-random: frames drawn from the
Materials Project's relaxations, mostly near equilibrium. MPtrj-highest-stress: the most compressed of them, up to
thousands of GPa. MPF-TP and Random-TP: Materials Project crystals and random structures at high temperature and
pressure, which MatterSim's authors computed. mlearn: six elements as crystals, strained, with surfaces and vacancies,
and as liquids. The fast subset is 250 frames of MPtrj-random; the full one has all of it and the four other sets.

Read it with the training data in mind. MPtrj-random and MPtrj-highest-stress are part of MPtrj, on which most
models here were trained: for these the errors are errors of a fit. MPF-TP, Random-TP and mlearn are new to most, and
MPF-TP and Random-TP are not new to MatterSim. A model that this project trained on these very sets is scored on frames
that were kept from its training, and says "unsupported" for the others.

Energies are compared with uncorrected PBE and PBE+U totals as they are, where a model learned from such. For a model
that learned from energies with the Materials Project's 2020 corrections (its card says so), the same corrections are
added to DFT's, frame by frame as pymatgen computes them: CHGNet's mean error on MPtrj-random is 27 meV/atom then. Total
energies of other settings (MatPES, OMat24; all models' in mlearn) or of another functional have no error here, and
neither have those of a model whose card does not say which energies it learned from: each frame has the reason.

A figure of a frame is an average over its force or stress components, and a score is the median over frames, each
counting once, however many atoms it has; a frame that should have an answer and has none is worse than any other.
Single frames of random structures have errors far above the usual, and decide a mean:
of SevenNet-0's mean of 1,405 meV/Å over all sets, 1 % of the frames make more than half, and its
median is 171. The mean stands beside. Forces rank, because relaxations, phonons and dynamics follow them alone. The
cosine, which is about their direction alone, is taken where DFT's are larger than 0.05 eV/Å (root mean square): in a
relaxed frame they are no larger than what relaxation left over, and have no direction to get right.
Three rattled crystals without a reference belong to every subset; they show that the model answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import forces as definitions
from evaluation.definitions.forces import AVERAGED, METRICS, SETS, SETTINGS, TRAINED, ForcesProtocol, averaged, of_set
from evaluation.metric import Metric, Score, average_score, mean_score
from evaluation.metrics.forces import cosine, mean_absolute_error, root_mean_square_error
from evaluation.outputs.forces import forces
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset, formation_energy, frame_energy
from evaluation.reference.holdout import held_out_frame, reduced_formula
from evaluation.subset import Subset, up_to
from evaluation.task import Row, Sample, column

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch, Computes


_CANARY = "canary"


class ForcesTask:
    """The task; see the module's docstring. A sample's name is `<set>/<place in its file>-<reduced formula>`."""

    name = "forces"
    title = "Energies, forces, stresses"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> ForcesProtocol:
        return definitions.protocol()

    @cached_property
    def dataset_sha256(self) -> str:
        joined = "\n".join(dataset.load(name).identity for name in ("mattersim-bench", "mlearn"))
        return hashlib.sha256(joined.encode()).hexdigest()

    def samples(self, subset: Subset) -> list[Sample]:
        chosen = up_to(subset)
        found = [*self._canary()]
        if "fast" in chosen:
            frames = _frames("mptrj-random")
            fast = _smallest_hash(range(len(frames)), frames, self.protocol.fast_frames)
            found += [_sample("mptrj-random", i, "fast") for i in fast]
            if "full" in chosen:
                found += [_sample("mptrj-random", i, "full") for i in range(len(frames)) if i not in set(fast)]
                found += [_sample(key, i, "full") for key in list(SETS)[1:] for i in self._of(key)]
        return found

    def _canary(self) -> Iterator[Sample]:
        from zoo.example_crystals import distorted

        for i, name in enumerate(self.protocol.canary):
            atoms = distorted(name)
            yield Sample(id=f"{_CANARY}/{i:04d}-{reduced_formula(atoms)}", atoms=atoms, subset="canary")

    def _of(self, key: str) -> list[int]:
        """Which frames of a set belong to the full subset."""
        frames = _frames(key)
        if key != "mlearn":
            return list(range(len(frames)))
        elements = [atoms.get_chemical_symbols()[0] for _, atoms in frames]
        return sorted(
            i
            for element in dict.fromkeys(elements)
            for i in _smallest_hash(
                [i for i, symbol in enumerate(elements) if symbol == element],
                frames,
                self.protocol.mlearn_frames_per_element,
            )
        )

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        said = formation_energy.energies_are(potential)
        batch = potential.compute([sample.atoms for sample in samples])
        seconds = batch.share_seconds()
        return [self._record(sample, batch, i, float(seconds[i]), said) for i, sample in enumerate(samples)]

    def extend(self, records: Sequence[Record], potential: Computes) -> list[Record]:
        """Records with what the model's energies are and the corrections; nothing is computed by the model."""
        said = formation_energy.energies_are(potential)
        return [
            record.model_copy(update={"outputs": {**record.outputs, **said, **_corrected(record.sample, said)}})
            if record.status == "ok"
            else record
            for record in records
        ]

    def _record(self, sample: Sample, batch: Batch, i: int, seconds: float, said: dict[str, JsonValue]) -> Record:
        calls = int(batch.calls[i])
        cost = SampleCost.of_cell(len(sample.atoms), force_calls=calls, seconds=seconds)
        if error := batch.errors[i]:
            return failed(sample.id, error, cost)
        outputs: dict[str, JsonValue] = {
            "composition": {**sample.atoms.symbols.formula.count()},
            "energy_pred": float(batch.energies[i]),
            "forces_pred": self._rounded(batch.forces[i]),
            "stress_pred": None if batch.stresses is None else _voigt(batch.stresses[i]),
            **self._reference(sample.atoms),
            **said,
            **_corrected(sample.id, said),
        }
        return succeeded(sample.id, outputs, cost)

    def _reference(self, atoms: Atoms) -> dict[str, JsonValue]:
        """The reference goes into the record: scoring and pictures then need no data set, only records."""
        if atoms.calc is None:
            return {"energy_ref": None, "forces_ref": None, "stress_ref": None}
        return {
            "energy_ref": float(atoms.get_potential_energy()),
            "forces_ref": self._rounded(atoms.get_forces()),
            "stress_ref": _voigt(atoms.get_stress(voigt=False)),
        }

    def _rounded(self, forces: np.ndarray) -> JsonValue:
        return cast(JsonValue, (np.round(forces, self.protocol.force_decimals) + 0.0).tolist())  # no -0.0

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        key, index, formula = _parts(record.sample)
        row: Row = {
            "sample": record.sample,
            "status": record.status,
            "error": record.error,
            "set": key,
            "formula": formula,
            "holdout": held_out_frame(formula, index),
            **dict.fromkeys(("n_atoms", "force_mae", "force_rmse", "force_cosine", "force_rms_ref"), None),
            **dict.fromkeys(("energy_error", "energy_mae", "energy_compared", "energy_reason", "stress_mae"), None),
        }
        if record.status != "ok" or record.outputs["forces_ref"] is None:
            return row
        from ase.units import GPa

        pred, ref = forces(record)
        rms = float(np.sqrt(np.mean(ref**2)))
        row |= {
            "n_atoms": len(ref),
            "force_mae": mean_absolute_error(pred, ref) * 1000,
            "force_rmse": root_mean_square_error(pred, ref) * 1000,
            "force_cosine": cosine(pred, ref) if rms > self.protocol.smallest_force_rms else None,
            "force_rms_ref": rms,
        }
        if (stress := record.outputs["stress_pred"]) is not None:
            stresses = np.array([stress, record.outputs["stress_ref"]], dtype=float) / GPa
            row["stress_mae"] = mean_absolute_error(stresses[0], stresses[1])
        energy = frame_energy.error(record, settings=SETTINGS[key])
        row |= {"energy_compared": energy.compared, "energy_reason": energy.reason}
        if energy.error is not None:
            row |= {"energy_error": energy.error * 1000, "energy_mae": abs(energy.error) * 1000}
        return row

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Those with a reference."""
        return [row for row in rows if row["set"] != _CANARY]

    def fitted(self, row: Row, training_sets: Collection[str]) -> bool:
        """Whether the frame is of a set that was drawn from what the model was trained on."""
        return any(row["set"] in TRAINED.get(name, ()) for name in training_sets)

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        compared = self.ranked(rows)
        found = {
            "success": mean_score([1.0 if row["status"] == "ok" else None for row in rows], metric["success"]),
            "force_rmse": _root_of_mean(column(compared, "force_rmse"), metric["force_rmse"]),
            "force_cosine": mean_score(
                # frames without a direction are no failures
                column(
                    [row for row in compared if row["status"] != "ok" or row["force_cosine"] is not None],
                    "force_cosine",
                ),
                metric["force_cosine"],
            ),
        }
        over = [(name, name, compared) for name in AVERAGED]
        for key in SETS:
            members = [row for row in compared if row["set"] == key]
            over += [(of_set(name, key), name, members) for name in averaged(key)]
        for title, name, members in over:
            values = column([row for row in members if not _left_out(row, name)], name)
            for each in (title, f"{title}_mean"):
                found[each] = average_score(values, metric[each])
        return found


def _left_out(row: Row, name: str) -> bool:
    """Whether there is nothing to compare in an answer: no failure, and no number."""
    return row["status"] == "ok" and row[name] is None


def _root_of_mean(values: Sequence[float | None], metric: Metric) -> Score:
    """Root of the mean of squares; the interval is that of the mean, rooted."""
    squares = mean_score([None if value is None else value**2 for value in values], metric)
    rooted = {
        end: None if (number := getattr(squares, end)) is None else float(np.sqrt(number))
        for end in ("value", "low", "high")
    }
    return squares.model_copy(update=rooted)


def _voigt(stress: np.ndarray) -> JsonValue:
    """xx yy zz yz xz xy, eV/Å³."""
    from ase.stress import full_3x3_to_voigt_6_stress

    return [float(component) for component in full_3x3_to_voigt_6_stress(np.asarray(stress))]


def _sample(key: str, index: int, subset: Subset) -> Sample:
    atoms = _frames(key)[index][1]
    formula = reduced_formula(atoms)
    return Sample(
        id=f"{key}/{index:04d}-{formula}",
        atoms=atoms,
        subset=subset,
        reference={"energy": float(atoms.get_potential_energy())},
        dataset="mlearn" if key == "mlearn" else "mattersim-bench",
        held_out=held_out_frame(formula, index),
    )


def _corrected(sample: str, said: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The output `mp2020_correction` of a sample, eV."""
    key, index, _ = _parts(sample)
    if (settings := SETTINGS.get(key)) is None:
        return {"mp2020_correction": None}
    return {"mp2020_correction": frame_energy.correction(_frames(key)[index][1], said, settings=settings)}


def _parts(sample: str) -> tuple[str, int, str]:
    """Set, place in its file, reduced formula."""
    key, _, rest = sample.partition("/")
    index, _, formula = rest.partition("-")
    return key, int(index), formula


def _smallest_hash(indices: Sequence[int], frames: Sequence[tuple[str, Atoms]], n: int) -> list[int]:
    """The n of these frames whose names have the smallest hashes: a fixed random draw."""
    return sorted(indices, key=lambda i: hashlib.sha256(frames[i][0].encode()).hexdigest())[:n]


@cache
def _frames(key: str) -> tuple[tuple[str, Atoms], ...]:
    """All frames of a set with their names, in the file's order."""
    import gzip
    import io
    import lzma

    from ase.io import read

    if key == "mlearn":
        text = lzma.decompress(dataset.fetch("mlearn", "frames").read_bytes())
        name = "source"
    else:
        text = gzip.decompress(dataset.fetch("mattersim-bench", key).read_bytes())
        name = "mptrj_snapshot_id" if key.startswith("mptrj") else "internal_id"
    found = read(io.StringIO(text.decode()), ":", format="extxyz")
    return tuple((str(atoms.info[name]), atoms) for atoms in found)


TASK = ForcesTask()
