"""Finding: what one check measured; Verdict: what follows from it; Conformance: all verdicts on one potential."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast, get_args

from pydantic import Field

from zoo.cards.mode import Dtype, Forces
from zoo.files import json_text
from zoo.strict import Finite

if TYPE_CHECKING:
    from rich.console import RenderableType

Status = Literal["passed", "declared", "failed", "skipped"]
"""`declared`: beyond its bound, and no further than the card admits."""
Symmetry = Literal["exact", "learned"]


class Skipped(Exception):
    """The check does not apply; the message says why."""


class Fault(Exception):
    """The potential's answer can't even be measured; the message says what is wrong with it."""


@dataclass(frozen=True)
class Measure:
    """One number and the most it may be."""

    what: str
    value: float
    bound: float
    unit: str
    where: str = ""
    """The structure that gave the value."""

    @property
    def excess(self) -> float:
        """Value in units of its bound: above 1 is too much, NaN is far too much."""
        if not math.isfinite(self.value):
            return math.inf
        if self.bound:
            return self.value / self.bound
        return math.inf if self.value else 0.0

    def __str__(self) -> str:
        where = f" in {self.where}" if self.where else ""
        return f"{self.what} {self.value:.2g} {self.unit}{where} (bound {self.bound:.2g})".replace("  ", " ")


@dataclass(frozen=True)
class Finding:
    """What a check measured, and what it makes of it."""

    measures: tuple[Measure, ...] = ()
    diagnosis: str = ""
    """The fault as it looks from the numbers; shown when a measure is beyond its bound."""
    if_declared: str = ""
    """Shown in place of the diagnosis where the card declares the defect."""
    note: str = ""
    """Shown always."""
    unclaimed: str = ""
    """Why the potential can't be held to this: then it is measured and reported, never failed."""

    @property
    def worst(self) -> Measure | None:
        """The measure nearest to its bound, or furthest beyond it."""
        return max(self.measures, key=lambda measure: measure.excess, default=None)

    @property
    def beyond(self) -> bool:
        """Whether a measure is beyond its bound and the potential claims otherwise."""
        return not self.unclaimed and self.worst is not None and self.worst.excess > 1


class Verdict(Finite):
    """One verdict and the number behind it."""

    name: str
    status: Status
    value: float | None = None
    """Of the worst measure; None where nothing could be measured."""
    bound: float | None = None
    """The most it may be; None where nothing is promised."""
    unit: str = ""
    sizes: dict[str, float] = Field(default_factory=dict)
    """Unit → the largest value beyond its bound: what a card would have to declare."""
    detail: str = ""
    """The fault by name when there is one, then every measure, the worst first."""


class Conformance(Finite):
    """The verdicts on one potential in one mode."""

    potential: str
    forces: Forces
    rotation: Symmetry
    inversion: Symmetry
    dtype: Dtype
    trained_datasets: tuple[str, ...] | None = None
    """Evaluation datasets that the card's training sets were made from: their held-out frames alone are scored. None
    without a card."""
    crystals: tuple[str, ...]
    """The structures that were used, names of `zoo.example_crystals`."""
    checks: tuple[Verdict, ...]
    calls: int
    """Calls of the potential."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something passed."""
        statuses = {check.status for check in self.checks}
        return "failed" not in statuses and "passed" in statuses

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The checks that failed."""
        return self.with_status("failed")

    def with_status(self, status: Status) -> tuple[Verdict, ...]:
        """The checks with this verdict."""
        return tuple(check for check in self.checks if check.status == status)

    def __getitem__(self, name: str) -> Verdict:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check named {name!r}; there are: {', '.join(check.name for check in self.checks)}")

    def to_json(self) -> str:
        """Sorted JSON with a final newline; `Conformance.model_validate_json` reads it back."""
        return json_text(self.model_dump(mode="json"))


def graded(name: str, finding: Finding, *, declared: Mapping[str, float] = MappingProxyType({})) -> Verdict:
    """The verdict on a finding: failed when any measure is beyond its bound and the potential claims otherwise.

    `declared`: unit → size of the defect that the card admits in this check. Within that it is a mark; beyond, failed.
    """
    worst = finding.worst
    measures = sorted(finding.measures, key=lambda measure: -measure.excess)
    beyond = [measure for measure in measures if measure.excess > 1]
    # what a card gives a size to, it is held to, also where it makes no claim
    refuted = [m for m in beyond if m.unit in declared and not m.value <= declared[m.unit]]
    known = bool(declared) and not refuted and all(m.unit in declared for m in beyond)
    if refuted:
        sizes = ", ".join(f"{declared[m.unit]:.2g} {m.unit}" for m in refuted)
        texts = [f"larger than the defect that the card declares ({sizes})", finding.diagnosis]
    elif beyond and known:
        sizes = ", ".join(f"{size:.2g} {unit}" for unit, size in declared.items())
        texts = [f"a known defect, declared up to {sizes}", finding.if_declared or finding.diagnosis]
    else:
        texts = [finding.diagnosis] if finding.beyond else []
    texts += [f"not judged: {finding.unclaimed}"] if finding.unclaimed and not refuted else []
    texts += [finding.note, "; ".join(str(measure) for measure in measures)]
    status: Status = "passed"
    if refuted or (finding.beyond and not known):
        status = "failed"
    elif beyond and known:
        status = "declared"
    elif finding.unclaimed:
        status = "skipped"
    return Verdict(
        name=name,
        status=status,
        value=worst.value if worst and math.isfinite(worst.value) else None,
        bound=worst.bound if worst and status != "skipped" else None,
        unit=worst.unit if worst else "",
        detail="; ".join(text for text in texts if text),
        sizes={m.unit: m.value for m in reversed(beyond) if math.isfinite(m.value)},
    )


def table(report: Conformance) -> RenderableType:
    """The report for a terminal: the numbers, then what was found where a check did not pass."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    colours = {"passed": "green", "declared": "yellow", "failed": "bold red", "skipped": "dim"}
    counts = ", ".join(f"{sum(check.status == status for check in report.checks)} {status}" for status in colours)
    grid = Table(title=f"{report.potential}: {counts}")
    for heading, justify in (("check", "left"), ("verdict", "left"), ("value", "right"), ("bound", "right")):
        grid.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    grid.add_column("unit", no_wrap=True)
    details = []
    for check in report.checks:
        style = colours[check.status]
        numbers = ["" if number is None else f"{number:.2g}" for number in (check.value, check.bound)]
        # Text, never markup: details carry what a potential wrote
        grid.add_row(Text(check.name), Text(check.status, style=style), *map(Text, (*numbers, check.unit)))
        if check.status != "passed":
            details.append(Text.assemble((f"{check.name}: ", style), check.detail))
    details += [Text(line, style="dim") for line in _rules(report)]
    mode = f"{report.forces} forces, {report.rotation} rotation, {report.dtype}, on {', '.join(report.crystals)}; "
    return Group(grid, *details, Text(f"{mode}{report.calls} calls, {report.seconds:.1f} s", style="dim"))


def _rules(report: Conformance) -> list[str]:
    """What follows from the card: the defect that it could declare, and which frames the model is never scored on."""
    from zoo.cards.defects import Declarable, worth_declaring

    lines = []
    for verdict in report.failed:
        if verdict.name not in get_args(Declarable):
            continue
        sizes = {unit: worth_declaring(cast("Declarable", verdict.name), size) for unit, size in verdict.sizes.items()}
        if sizes and None not in sizes.values():
            told = ", ".join(f"{unit}: {size:g}" for unit, size in sizes.items())
            lines.append(f"If that is the model itself, its card can say so: defects: {{{verdict.name}: {{{told}}}}}")
    if report.trained_datasets:
        lines.append(f"Trained on frames of {', '.join(report.trained_datasets)}: only held-out frames are scored.")
    elif report.trained_datasets is not None:
        lines.append(
            "By its training sets it has seen no evaluation dataset: all frames are scored. A set that the card leaves "
            "out is leakage."
        )
    return lines
