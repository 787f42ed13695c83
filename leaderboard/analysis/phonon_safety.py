"""Phonon safety: whether an entry's phonons are free of artefacts of broken constraints, by a stated rule. Pure.

*yes*: every criterion was measured and is met. *no*: one was measured and is not met. *not measured*: the rest.

The limits on violations are the largest amplitudes of the tolerance curves without an imaginary mode in a crystal that
is stable in the reference (unperturbed) model, where that model itself is within them; the others are constants below.
How accurate frequencies are is no criterion, and neither are the figures' intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from evaluation.studies.tolerance_data import Curves
from evaluation.subset import SUBSETS
from leaderboard.analysis.tolerance_levels import MEASURED, PERTURBATIONS, levels, tolerated
from leaderboard.ranking.collect import Entry
from leaderboard.ranking.rank import MIN_COVERAGE

LEAST_RECALL = 0.9
"""Of the solids that are stable in PBE, the share that the model must find stable."""
MOST_DEPENDENT = 0.1
"""Share of the solids whose frequencies may change by more than 0.1 THz between displacements of 0.03 and 0.01 Å."""
LEAST_CRYSTALS = 3
"""Crystals at which a violation is measured."""

Verdict = Literal["yes", "no", "not measured"]


@dataclass(frozen=True)
class Limit:
    """The largest harmless amplitude of one perturbation, over all reference models with tolerance curves."""

    metric: str
    """Of the task `constraints`, which measures it on other models."""
    label: str
    unit: str
    value: float
    n: int
    """Crystals and seeds at that amplitude, none of them with an imaginary mode."""
    source: str
    """The reference model that was perturbed."""
    largest: bool
    """Whether it is the largest amplitude that was tried: modes may stay real beyond it."""
    own: float | None
    """What the task measures of the reference model itself, unperturbed, at its worst crystal."""

    @property
    def usable(self) -> bool:
        """Whether the reference model itself is below it: otherwise the task's figure is not of the same kind."""
        return self.own is None or self.own <= self.value


@dataclass(frozen=True)
class Criterion:
    """One measured figure against its limit."""

    label: str
    unit: str
    value: float | None
    limit: float
    higher: bool
    """Whether the value must be at least the limit; at most otherwise."""
    n: int
    """Crystals behind it."""
    source: str
    """Where the figure is from; why there is none, where there is none."""

    @property
    def met(self) -> bool | None:
        """None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.higher else self.value <= self.limit


@dataclass(frozen=True)
class PhononSafety:
    """The verdict on one entry."""

    entry: str
    criteria: tuple[Criterion, ...]

    @property
    def verdict(self) -> Verdict:
        if any(each.met is False for each in self.criteria):
            return "no"
        return "yes" if self.criteria and all(each.met for each in self.criteria) else "not measured"

    @property
    def decisive(self) -> tuple[Criterion, ...]:
        """The criteria that are not met; those not measured where none fails."""
        failed = tuple(each for each in self.criteria if each.met is False)
        return failed or tuple(each for each in self.criteria if each.met is None)


def limits(curves: Sequence[Curves], entries: Sequence[Entry]) -> list[Limit]:
    """One for each perturbation that the constraints task measures, the strictest of all curves."""
    found: dict[str, Limit] = {}
    for each in curves:
        constraints = _largest([entry for entry in entries if entry.name == each.entry], "constraints")
        for perturbation, metric in MEASURED.items():
            harmless, harmful = tolerated(levels(each, perturbation), lambda level: level.imaginary)
            if harmless is None:
                continue
            label, unit, scale = PERTURBATIONS[perturbation]
            own, _ = max(_values(constraints, metric), default=(None, None))
            limit = Limit(
                metric, label, unit, scale * harmless.level, harmless.stable, each.entry, harmful is None, own
            )
            if metric not in found or limit.value < found[metric].value:
                found[metric] = limit
    return list(found.values())


def phonon_safety(name: str, entries: Sequence[Entry], given: Sequence[Limit]) -> PhononSafety:
    """The verdict on the entry `name` from its results; `given` are the limits of the tolerance curves."""
    mine = [entry for entry in entries if entry.name == name]
    constraints, phonons = _largest(mine, "constraints"), _largest(mine, "phonons")
    why = {task: _why(mine, task) for task in ("constraints", "phonons")}
    usable = [limit for limit in given if limit.usable]
    criteria = [_violation(limit, constraints, why["constraints"]) for limit in usable]
    criteria += [
        _share("stability_recall", "stable solids found stable", phonons, why["phonons"], LEAST_RECALL, higher=True),
        _share(
            "displacement_dependent",
            "solids with displacement-dependent frequencies",
            phonons,
            why["phonons"],
            MOST_DEPENDENT,
            higher=False,
        ),
    ]
    return PhononSafety(name, tuple(criteria) if usable else ())


def _largest(mine: Sequence[Entry], task: str) -> Entry | None:
    fresh = [entry for entry in mine if entry.task.name == task and entry.rows and not entry.stale]
    return max(fresh, key=lambda entry: SUBSETS.index(entry.result.run.subset), default=None)


def _why(mine: Sequence[Entry], task: str) -> str:
    ran = [entry for entry in mine if entry.task.name == task]
    if any(entry.stale for entry in ran):
        return f"{task}: measured under an earlier protocol"
    return f"{task}: not run"


def _violation(limit: Limit, entry: Entry | None, why: str) -> Criterion:
    """The largest violation over crystals."""
    found = _values(entry, limit.metric)
    enough = len(found) >= LEAST_CRYSTALS
    value, sample = max(found) if enough else (None, None)
    subset = entry.result.run.subset if entry else ""
    source = f"constraints, {subset} subset: worst at {sample}" if enough else why
    return Criterion(
        label=limit.label,
        unit=limit.unit,
        value=value,
        limit=limit.value,
        higher=False,
        n=len(found),
        source=source,
    )


def _values(entry: Entry | None, metric: str) -> list[tuple[float, str]]:
    """Size of a figure and its crystal, for every crystal that has one."""
    rows = entry.rows if entry else ()
    return [(abs(cast(float, row[metric])), str(row["sample"])) for row in rows if row.get(metric) is not None]


def _share(metric: str, label: str, entry: Entry | None, why: str, limit: float, *, higher: bool) -> Criterion:
    """A share of the phonons task, where it covers half of the subset."""
    score = entry.result.scores.get(metric) if entry else None
    n = score.n if score else 0
    if entry is None or score is None or score.value is None:
        return Criterion(label, "", None, limit, higher, n, why)
    run = entry.result.run
    if run.subset == "canary" or n < MIN_COVERAGE * run.counts.total:
        return Criterion(label, "", None, limit, higher, n, f"phonons: too few solids ({n} of {run.counts.total})")
    return Criterion(label, "", score.value, limit, higher, n, f"phonons, {run.subset} subset")
