"""What constraints are worth: over all entries, a violation against a property's error, and how they go together."""

from __future__ import annotations

from evaluation.metric import Metric
from evaluation.metrics.constraints import DETECTORS
from leaderboard.analysis import violation_error as links
from leaderboard.analysis.rank_correlation import FEWEST_CHECKPOINTS, FEWEST_ENTRIES, Coefficient
from leaderboard.analysis.violation_error import VIOLATIONS, Link, Pair
from leaderboard.articles.article import Essay, Part, Picture, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.board_plots import axis_title
from leaderboard.charts.log_axis import log_axis
from leaderboard.formatting import NOTHING, figure, interval, short
from leaderboard.views.base import Spec


def essay(evidence: Evidence) -> Essay:
    """The page: a part for each property task, whether or not there is enough to say anything."""
    found = links.links(evidence.entries)
    return Essay(
        name="worth",
        title="What constraints are worth",
        lede="Does a model that breaks a constraint by more get properties wrong by more? Each dot is an entry: a "
        "checkpoint in a mode, with its violation as the constraints task measures it, and its error on another task.",
        parts=[_part(each) for each in found] or [_nothing()],
        notes=(
            "ρ is Spearman's rank correlation, τ Kendall's: +1 where more violation always comes with more error, 0 "
            "where the two have nothing to do with each other. Brackets are 95 % bootstrap intervals over entries; "
            "those of one checkpoint are drawn together, because they share their weights.",
            "An entry that keeps a constraint, within what rounding does in its arithmetic, breaks it by nothing: what "
            "is left is the size of the rounding, and would put models in an order that means nothing.",
            f"There is no coefficient below {FEWEST_ENTRIES} entries or {FEWEST_CHECKPOINTS} checkpoints, nor where "
            f"fewer than {links.FEWEST_BREAKING} checkpoints break the constraint. An interval that leaves out zero is "
            "no proof where many were looked at: of twenty, one does so by chance.",
            "A correlation over models is no cause: models that keep constraints also differ in size, training data "
            "and age. What a violation alone does is on the page of the tolerance curves, where everything else stays.",
            "Entries of another level of theory than the reference's are left out: their error is the theory's too.",
        ),
        downloads={"worth.json": links.to_json(found), "worth.csv": links.to_csv(found)},
    )


def _nothing() -> Part:
    return Part(
        title="No entry has both",
        sentences=("No entry has results of both the constraints and a task with a reference.",),
        command=f"mlip-zoo evaluate NAME --task {VIOLATIONS}",
    )


def _part(link: Link) -> Part:
    leading = [pair for pair in link.pairs if pair.metric is link.task.metrics[0]]
    drawn = [pair for pair in leading if pair.violation.name in _drawn(link) and _shows(pair)]
    return Part(
        title=link.task.title,
        sentences=_sentences(link, leading),
        pictures=[_picture(link, pair) for pair in drawn],
        caption=f"{axis_title(link.task.metrics[0])}, against the violation, logarithmic. What rounding explains is "
        "drawn at the left edge."
        if drawn
        else "",
        table=_table(link, leading),
        command=None if link.n > 1 else f"mlip-zoo evaluate NAME --task {VIOLATIONS}",
    )


def _shows(pair: Pair) -> bool:
    """Whether there is anything to see: two entries, and a violation."""
    return len(pair.dots) > 1 and any(dot.violation > 0 for dot in pair.dots)


def _drawn(link: Link) -> set[str]:
    """The violation that ranks, and the first that decides each claim."""
    return {link.pairs[0].violation.name, *(names[0] for names in DETECTORS.values())} if link.pairs else set()


def _sentences(link: Link, leading: list[Pair]) -> list[str]:
    cards = {dot.card for pair in link.pairs for dot in pair.dots}
    said = [
        f"{link.n} {'entry' if link.n == 1 else 'entries'} of {len(cards)} "
        f"{'checkpoint' if len(cards) == 1 else 'checkpoints'} ran the {link.subset} subset of this task and the "
        f"{link.constraints_subset} subset of the constraints."
    ]
    if link.left_out:
        said.append(f"Left out, of another level of theory: {', '.join(link.left_out)}.")
    known = [pair for pair in leading if pair.correlation.spearman]
    if not known:
        reasons = dict.fromkeys(pair.correlation.reason for pair in leading if pair.correlation.reason)
        return [*said, f"No correlation is given: {'; '.join(map(str, reasons))}."] if reasons else said
    settled = [pair for pair in known if _settled(pair.correlation.spearman)]
    label = link.task.metrics[0].label
    if settled:
        told = "; ".join(f"{pair.violation.label}, ρ {_told(pair.correlation.spearman)}" for pair in settled)
        said.append(f"Of {len(known)} violations, {len(settled)} {_go(len(settled))} with {label}: {told}.")
    else:
        said.append(f"Of {len(known)} violations, none goes with {label} in a way that these entries settle.")
    return [*said, *_without(leading)]


def _without(leading: list[Pair]) -> list[str]:
    """Which violations have no coefficient, by the reason."""
    of: dict[str, list[str]] = {}
    for pair in leading:
        if pair.correlation.reason:
            of.setdefault(pair.correlation.reason, []).append(pair.violation.label)
    return [f"No coefficient for {', '.join(labels)}: {reason}." for reason, labels in of.items()]


def _go(n: int) -> str:
    return "goes" if n == 1 else "go"


def _settled(found: Coefficient | None) -> bool:
    """Whether the interval leaves out zero."""
    return found is not None and found.low is not None and found.high is not None and found.low * found.high > 0


def _told(found: Coefficient | None) -> str:
    return NOTHING if found is None else f"{figure(found.value, 2)} {interval(found.low, found.high, 2)}".rstrip()


def _table(link: Link, leading: list[Pair]) -> Table | None:
    if not any(pair.correlation.spearman for pair in leading):
        return None
    label = link.task.metrics[0].label
    return Table(
        label=f"Violations and {label}",
        columns=(
            "Violation",
            "entries",
            "checkpoints",
            f"ρ with {label}",
            f"τ with {label}",
            "measured, from",
            "to",
            "broken by",
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


def _picture(link: Link, pair: Pair) -> Picture:
    found = pair.correlation.spearman
    note = f"ρ {_told(found)}, n = {pair.correlation.n}" if found else f"n = {pair.correlation.n}"
    told = "; ".join(f"{dot.entry} {short(dot.measured)}, {short(dot.figure)}" for dot in pair.dots)
    return Picture(
        key=f"{link.task.name}/{pair.violation.name}",
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
    y = alt.Y("y:Q").title(None).scale(zero=False, padding=8).axis(tickCount=4)
    tooltip = [
        alt.Tooltip("entry:N", title="entry"),
        alt.Tooltip("shown:N", title=pair.violation.label),
        alt.Tooltip("y:Q", title=pair.metric.label, format=".3~g"),
    ]
    dots = alt.Chart(alt.Data(values=rows)).mark_circle(size=70, opacity=0.8).encode(x, y, tooltip=tooltip)
    spec: Spec = dots.properties(width="container", height=190).to_dict()
    return spec
