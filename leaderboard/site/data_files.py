"""Data files: the tables of the site as CSV, JSON and Parquet, and all headline figures as one file.

Their addresses and columns stay; `site/templates/data.html.j2` describes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.ranking import export
from leaderboard.ranking.board import Board
from leaderboard.ranking.export import Cell
from leaderboard.ranking.overview import Row
from leaderboard.site.front import Front
from leaderboard.site.manifest import Made
from zoo.files import json_text

FRONT_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("entry", "text", "CARD@MODE"),
    ("card", "text", "Name of the model card"),
    ("title", "text", "The card's title"),
    ("mode", "text", "Force head, level of theory, averaging, floating-point type, runtime; defaults are left out"),
    ("theory", "text", "Level of theory of the mode's numbers"),
    ("parameters", "integer", "Number of learned parameters"),
    ("demonstration", "boolean", "There to show something and not to be used, as its card says; not ranked"),
    ("relative_cost", "number", "Time of one answer over that of the reference model in the same run (task speed)"),
    ("relative_cost_low, relative_cost_high", "number", "Its 95 % interval"),
    ("microseconds_per_atom", "number", "The same as µs per atom, on that machine"),
    ("machine", "text", "Processor and threads that the cost was measured on"),
    ("safe_for_phonons", "text", "yes, no or not measured, by the rule of that page"),
    ("TASK", "number", "Score of the task's ranking metric, one column per task of the front page"),
    ("TASK_low, TASK_high", "number", "Its 95 % interval"),
    ("TASK_n", "integer", "Samples behind it"),
    ("TASK_rank", "integer", "Place on the task's board"),
    (
        "TASK_state",
        "text",
        "ranked; or why not: few entries, few samples, theory, demonstration, mode, stale, subset, missing",
    ),
    ("CLAIM_grade", "text", "rotation, inversion, conservative: A to F, or untested"),
    ("CLAIM_ratio", "number", "Largest violation of the claim over its threshold"),
)
"""Name, type, meaning; in the order of the row."""


def data_files(front: Front, boards: Sequence[Board]) -> Made:
    """Path → content."""
    rows = [_front_row(front, row) for row in front.table.rows]
    columns = [
        {"task": column.name, "subset": column.board.subset, "metric": column.metric.model_dump(mode="json")}
        for column in front.table.columns
    ]
    files: dict[str, str | bytes] = {
        "data/board.csv": export.to_csv(boards),
        "data/board.json": export.to_json(boards),
        "data/board.parquet": export.parquet_of(export.flat(boards)),
        "data/front.csv": export.csv_of(rows),
        "data/front.json": json_text({"columns": columns, "rows": rows}),
        "data/front.parquet": export.parquet_of(rows),
        "data/results.json": json_text(headlines(boards)),
    }
    for board in boards:
        path, mine = f"data/boards/{board.task.name}-{board.subset}", export.flat([board])
        files |= {
            f"{path}.csv": export.csv_of(mine),
            f"{path}.json": export.to_json([board]),
            f"{path}.parquet": export.parquet_of(mine),
        }
    return files


def headlines(boards: Sequence[Board]) -> list[dict[str, Cell]]:
    """The ranking metric of every entry on every board: what a badge or a table elsewhere needs."""
    return [
        {
            "entry": place.entry.name,
            "task": board.task.name,
            "subset": board.subset,
            "metric": board.metric.name,
            "unit": board.metric.unit,
            "better": board.metric.better,
            "value": (score := place.score(board.metric)).value,
            "low": score.low,
            "high": score.high,
            "n": score.n,
            "rank": place.rank.place if place.rank else None,
            "ranked": part.ranked,
            "unranked": place.unranked,
            "protocol_version": place.entry.result.run.protocol_version,
            "finished": place.entry.result.run.finished,
        }
        for board in boards
        for part in board.by_theory
        for place in part.places
    ]


def _front_row(front: Front, row: Row) -> dict[str, Cell]:
    facts, cost = front.facts[row.name], row.cost
    told: dict[str, Cell] = {
        "entry": row.name,
        "card": row.card.name,
        "title": row.card.title,
        "mode": str(row.mode),
        "theory": row.theory,
        "parameters": row.card.parameters,
        "demonstration": row.demonstration,
        "relative_cost": cost.value if cost else None,
        "relative_cost_low": cost.low if cost else None,
        "relative_cost_high": cost.high if cost else None,
        "microseconds_per_atom": cost.microseconds if cost else None,
        "machine": cost.machine if cost else None,
        "safe_for_phonons": facts.safety.verdict,
    }
    for column, cell in zip(front.table.columns, row.cells, strict=True):
        score = cell.score
        told |= {
            column.name: cell.value,
            f"{column.name}_low": score.low if score else None,
            f"{column.name}_high": score.high if score else None,
            f"{column.name}_n": score.n if score else None,
            f"{column.name}_rank": cell.rank.place if cell.rank else None,
            f"{column.name}_state": cell.state,
        }
    for name, judgement in facts.judgements.items():
        worst = judgement.worst
        told |= {
            f"{name}_grade": (worst.grade if worst else None) or "untested",
            f"{name}_ratio": worst.normalised if worst else None,
        }
    return told
