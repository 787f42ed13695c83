"""Correlation: rank correlation of constraint violations and property errors over all entries."""

from __future__ import annotations

from evaluation.metric import Metric
from evaluation.metrics.constraints import DETECTORS
from leaderboard.analysis import violation_error
from leaderboard.analysis.rank_correlation import FEWEST_CHECKPOINTS, FEWEST_ENTRIES, Coefficient
from leaderboard.analysis.violation_error import VIOLATIONS, Pair, TaskCorrelations
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.board_plots import axis_title
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, Spec, finish, tooltips, y_axis
from leaderboard.formatting import NOTHING, figure, interval, short


def article(evidence: Evidence) -> Article:
    """The page: one part for each property task, also where there are too few entries for a coefficient."""
    found = violation_error.task_correlations(evidence.entries)
    return Article(
        name="correlation",
        title="Constraint violations and property errors",
        lede="Rank correlation of constraint violations (rotational and inversion equivariance, conservative "
        "forces) with errors of properties. Each dot is an entry: a checkpoint in a mode, with its "
        "violation as measured by the constraints task and its error on another task.",
        parts=[_part(each) for each in found] or [_nothing()],
        notes=(
            "ρ is Spearman's rank correlation coefficient, τ Kendall's: +1 where the error increases monotonically "
            "with the violation, 0 where the two are uncorrelated. Brackets are 95 % bootstrap intervals over "
            "entries; those of one checkpoint are resampled together, because they share their weights.",
            "The violation of an entry that satisfies a constraint within rounding error counts as zero: the remaining "
            "value is the size of the rounding error, and an order by it would be meaningless.",
            f"There is no coefficient below {FEWEST_ENTRIES} entries or {FEWEST_CHECKPOINTS} checkpoints, nor where "
            f"fewer than {violation_error.FEWEST_BREAKING} checkpoints break the constraint. An interval that "
            "excludes zero is no proof where many are examined: of twenty, one does so by chance.",
            "A correlation over models is not causation: models that satisfy constraints also differ in size, "
            "training data and age. The page of the tolerance curves shows the effect of a violation alone, with "
            "everything else unchanged.",
            "Entries of another level of theory than the reference's are excluded: their error includes the difference "
            "between the theories.",
        ),
        downloads={
            "correlation.json": violation_error.to_json(found),
            "correlation.csv": violation_error.to_csv(found),
        },
    )


def _nothing() -> Part:
    return Part(
        title="No results",
        sentences=("No entry has results of both the constraints and a task with a reference.",),
        command=f"mlip-zoo evaluate NAME --task {VIOLATIONS}",
    )


def _part(of_task: TaskCorrelations) -> Part:
    leading = [pair for pair in of_task.pairs if pair.metric is of_task.task.metrics[0]]
    drawn = [pair for pair in leading if pair.violation.name in _drawn(of_task) and _shows(pair)]
    return Part(
        title=of_task.task.title,
        sentences=_sentences(of_task, leading),
        pictures=[_picture(of_task, pair) for pair in drawn],
        caption=f"{axis_title(of_task.task.metrics[0])}, against the violation, logarithmic. Violations within "
        "rounding error are drawn at the left edge."
        if drawn
        else "",
        table=_table(of_task, leading),
        command=None if of_task.n > 1 else f"mlip-zoo evaluate NAME --task {VIOLATIONS}",
    )


def _shows(pair: Pair) -> bool:
    """Whether there is anything to draw: two entries, and a violation."""
    return len(pair.dots) > 1 and any(dot.violation > 0 for dot in pair.dots)


def _drawn(of_task: TaskCorrelations) -> set[str]:
    """λ, and the first that decides each claim."""
    return {"lambda", *(names[0] for names in DETECTORS.values())} if of_task.pairs else set()


def _sentences(of_task: TaskCorrelations, leading: list[Pair]) -> list[str]:
    cards = {dot.card for pair in of_task.pairs for dot in pair.dots}
    said = [
        f"{of_task.n} {'entry' if of_task.n == 1 else 'entries'} of {len(cards)} "
        f"{'checkpoint' if len(cards) == 1 else 'checkpoints'} ran the {of_task.subset} subset of this task and the "
        f"{of_task.constraints_subset} subset of the constraints."
    ]
    if of_task.left_out:
        said.append(f"Excluded, of another level of theory: {', '.join(of_task.left_out)}.")
    known = [pair for pair in leading if pair.correlation.spearman]
    if not known:
        return [*said, *_without(leading)]
    settled = [pair for pair in known if _settled(pair.correlation.spearman)]
    label = of_task.task.metrics[0].label
    if settled:
        told = "; ".join(f"{pair.violation.label}, ρ {_told(pair.correlation.spearman)}" for pair in settled)
        correlates = "correlates" if len(settled) == 1 else "correlate"
        said.append(f"Of {len(known)} violations, {len(settled)} {correlates} with {label}: {told}.")
    else:
        said.append(f"Of {len(known)} violations, none has a correlation with {label} whose interval excludes zero.")
    return [*said, *_without(leading)]


def _without(leading: list[Pair]) -> list[str]:
    """Which violations have no coefficient, by the reason."""
    of: dict[str, list[str]] = {}
    for pair in leading:
        if pair.correlation.reason:
            of.setdefault(pair.correlation.reason, []).append(pair.violation.label)
    if len(of) == 1 and all(pair.correlation.reason for pair in leading):
        return [f"No coefficient: {reason}." for reason in of]
    return [f"No coefficient for {', '.join(labels)}: {reason}." for reason, labels in of.items()]


def _settled(found: Coefficient | None) -> bool:
    """Whether the interval excludes zero."""
    return found is not None and found.low is not None and found.high is not None and found.low * found.high > 0


def _told(found: Coefficient | None) -> str:
    return NOTHING if found is None else f"{figure(found.value, 2)} {interval(found.low, found.high, 2)}".rstrip()


def _table(of_task: TaskCorrelations, leading: list[Pair]) -> Table | None:
    if not any(pair.correlation.spearman for pair in leading):
        return None
    label = of_task.task.metrics[0].label
    return Table(
        label=f"Violations and {label}",
        columns=(
            "Violation",
            "entries",
            "checkpoints",
            f"ρ with {label}",
            f"τ with {label}",
            "smallest",
            "largest",
            "violated by",
        ),
        rows=[
            (
                _named(pair.violation),
                str(pair.correlation.n),
                str(pair.correlation.checkpoints),
                _told(pair.correlation.spearman),
                _told(pair.correlation.kendall),
                short(min((dot.measured for dot in pair.dots), default=None)),
                short(max((dot.measured for dot in pair.dots), default=None)),
                str(sum(dot.violation > 0 for dot in pair.dots)),
            )
            for pair in leading
        ],
    )


def _named(metric: Metric) -> str:
    return f"{metric.label}, {metric.unit}" if metric.unit else metric.label


def _picture(of_task: TaskCorrelations, pair: Pair) -> Picture:
    found = pair.correlation.spearman
    note = f"ρ {_told(found)}, n = {pair.correlation.n}" if found else f"n = {pair.correlation.n}"
    told = "; ".join(f"{dot.entry} {short(dot.measured)}, {short(dot.figure)}" for dot in pair.dots)
    return Picture(
        key=f"{of_task.task.name}/{pair.violation.name}",
        title=f"{_named(pair.violation)}: {note}",
        spec=_spec(pair),
        alt=f"{pair.metric.label} against {pair.violation.label}, {note}: {told}.",
    )


def _spec(pair: Pair) -> Spec:
    import altair as alt

    positive = [dot.violation for dot in pair.dots if dot.violation > 0]
    floor = min(positive, default=1.0) / 3
    across = [max(dot.violation, floor) for dot in pair.dots]
    rows = [
        {"entry": dot.entry, "x": x, "y": dot.figure, "shown": short(dot.measured)}
        for dot, x in zip(pair.dots, across, strict=True)
    ]
    x = alt.X("x:Q").title(None).scale(type="log", nice=False, padding=8)
    x = x.axis(log_axis(across, grid=False))
    y = y_axis("y:Q", ticks=4, zero=False, padding=8)
    told = tooltips(entry=("entry", "N"), shown=(pair.violation.label, "N"), y=(pair.metric.label, "Q", ".3~g"))
    dots = alt.Chart(alt.Data(values=rows)).mark_circle(size=70, opacity=0.8).encode(x, y, tooltip=told)
    return finish(dots, 190)
