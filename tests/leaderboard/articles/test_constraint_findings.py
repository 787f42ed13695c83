"""Findings about constraints: what cards claim, descents, symmetry, turned crystals, remedies, and tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import vl_convert

from evaluation.record import Record
from evaluation.tasks.constraints import TASK as CONSTRAINTS
from evaluation.tasks.ladder import TASK as LADDER
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings import FINDINGS
from leaderboard.articles.findings.constraints import constraint_findings
from leaderboard.articles.findings.descent import descent_findings
from leaderboard.articles.findings.mitigation import mitigation_findings
from leaderboard.articles.findings.orientation import orientation_findings
from leaderboard.articles.findings.symmetry import symmetry_findings
from leaderboard.articles.findings.tolerance import tolerance_findings
from leaderboard.charts.spec import Picture
from leaderboard.ranking.collect import Entry
from tests.leaderboard.curves import curves
from tests.leaderboard.entries import entry
from zoo.cards.mode import Mode

DIRECT, DOUBLE = Mode(forces="direct"), Mode(dtype="float64")


def drawn(picture: Picture) -> str:
    """The picture's SVG; a specification that cannot be drawn raises."""
    spec: dict[str, Any] = {**picture.spec, "width": 400}
    return vl_convert.vegalite_to_svg(spec)


def only(found: list[Part]) -> Part:
    (part,) = found
    assert all(drawn(picture) for picture in part.pictures)
    assert part.pictures
    return part


def measured(card: str, size: float, *, mode: Mode | None = None, rotation: str = "exact", turn: float = 0.0) -> Entry:
    """An entry whose λ and gradient error are `size`, and whose forces are off by `turn` meV/Å where it is rotated."""
    values: dict[str, float | None] = dict.fromkeys((metric.name for metric in CONSTRAINTS.metrics), 0.0)
    values |= {"lambda": size, "gradient_ratio": size, "stress_ratio": 0.0, "rotation_force": turn}
    made = entry("constraints", card, values, rows=[{"sample": "Si", "status": "ok", **values}], mode=mode)
    return replace(made, card=made.card.model_copy(update={"rotation": rotation}))


def test_claims_are_counted_and_a_false_one_is_named() -> None:
    part = only(
        constraint_findings(
            Evidence(
                (
                    measured("sound", 1e-9, mode=DOUBLE),
                    measured("sound", 1e-4),
                    measured("scaled", 0.02),
                    measured("learned", 1e-5, rotation="learned", turn=15.0),
                    measured("learned", 0.25, mode=DIRECT, rotation="learned", turn=27.0),
                )
            )
        )
    )
    text = " ".join(part.sentences)
    assert "5 entries of 3 checkpoints" in text
    assert (
        "4 claim conservative forces (the gradient of the energy): 3 are confirmed, refuted is scaled@conservative."
        in text
    )
    assert "at most 1e−9 in double precision and at most 0.02 in single precision" in text
    assert "of direct heads it is 0.25 or more" in text
    assert "3 claim exact rotational equivariance: 3 are confirmed." in text
    assert "from 15 meV/Å with learned@conservative to 27 meV/Å with learned@direct, over 2 entries" in text
    assert "Where rotation was learned from data" in text
    assert "inversion was learned" not in text
    lambdas, turns = part.pictures
    assert lambdas.alt.startswith("force-constant asymmetry λ: sound@conservative+float64 1e−9")
    assert {row["entry"] for row in turns.spec["data"]["values"]} == {"learned@conservative", "learned@direct"}  # type: ignore[index]


def test_a_jump_at_the_cutoff_is_told_beside_a_gradient_that_is_none() -> None:
    made = measured("jumping", 0.02)
    jumping = replace(made, card=made.card.model_copy(update={"cutoff_crossing": "jumps"}))
    text = " ".join(only(constraint_findings(Evidence((jumping,)))).sentences)
    assert "refuted is jumping@conservative (by its card the energy jumps at the cutoff)." in text


def test_descents_are_counted_by_optimiser() -> None:
    def row(sample: str, *, fire: bool, cycle: bool, uphill: float, excess: float | None) -> dict[str, object]:
        return {
            "sample": sample,
            "status": "ok",
            "uphill": uphill,
            "excess_energy": excess,
            "gradient_gap": excess,
            "converged_fire": fire,
            "converged_lbfgs": False,
            "limit_cycle_fire": cycle,
            "limit_cycle_lbfgs": False,
        }

    rows: list[Mapping[str, object]] = [
        row("a", fire=True, cycle=False, uphill=100.0, excess=30.0),
        row("b", fire=False, cycle=True, uphill=300.0, excess=None),
        {"sample": "c", "status": "unsupported", "uphill": None},
    ]
    part = only(descent_findings(Evidence((entry("descent", "toy", rows=rows, mode=DIRECT),))))
    assert part.sentences[1] == (
        "toy@direct: 1 of 4 descents converge, 1 ends in a limit cycle, 200 meV/atom uphill energy (median). Where it "
        "stopped, its forces differ from the gradient of its own energy by 30 meV/Å (root mean square), and relaxing "
        "by that gradient takes 30 meV/atom off (one crystal)."
    )


def test_what_keeps_its_group_is_counted_over_what_was_tried() -> None:
    rows = [
        {"sample": f"s{i}", "status": "ok", "kept_free_1e-02": i < 3, "symmetry_tax_free": float(i + 1)}
        for i in range(4)
    ]
    rows.append({"sample": "x", "status": "unsupported", "kept_free_1e-02": None, "symmetry_tax_free": None})
    part = only(symmetry_findings(Evidence((entry("symmetry", "toy", rows=rows),))))
    assert part.sentences[1] == "toy@conservative: 3 of 4; the displacement-count ratio is 2.5 (mean of 4)."


def test_rotated_crystals_from_the_least_to_the_most() -> None:
    entries = [entry("orientation", f"m{i}", {"frequency_spread": 10.0**-i}) for i in range(5)]
    part = only(orientation_findings(Evidence(tuple(entries))))
    (sentence,) = part.sentences
    told = [f"m{i}@conservative" for i in (4, 0)]
    assert [sentence.index(name) for name in told] == sorted(sentence.index(name) for name in told)
    assert "m2@conservative" not in sentence
    assert sentence.endswith(", over 5 entries.")
    assert "m2@conservative" in part.pictures[0].alt


def test_mitigation_steps_come_with_their_cost() -> None:
    # a canary: its row needs no reference spectrum, so no dataset
    (empty,) = LADDER.table([Record(sample=next(iter(LADDER.protocol.canary)), status="failed", error="it broke")])
    row = empty | {"status": "ok", "error": None, "has_reference": True}
    for step, cost, error in (("symmetric_raw", 1.0, 0.9), ("usual", 2.0, 0.5), ("o3_3", 84.0, 0.45)):
        figures = {"cost": cost, "frequency_mae": error, "own_mae": error, "stable": True, "seconds": cost / 100}
        row |= {f"{step}_{name}": figure for name, figure in figures.items()}
    part = only(mitigation_findings(Evidence((entry("ladder", "toy", rows=[row], mode=DIRECT),))))
    steps, averaged = part.sentences
    assert "usual 0.5 THz for 2 force calls; " in steps
    assert averaged.endswith("takes the usual workflow from 0.5 to 0.45 THz at 42 times the cost.")


def test_tolerance_is_told_by_perturbation() -> None:
    (part,) = tolerance_findings(Evidence((), curves=(curves(),)))
    assert any(sentence.startswith("White noise: imaginary modes in 1 of 3 at 1 meV/Å") for sentence in part.sentences)
    assert len(part.pictures) == len(part.sentences) == 2


@pytest.mark.parametrize("finding", FINDINGS)
def test_nothing_comes_of_nothing(finding: Any) -> None:
    assert finding(Evidence(())) == []
