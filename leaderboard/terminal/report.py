"""Report in a terminal: the claims with their grades, the scores and the costs of one entry."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leaderboard import formatting
from leaderboard.analysis.constraint_grades import ConstraintCard
from leaderboard.site.entry_section import Section
from leaderboard.site.report import Report
from leaderboard.views.base import Check
from leaderboard.views.grades import UNTESTED
from zoo.console import plain

_STATUS = {"confirmed": "green", "refuted": "red", "untested": "dim"}
MOST_SCORES = 6
"""Of a task; the page has all of them."""


def show(report: Report, console: Console) -> None:
    """Print what fits; everything else stands on the page."""
    console.print(Text.assemble((f"\n{plain(report.card.title)}", "bold"), f"  {report.name}"))
    for each in report.constraints:
        console.print(_constraints(each))
        if each.reason:
            console.print(Text(f"Untested: {plain(each.reason)}.", style="yellow"))
    for section in report.sections:
        console.print(_scores(section))
    if report.untested:
        console.print(Text(f"No result of: {', '.join(report.untested)}.", style="dim"))
    console.print(
        Text(
            "Grades: A within the rounding of single precision, each further letter ten times more. Brackets: 95 % "
            f"intervals over samples. 'mlip-zoo report {report.name} --html' has every figure, picture and number of "
            "the protocols.",
            style="dim",
        )
    )


def _constraints(each: ConstraintCard) -> Table:
    title = f"{each.task.title}{f', {each.measured}' if each.measured else ''}"
    table = _table(title, "claim, figure", "grade", "worst", "threshold", "unit", "at")
    for judgement in each.judgements:
        head = Text.assemble(f"{judgement.claim}: ", (judgement.verdict, _STATUS.get(judgement.verdict, "")))
        if judgement.false_label:
            head.append(" false label", style="red")
        if judgement.decided_by:
            head.append(f" by {judgement.decided_by}", style="dim")
        table.add_row(head, "", "", "", "", "")
        for check in judgement.checks:
            table.add_row(*_cells(check))
    if each.ungraded:
        table.add_row(Text("Other figures"), "", "", "", "", "")
        for check in each.ungraded:
            table.add_row(*_cells(check))
    return table


def _cells(check: Check) -> tuple[Text, ...]:
    grade = check.grade or formatting.NOTHING
    return (
        Text(f"  {check.label}", style="dim"),
        Text(grade, style="dim" if grade in (UNTESTED, formatting.NOTHING) else "bold"),
        Text(formatting.short(check.value)),
        Text(formatting.short(check.threshold)),
        Text(plain(check.unit)),
        Text(plain(check.sample or ""), style="dim"),
    )


def _scores(section: Section) -> Table:
    run, cost = section.place.entry.result.run, section.place.entry.result.run.cost
    title = f"{section.board.task.title}, {section.board.subset} subset, {run.counts.ok} of {run.counts.total} samples"
    if section.place.entry.stale:
        title += f", made with another {' and '.join(section.place.entry.stale)} than today's"
    if section.place.entry.result.run.pinned_by == "user":
        title += "; its checkpoint is pinned by the user"
    table = _table(title, "metric", "value", "95 % interval", "unit", "missing", "unsupported")
    for metric in section.board.task.metrics[:MOST_SCORES]:
        score = section.place.score(metric)
        places = formatting.decimals([score.value])
        table.add_row(
            Text(metric.label),
            Text(formatting.figure(score.value, places)),
            Text(formatting.interval(score.low, score.high, places), style="dim"),
            Text(metric.unit),
            Text(str(score.n_missing or "")),
            Text(str(score.n_unsupported or "")),
        )
    table.add_row(
        Text("cost", style="dim"),
        Text(formatting.microseconds(cost.microseconds_per_atom)),
        Text(f"{formatting.duration(cost.seconds)}, {cost.force_calls} calls", style="dim"),
        Text("µs/atom"),
        Text(""),
        Text(""),
    )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim", title=Text(plain(title)))
    table.title_style, table.title_justify = "bold", "left"
    for i, column in enumerate(columns):  # where it is narrow, claims take two lines and every number stays
        table.add_column(column, justify="right" if i in (1, 2) and column != "unit" else "left", no_wrap=i > 0)
    return table
