"""Violations against errors: which entries are compared, by what, and that few entries give no coefficient."""

from __future__ import annotations

import copy
import csv
import io
import json
from dataclasses import replace

import pytest

from evaluation.subset import Subset
from leaderboard.analysis import violation_error
from leaderboard.articles.correlation_page import article
from leaderboard.articles.evidence import Evidence
from leaderboard.ranking.collect import Entry
from tests.leaderboard.entries import entry

SIZES = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0]


def models(n: int, *, subset: Subset = "fast") -> list[Entry]:
    """As many checkpoints, each breaking λ by ten times more, and each a little worse in Δ and in `success`."""
    found = []
    for i, size in enumerate(SIZES[:n]):
        found.append(entry("constraints", f"toy-{i}", {"lambda": size, "rotation_force": 0.0}))
        found.append(entry("eos", f"toy-{i}", {"delta": 1.0 + i, "success": 1.0 - i / 10}, subset=subset))
    return found


def test_more_violation_with_more_error_is_one() -> None:
    (found,) = violation_error.task_correlations(models(7))
    assert (found.task.name, found.n, found.left_out) == ("eos", 7, ())
    pairs = {(pair.violation.name, pair.metric.name): pair.correlation for pair in found.pairs}
    delta, success = pairs["lambda", "delta"], pairs["lambda", "success"]
    assert delta.spearman
    assert success.spearman
    assert delta.spearman.value == 1.0
    assert success.spearman.value == 1.0  # success is better when higher, and falls
    same = pairs["rotation_force", "delta"]
    assert (same.spearman, same.reason) == (None, "all entries are within rounding error")
    assert pairs["rotation_energy", "delta"].n == 0


def test_what_rounding_explains_puts_nobody_in_order() -> None:
    """Seven exact models whose rotation errors are the size of their rounding, and by chance in the order of Δ."""
    made = []
    for i in range(7):
        values = {
            "rotation_force": 1e-3 * (1 + i),
            "rotation_energy": 0.0,
            "rotation_stress": 0.0,
            "rotation_ratio": 1e-6,
        }
        made += [entry("constraints", f"toy-{i}", values), entry("eos", f"toy-{i}", {"delta": 1.0 + i})]
    (found,) = violation_error.task_correlations(made)
    (pair,) = [each for each in found.pairs if (each.violation.name, each.metric.name) == ("rotation_force", "delta")]
    assert pair.correlation.reason == "all entries are within rounding error"
    assert [dot.violation for dot in pair.dots] == [0.0] * 7
    assert pair.dots[6].measured == 7e-3
    made[0] = entry("constraints", "toy-0", {"rotation_force": 30.0})
    (found,) = violation_error.task_correlations(made)
    (pair,) = [each for each in found.pairs if (each.violation.name, each.metric.name) == ("rotation_force", "delta")]
    assert {dot.violation for dot in pair.dots} == {0.0, 30.0}
    assert pair.correlation.spearman is None
    assert pair.correlation.reason == (
        "toy-0 alone is beyond rounding error; a correlation takes 3 checkpoints that do"
    )


def test_only_tasks_with_a_reference_are_properties() -> None:
    others = [entry("diatomics", f"toy-{i}", {"tortuosity": 1.0 + i}) for i in range(7)]
    assert [found.task.name for found in violation_error.task_correlations([*models(7), *others])] == [
        "diatomics",
        "eos",
    ]
    alone = copy.copy(others[0].task)
    alone.reference_theory = None
    without = [replace(each, task=alone) for each in others]
    assert [found.task.name for found in violation_error.task_correlations([*models(7), *without])] == ["eos"]


def test_stale_results_and_other_theories_have_no_part() -> None:
    made = models(7)
    stale = [*made[:-1], entry("eos", "toy-6", {"delta": 9.0}, stale=("protocol",))]
    (found,) = violation_error.task_correlations(stale)
    assert found.n == 6
    toy = entry("eos", "toy-6", {"delta": 9.0})
    other = replace(toy, card=toy.card.model_copy(update={"training_sets": ("mp-r2scan",)}))
    (found,) = violation_error.task_correlations([*made[:-1], other])
    assert (found.n, found.left_out) == (6, ("toy-6@conservative",))


def test_subsets_are_never_mixed() -> None:
    (found,) = violation_error.task_correlations([*models(7), *models(3, subset="full")])
    assert (found.subset, found.n) == ("fast", 7)


def test_below_the_minimum_the_page_says_n_and_no_coefficient() -> None:
    page = article(Evidence(tuple(models(3))))
    (part,) = page.parts
    said = " ".join(part.sentences)
    assert "3 entries of 3 checkpoints" in said
    assert "3 entries have both figures; a correlation takes 6" in said
    assert "ρ" not in said
    assert part.table is None
    assert [picture.key for picture in part.pictures] == ["eos/lambda"]
    assert len(json.loads(page.downloads["correlation.json"])[0]["dots"]) == 3


def test_the_page_says_what_is_settled_and_draws_every_entry() -> None:
    made = models(7)
    made[0] = entry("constraints", "toy-0", {"lambda": SIZES[0], "rotation_force": 30.0})
    page = article(Evidence(tuple(made)))
    (part,) = page.parts
    assert any(
        "1 correlates with Δ, median: λ, smallest, ρ 1.00 [1.00, 1.00]." in sentence for sentence in part.sentences
    )
    drawn = {picture.key: picture.spec for picture in part.pictures}
    assert set(drawn) == {"eos/lambda", "eos/rotation_force"}
    values = drawn["eos/lambda"]["data"]["values"]  # type: ignore[index]
    assert [(row["x"], row["y"]) for row in values] == [(size, 1.0 + i) for i, size in enumerate(SIZES)]
    # zero has no place on a logarithmic axis
    assert all(row["x"] > 0 for row in drawn["eos/rotation_force"]["data"]["values"])  # type: ignore[index]


def test_the_downloads_hold_every_pair() -> None:
    page = article(Evidence(tuple(models(7))))
    rows = list(csv.DictReader(io.StringIO(page.downloads["correlation.csv"])))
    found = json.loads(page.downloads["correlation.json"])
    assert len(rows) == len(found) == 16 * 6
    by_pair = {(pair["violation"], pair["metric"]): (pair, row) for pair, row in zip(found, rows, strict=True)}
    pair, row = by_pair["lambda", "delta"]
    assert (pair["spearman"], row["spearman_low"]) == (1.0, "1.0")
    assert by_pair["rotation_force", "delta"][0]["spearman"] is None


def test_without_constraints_there_is_a_command() -> None:
    made = [each for each in models(7) if each.task.name == "eos"]
    (part,) = article(Evidence(tuple(made))).parts
    assert part.command == "mlip-zoo evaluate NAME --task constraints"


def test_errors_at_a_few_of_the_samples_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violation_error, "MIN_COVERAGE", 1.5)  # of one sample, of which all have a number
    (found,) = violation_error.task_correlations(models(7))
    assert found.n == 0
