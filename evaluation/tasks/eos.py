"""Equations of state of 71 elemental crystals against all-electron PBE: the Δ-gauge.

Each element's ground-state crystal is compressed and stretched by up to 6 % in volume, its shape and internal
coordinates kept. A third-order Birch–Murnaghan curve through the model's energies gives the equilibrium volume V0, the
bulk modulus B0 and its pressure derivative; Δ is the root-mean-square distance between the model's curve and the
all-electron one, both shifted to zero at their minimum. Converged DFT codes agree with each other within about
1 meV/atom on this scale, so Δ of a potential measures the potential (and the pseudopotentials of its training data),
not the reference.

The elements whose reference is magnetic (O, Cr, Mn, Fe, Co, Ni) are evaluated and flagged: a potential without spins
has to have learned the ground state's energy surface from its data. Results of models that were trained on another
functional than PBE measure that difference as well; their level of theory stands beside them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import eos as definitions
from evaluation.definitions.eos import METRICS, EosProtocol
from evaluation.equation_of_state import NoEquationOfState, delta, fit
from evaluation.metric import Score, average_score
from evaluation.outputs.eos import curve, dcdft, reference, reference_curve
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.subset import SUBSETS, Subset, up_to
from evaluation.task import Row, Sample, column

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch, Computes

MAGNETIC = frozenset({"O", "Cr", "Mn", "Fe", "Co", "Ni"})
"""Elements whose reference structure carries magnetic moments."""


class Eos:
    """The task; see the module's docstring."""

    name = "eos"
    title = "Equations of state"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> EosProtocol:
        return definitions.protocol()

    @cached_property
    def dataset_sha256(self) -> str:
        """Hash over the reference figures and structures, so that another ASE with other data is noticed."""
        digest = hashlib.sha256()
        for symbol in sorted(_reference_symbols()):
            atoms = _reference_atoms(symbol)
            figures = {"symbol": symbol, "reference": reference(symbol), "numbers": atoms.numbers.tolist()}
            digest.update(json.dumps(figures, sort_keys=True).encode())
            # rounded, because the last digits of a rebuilt cell are the platform's
            digest.update(np.round(np.vstack([atoms.cell.array, atoms.positions]), 6).tobytes())
        return digest.hexdigest()

    def samples(self, subset: Subset) -> list[Sample]:
        chosen = up_to(subset)
        found = [
            Sample(id=symbol, atoms=_reference_atoms(symbol), subset=self._tier(symbol), reference=reference(symbol))
            for symbol in _reference_symbols()
        ]
        return sorted(
            (sample for sample in found if sample.subset in chosen),
            key=lambda sample: (SUBSETS.index(sample.subset), sample.atoms.numbers[0]),
        )

    def _tier(self, symbol: str) -> Subset:
        if symbol in self.protocol.canary:
            return "canary"
        return "fast" if symbol in self.protocol.fast else "full"

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        ratios = self.protocol.volume_ratios
        batch = potential.compute([_scaled(sample.atoms, ratio) for sample in samples for ratio in ratios])
        seconds = batch.share_seconds()
        return [
            self._record(sample, batch, range(i * len(ratios), (i + 1) * len(ratios)), seconds)
            for i, sample in enumerate(samples)
        ]

    def _record(self, sample: Sample, batch: Batch, rows: range, seconds: np.ndarray) -> Record:
        n = len(sample.atoms)
        part = slice(rows.start, rows.stop)
        cost = SampleCost.of_cell(n, force_calls=int(batch.calls[part].sum()), seconds=float(seconds[part].sum()))
        if error := next(filter(None, batch.errors[part]), None):
            return failed(sample.id, error, cost)
        volume = sample.atoms.get_volume() / n
        outputs: dict[str, JsonValue] = {
            "volumes_per_atom": [volume * ratio for ratio in self.protocol.volume_ratios],
            "energies_per_atom": [float(batch.energies[row]) / n for row in rows],
        }
        return succeeded(sample.id, outputs, cost)

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        ref = reference(record.sample)
        row: Row = {
            "sample": record.sample,
            "status": record.status,
            "error": record.error,
            "magnetic": record.sample in MAGNETIC,
            "v0_ref": ref["v0"],
            "b0_ref_gpa": ref["b0_gpa"],
            "b0_prime_ref": ref["b0_prime"],
            **dict.fromkeys(("v0_pred", "b0_pred_gpa", "b0_prime_pred", "fit_residual", "delta"), None),
            **dict.fromkeys(("v0_error", "b0_error"), None),
        }
        if record.status != "ok":
            return row
        from ase.units import GPa

        volumes, energies = curve(record)
        try:
            model = fit(volumes, energies)
        except NoEquationOfState as reason:
            return {**row, "error": str(reason)}
        return {
            **row,
            "v0_pred": model.volume,
            "b0_pred_gpa": model.bulk_modulus / GPa,
            "b0_prime_pred": model.bulk_modulus_derivative,
            "fit_residual": model.residual * 1000,
            "delta": delta(model, reference_curve(record.sample)) * 1000,
            "v0_error": (model.volume / ref["v0"] - 1) * 100,
            "b0_error": (model.bulk_modulus / GPa / ref["b0_gpa"] - 1) * 100,
        }

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        found = {
            "delta": average_score(column(rows, "delta"), metric["delta"]),
            "delta_mean": average_score(column(rows, "delta"), metric["delta_mean"]),
            "delta_nonmagnetic": average_score(
                column([row for row in rows if not row["magnetic"]], "delta"), metric["delta_nonmagnetic"]
            ),
            "success": average_score(
                [None if row["delta"] is None else 1.0 for row in rows],
                metric["success"],
            ),
        }
        for name in ("v0_error", "b0_error"):
            found[name] = average_score([None if v is None else abs(v) for v in column(rows, name)], metric[name])
        return found


def _scaled(atoms: Atoms, ratio: float) -> Atoms:
    scaled: Atoms = atoms.copy()
    scaled.set_cell(atoms.cell * ratio ** (1 / 3), scale_atoms=True)
    return scaled


def _reference_symbols() -> Iterator[str]:
    return iter(dcdft())


@cache
def _reference_atoms(symbol: str) -> Atoms:
    """The element's crystal at the reference volume, without the magnetic moments (no model here reads them)."""
    from ase import Atoms

    row = dcdft()[symbol]
    atoms = Atoms(row["numbers"], positions=row["positions"], cell=row["cell"], pbc=row["pbc"])
    volume = reference(symbol)["v0"] * len(atoms)
    atoms.set_cell(atoms.cell * (volume / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    return atoms


TASK = Eos()
