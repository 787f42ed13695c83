"""Findings: sentences that come of results, each with its figure, or nothing while the results are not there.

A finding computes its numbers when the site is built, so that text, figure and results cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING, cast

import numpy as np

from evaluation.metric import Metric, bootstrap_interval
from leaderboard.axis import log_axis
from leaderboard.board import Place, boards
from leaderboard.digits import figure, interval, short
from leaderboard.essay import Part, Picture, Table
from leaderboard.essays import calibration as detectors
from leaderboard.evidence import Evidence

if TYPE_CHECKING:
    from evaluation.calibration import Calibration
    from evaluation.task import Row
    from leaderboard.collect import Entry
    from leaderboard.views import Spec

Finding = Callable[[Evidence], list[Part]]


def relaxing(evidence: Evidence) -> list[Part]:
    """What becomes of crystals that the two force heads of one checkpoint relax."""
    found = []
    for direct, gradient in _two_heads(evidence.of("relaxation")):
        pairs = [(a, b) for a, b in _common(direct, gradient) if _tried(a) and _tried(b)]
        if not pairs:
            continue
        n = len(pairs)
        shares = [
            (label, sum(test(a) for a, _ in pairs), sum(test(b) for _, b in pairs))
            for label, test in (
                ("converge", lambda row: row["converged"] is True),
                ("end with some structure", lambda row: row["status"] == "ok"),
                ("run in a cycle", lambda row: row["limit_cycle"] in (True, 1.0)),
            )
        ]
        climbed = [[row["uphill"] for row in rows if row["uphill"] is not None] for rows in zip(*pairs, strict=True)]
        said = [
            f"{gradient.card.title} has two force heads on one set of weights. Of {n} relaxations that both try, the "
            f"gradient of the energy converges in {shares[0][2]} and the direct head in {shares[0][1]}.",
        ]
        if all(climbed):
            up = [median(cast("list[float]", each)) for each in climbed]
            said.append(
                f"On its way the direct head goes uphill by {short(up[0])} meV/atom (median over those that end), the "
                f"gradient by {short(up[1])}: forces that are no gradient can follow no energy down."
            )
        rows = [
            {"what": label, "share": count / n, "head": head, "shown": f"{count} of {n}"}
            for label, of_direct, of_gradient in shares
            for head, count in (("gradient of the energy", of_gradient), ("direct head", of_direct))
        ]
        found.append(
            Part(
                title=f"{gradient.card.title}: relaxing by a gradient, and by a head of its own",
                sentences=said,
                pictures=[_shares(f"heads/{gradient.name}", rows)],
                caption=f"Share of {n} relaxations; dots are the gradient of the energy, diamonds the direct head.",
                wide=True,
            )
        )
    return found


def vibrating(evidence: Evidence) -> list[Part]:
    """What the two force heads of one checkpoint make of phonons."""
    found = []
    for direct, gradient in _two_heads(evidence.of("phonons")):
        pairs = [(a, b) for a, b in _common(direct, gradient) if a["status"] == b["status"] == "ok"]
        judged = [(a, b) for a, b in pairs if a["stable_pred"] is not None and b["stable_pred"] is not None]
        residuals = [(a["fc_asymmetry"], b["fc_asymmetry"]) for a, b in pairs]
        both = [(cast(float, a), cast(float, b)) for a, b in residuals if a is not None and b is not None]
        if not judged or not both:
            continue
        imaginary = [sum(not row["stable_pred"] for row in rows) for rows in zip(*judged, strict=True)]
        asymmetry = [median(each) for each in zip(*both, strict=True)]
        found.append(
            Part(
                title=f"{gradient.card.title}: phonons by a gradient, and by a head of its own",
                sentences=(
                    f"Of {len(judged)} crystals that both heads bring through, the direct head gives "
                    f"{imaginary[0]} of them an imaginary mode, the gradient {imaginary[1]}. The force constants "
                    "were symmetrised first, as is usual.",
                    f"Before it, the asymmetry of the force constants is {short(asymmetry[0])} of their size with the "
                    f"direct head and {short(asymmetry[1])} with the gradient (medians).",
                ),
            )
        )
    return found


def averaging(evidence: Evidence) -> list[Part]:
    """What averaging over orientations does to a task's figure, and what it costs."""
    compared = list(_averaged(evidence))
    if not compared:
        return []
    return [
        Part(
            title="What averaging over orientations buys, and costs",
            sentences=[_said(each) for each in compared],
            table=Table(
                label="Averaged against not averaged, on the samples that both have",
                columns=("Entry", "Task", "figure", "samples", "alone", "averaged", "change", "95 % interval", "cost"),
                rows=[_averaging_row(each) for each in compared],
                texts=3,
            ),
        )
    ]


def equations(evidence: Evidence) -> list[Part]:
    """How far potentials are apart in equations of state, and what of their order is settled."""
    found = []
    for board in boards(evidence.of("eos")):
        ranked = [place for place in board.places if place.rank and not place.entry.other_theory]
        if len(ranked) < 2:
            continue
        metric, best, last = board.metric, ranked[0], ranked[-1]
        digits = board.decimals(metric)
        first = [place.entry.card.title for place in ranked if place.rank and place.rank.low == 1]
        said = [
            f"{metric.label} of {len(ranked)} entries goes from {_of(best, metric, digits)} to "
            f"{_of(last, metric, digits)} {metric.unit} ({board.samples} elements, {board.subset} subset).",
        ]
        if len(first) > 1:
            said.append(f"These data do not settle which is the best: it may be any of {', '.join(first)}.")
        costs = [place.entry.result.run.cost.microseconds_per_atom for place in ranked]
        if costs[0] and costs[-1]:
            said.append(f"The first costs {short(costs[0] / costs[-1])} times as much per atom as the last.")
        others = [place for place in board.places if place.rank and place.entry.other_theory]
        if others:
            values = [cast(float, place.score(metric).value) for place in others]
            theories = ", ".join(dict.fromkeys(place.entry.theory for place in others))
            said.append(
                f"Models of another theory ({theories}) are at {figure(min(values), digits)} to "
                f"{figure(max(values), digits)}: part of that is the distance between the theories."
            )
        found.append(Part(title=f"Equations of state: {metric.label} and what it costs", sentences=said))
        found[-1] = _with_cost(found[-1], board.places, metric, board.subset)
    return found


def calibrated(evidence: Evidence) -> list[Part]:
    """How well detectors of violations find faults of known size."""
    found = []
    for calibration in evidence.calibrations:
        worst = {name: detectors.worst_ratio(rows) for name, rows in detectors.dialled(calibration.rows).items()}
        known = {name: ratio for name, ratio in worst.items() if ratio is not None}
        if not known:
            continue
        number = "1 detector" if len(known) == 1 else f"{len(known)} detectors"
        off = {name: 100 * abs(ratio - 1) for name, ratio in known.items()}
        name = max(off, key=lambda name: off[name])
        rows = [{"what": detectors.label(name), "percent": max(value, 1e-3)} for name, value in off.items()]
        found.append(
            Part(
                title="The detectors find what is there",
                sentences=(
                    f"Faults of known size, over {_decades(calibration)} decades: the worst reading of "
                    f"{number} is {short(off[name])} % off ({detectors.label(name)}).",
                ),
                pictures=[_worst_readings(rows)],
                caption="The reading of each detector that is farthest from what was dialled, in %, logarithmic.",
                wide=True,
            )
        )
    return found


FINDINGS: tuple[Finding, ...] = (relaxing, vibrating, averaging, equations, calibrated)
"""In the order of the page."""


@dataclass(frozen=True)
class _Compared:
    alone: Entry
    averaged: Entry
    metric: Metric
    n: int
    before: float
    after: float
    low: float | None
    high: float | None
    """Interval of after - before, over samples."""

    @property
    def cost(self) -> float | None:
        """µs/atom of the averaged entry over that of the other one."""
        dear = self.averaged.result.run.cost.microseconds_per_atom
        cheap = self.alone.result.run.cost.microseconds_per_atom
        return dear / cheap if dear and cheap else None

    @property
    def settled(self) -> bool:
        return self.low is not None and self.high is not None and self.low * self.high > 0

    @property
    def better(self) -> bool:
        return (self.after < self.before) == (self.metric.better == "lower")


def _averaged(evidence: Evidence) -> Iterator[_Compared]:
    """Pairs of entries that differ in averaging alone, by the metric that ranks their task."""
    fresh = {(entry.task.name, entry.name): entry for entry in evidence.entries if not entry.stale and entry.rows}
    for averaged in fresh.values():
        if averaged.mode.averaging == "none":
            continue
        mode = averaged.mode.model_copy(update={"averaging": "none"})
        alone = fresh.get((averaged.task.name, f"{averaged.card.name}@{mode}"))
        if alone is None:
            continue
        metric = averaged.task.metrics[0]
        values = [(a[metric.name], b[metric.name]) for a, b in _common(alone, averaged)]
        both = [(cast(float, a), cast(float, b)) for a, b in values if a is not None and b is not None]
        if not both:
            continue
        change = np.array([b - a for a, b in both])
        low, high = bootstrap_interval(change)
        before, after = (mean(each) for each in zip(*both, strict=True))
        yield _Compared(alone, averaged, metric, len(both), before, after, low, high)


def _said(each: _Compared) -> str:
    cost = f", at {short(each.cost)} times the cost" if each.cost else ""
    numbers = f"from {short(each.before, 3)} to {short(each.after, 3)} {each.metric.unit}".rstrip()
    verdict = "a gain" if each.better else "a loss"
    if not each.settled:
        verdict = "a difference that these samples do not settle"
    return (
        f"{each.averaged.name}, {each.averaged.task.title.lower()}: {each.metric.label} goes {numbers} on {each.n} "
        f"samples, {verdict}{cost}."
    )


def _averaging_row(each: _Compared) -> tuple[str, ...]:
    unit = f", {each.metric.unit}" if each.metric.unit else ""
    return (
        each.averaged.name,
        each.averaged.task.title,
        f"{each.metric.label}{unit}",
        str(each.n),
        short(each.before, 3),
        short(each.after, 3),
        short(each.after - each.before),
        interval(each.low, each.high, 3),
        f"× {short(each.cost)}" if each.cost else "–",
    )


def _two_heads(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Direct and conservative entries of one checkpoint in otherwise the same mode, without averaging."""
    known = {entry.name: entry for entry in entries if entry.rows}
    for direct in known.values():
        if direct.mode.forces == "direct" and direct.mode.averaging == "none":
            mode = direct.mode.model_copy(update={"forces": "conservative"})
            if gradient := known.get(f"{direct.card.name}@{mode}"):
                yield direct, gradient


def _common(first: Entry, second: Entry) -> list[tuple[Row, Row]]:
    """Rows of the samples that both ran, whichever subset each of them ran."""
    others = {row["sample"]: row for row in second.rows}
    return [(row, others[row["sample"]]) for row in first.rows if row["sample"] in others]


def _tried(row: Mapping[str, object]) -> bool:
    return row["status"] != "unsupported"


def _of(place: Place, metric: Metric, digits: int) -> str:
    return f"{figure(place.score(metric).value, digits)} ({place.entry.card.title})"


def _decades(calibration: Calibration) -> str:
    spans = [
        np.log10(max(row.dialled for row in rows) / min(row.dialled for row in rows))
        for rows in detectors.dialled(calibration.rows).values()
    ]
    least, most = round(min(spans)), round(max(spans))
    return f"{least}" if least == most else f"{least} to {most}"


def _shares(key: str, rows: Sequence[dict[str, object]]) -> Picture:
    import altair as alt

    heads = ["gradient of the energy", "direct head"]
    chart = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, size=90, opacity=1)
    spec: Spec = (
        chart.encode(
            alt.X("share:Q").scale(domain=[0, 1]).title("share").axis(format="%", tickCount=5),
            alt.Y("what:N").sort(None).title(None).axis(labelLimit=240, labelPadding=10, ticks=False, domain=False),
            alt.Color("head:N").scale(domain=heads).legend(None),
            alt.Shape("head:N").scale(domain=heads, range=["circle", "diamond"]).legend(None),
            tooltip=[alt.Tooltip("head:N", title="forces"), alt.Tooltip("shown:N", title="relaxations")],
        )
        .properties(width="container", height=110)
        .to_dict()
    )
    told = "; ".join(f"{row['head']}, {row['what']}: {row['shown']}" for row in rows)
    return Picture(key=key, title="", spec=spec, alt=f"Relaxations by force head: {told}.")


def _worst_readings(rows: Sequence[dict[str, object]]) -> Picture:
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, size=90, opacity=1)
    spec: Spec = (
        chart.encode(
            alt.X("percent:Q")
            .scale(type="log", padding=10)
            .title("off by (%)")
            .axis(log_axis([cast(float, row["percent"]) for row in rows])),
            alt.Y("what:N").sort(None).title(None).axis(labelLimit=240, labelPadding=10, ticks=False, domain=False),
            tooltip=[
                alt.Tooltip("what:N", title="detector"),
                alt.Tooltip("percent:Q", title="off by (%)", format=".2~g"),
            ],
        )
        .properties(width="container", height=28 * len(rows))
        .to_dict()
    )
    told = "; ".join(f"{row['what']} {short(cast(float, row['percent']))} %" for row in rows)
    return Picture(key="detectors", title="", spec=spec, alt=f"Worst reading of each detector: {told}.")


def _with_cost(part: Part, places: Sequence[Place], metric: Metric, subset: str) -> Part:
    """The part with a picture of the metric over the cost."""
    import altair as alt

    rows = [
        {
            "entry": place.entry.name,
            "cost": place.entry.result.run.cost.microseconds_per_atom,
            "value": place.score(metric).value,
            "theory": "another" if place.entry.other_theory else "reference's",
        }
        for place in places
        if place.rank and place.entry.result.run.cost.microseconds_per_atom
    ]
    theories = ["reference's", "another"]
    costs = [cast(float, row["cost"]) for row in rows]
    spec: Spec = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=80, opacity=0.9)
        .encode(
            alt.X("cost:Q").scale(type="log", padding=10).title("cost (µs/atom)").axis(log_axis(costs, form="~s")),
            alt.Y("value:Q").scale(zero=False, padding=8).title(f"{metric.label} ({metric.unit})").axis(tickCount=5),
            alt.Color("theory:N").scale(domain=theories).legend(None),
            alt.Shape("theory:N").scale(domain=theories, range=["circle", "diamond"]).legend(None),
            tooltip=[
                alt.Tooltip("entry:N", title="entry"),
                alt.Tooltip("value:Q", title=metric.label, format=".3~g"),
                alt.Tooltip("cost:Q", title="µs/atom", format=".3~s"),
            ],
        )
        .properties(width="container", height=240)
        .to_dict()
    )
    told = "; ".join(f"{row['entry']} {short(cast(float, row['value']))}" for row in rows)
    return Part(
        title=part.title,
        sentences=part.sentences,
        pictures=[Picture(f"cost/{subset}", "", spec, f"{metric.label} against cost per atom: {told}.")],
        caption=f"{metric.label} against the cost per atom and force call, logarithmic; costs are of one machine each, "
        "and other work may have run beside. A diamond marks another level of theory.",
        wide=True,
    )
