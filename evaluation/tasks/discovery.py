"""Which of 256,963 hypothetical crystals are stable: Matbench Discovery's question.

WBM's crystals were made by exchanging elements in known structures. Each is relaxed with the model, atoms and cell,
from its initial structure, before any DFT; the energy at the end, less the elements' DFT energies and with the
Materials Project 2020 corrections, is its formation energy. The hull of competing phases is DFT's and stays where it
is: an error of the formation energy moves the crystal above or below it. A crystal at or below the hull is stable.

About one crystal in six is stable. F1 weighs the stable crystals that were missed against those that were wrongly
promised; DAF says how many times better than a random pick a promised crystal is. A crystal that fails or whose energy
is more than 5 eV/atom off is taken for unstable, as Matbench Discovery does, and is counted as missing. So is every
crystal of a model whose card does not say what its energies stand for, or that was trained on another functional or on
another scale of energies; and, for a model trained on MatPES, each crystal that the reference computes with a Hubbard
U. What ranks is the share of crystals on the wrong side of the hull: an average over crystals, so that two models can
be compared crystal by crystal. F1 stands beside it.

Crystals whose prototype is new are scored apart, and so are the 10,000 which the model puts lowest: a screening
campaign looks at those. The fast subset is 1,000 crystals chosen by hash. The canary's four crystals have no reference
and show that relaxation works. Corrections are those of the DFT-relaxed crystal. Relaxation is FIRE on atoms and cell
to 0.02 eV/Å; Matbench Discovery leaves optimiser and threshold to the submitter.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from evaluation import formula
from evaluation.definitions import discovery as definitions
from evaluation.definitions.discovery import COUNTED, METRICS, DiscoveryProtocol
from evaluation.metric import Score, mean_score
from evaluation.metrics.discovery import above_hull, discovery, most_stable
from evaluation.outputs import relaxation
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from evaluation.record import Record
from evaluation.recording import relaxed_record
from evaluation.reference import dataset, formation_energy, wbm
from evaluation.reference.canary import canaries
from evaluation.reference.draw import by_hash
from evaluation.subset import Subset, tiers
from evaluation.task import Row, Sample, column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.batch import Computes


_NO_FIGURES = dict.fromkeys(
    (
        *("formula", *formation_energy.COLUMNS, "e_hull_pred", "e_hull_ref", "unique"),
        *("misclassified", "converged", "steps"),
    )
)


class DiscoveryTask:
    """The task; see the module's docstring."""

    name = "discovery"
    title = "Discovery of stable crystals"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> DiscoveryProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(wbm.DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        """Canary in the protocol's order, the crystals of a tier by the hash of their ids."""
        found = canaries(self.protocol.canary)
        if subset == "canary":
            return found
        targets = wbm.targets()
        ordered = by_hash(targets)
        chosen = list(tiers(ordered, fast=self.protocol.fast, subset=subset))
        crystals = wbm.crystals(name for _, name in chosen)
        for tier, name in chosen:
            found.append(Sample(id=name, atoms=crystals[name], subset=tier, reference=targets[name].figures))
        return found

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        settings = Relaxation(fmax=self.protocol.fmax, steps=self.protocol.steps, optimizer=self.protocol.optimizer)
        said = formation_energy.energies_are(potential, samples)
        found = relax(potential, [sample.atoms for sample in samples], settings)
        records = []
        for sample, one in zip(samples, found, strict=True):
            figures = {**said, **sample.reference}
            record = relaxed_record(sample.id, one, reference=sample.atoms, **figures)
            # of one that failed as well: it is an unstable crystal among the counts
            records.append(record if record.outputs else record.model_copy(update={"outputs": figures}))
        return records

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        row: Row = {
            "sample": record.sample,
            "status": record.status,
            "error": record.error,
            **_NO_FIGURES,
            **formation_energy.row(record, diverged=self.protocol.diverged),
        }
        if record.status == "ok":
            row["formula"] = formula.reduced(relaxation.numbers(record))
            row["converged"] = bool(record.outputs["converged"])
            row["steps"] = relaxation.steps(record)
        if row["e_form_ref"] is None:  # a canary
            return row
        reference = cast(float, record.outputs["e_hull_ref"])
        error = cast("float | None", row["e_form_signed_error"])
        predicted = None if error is None else reference + error / 1000
        called_stable = predicted is not None and predicted <= 0
        row["unique"] = bool(record.outputs["unique"])
        row["e_hull_ref"] = reference
        row["e_hull_pred"] = predicted
        row["misclassified"] = float(called_stable != (reference <= 0))
        return row

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        scored = [row for row in rows if row["sample"] not in self.protocol.canary]
        return {
            "misclassified": mean_score(column(scored, "misclassified"), metric["misclassified"]),
            "e_form_error": mean_score(column(scored, "e_form_error"), metric["e_form_error"]),
            "converged": mean_score(column(rows, "converged"), metric["converged"]),
            **self._counted(scored),
        }

    def _counted(self, rows: Sequence[Row]) -> dict[str, Score]:
        """What Matbench Discovery counts, on its three sets; no interval is given."""
        hull, form, pred = (_column(rows, name) for name in ("e_hull_ref", "e_form_ref", "e_form_pred"))
        unique = np.array([bool(row["unique"]) for row in rows], dtype=bool)
        found = _scores("", hull, form, pred) | _scores("_unique", hull[unique], form[unique], pred[unique])
        lowest = np.zeros(0, dtype=np.int64)
        if unique.sum() > self.protocol.most_stable:
            among = np.flatnonzero(unique)
            lowest = among[most_stable(above_hull(hull, form, pred)[among], self.protocol.most_stable)]
        # DAF there is measured against all new prototypes, of which these are the chosen
        share = float((hull[unique] <= 0).mean()) if unique.any() else None
        return found | _scores("_lowest", hull[lowest], form[lowest], pred[lowest], prevalence=share)


def _scores(
    suffix: str,
    hull: NDArray[np.float64],
    form: NDArray[np.float64],
    pred: NDArray[np.float64],
    *,
    prevalence: float | None = None,
) -> dict[str, Score]:
    stable = hull <= 0
    if stable.all() or not stable.any():  # too few crystals to have both kinds: nothing to tell apart
        return {name + suffix: Score(value=None, n=0, n_missing=0) for name in COUNTED}
    found = discovery(hull, form, pred, prevalence=prevalence)
    return {
        name + suffix: Score(value=found.scores[theirs], n=found.n, n_missing=found.missing)
        for name, (theirs, _, _) in COUNTED.items()
    }


def _column(rows: Sequence[Row], name: str) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in column(rows, name)], dtype=float)


TASK = DiscoveryTask()
