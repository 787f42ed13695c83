"""Findings: sentences whose numbers are the results', and nothing where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair
import pytest

from evaluation.protocol import protocol_sha256
from evaluation.studies.calibration_data import Calibration, Reading
from evaluation.task import load
from leaderboard.articles.calibration_page import article as calibration
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings import FINDINGS
from leaderboard.articles.findings.calibration import calibration_findings
from leaderboard.articles.findings.eos import eos_findings
from leaderboard.articles.findings.frame_averaging import frame_averaging_findings
from leaderboard.articles.findings.phonons import phonon_findings
from leaderboard.articles.findings.relaxation import relaxation_findings
from leaderboard.articles.findings_page import article
from leaderboard.ranking.collect import Collection
from tests.leaderboard.entries import entry
from zoo.cards.mode import Mode

DIRECT, AVERAGED = Mode(forces="direct"), Mode(averaging="o3-3")


def relaxations(converged: int, *, of: int, uphill: float = 0.0, **other: Any) -> list[Mapping[str, object]]:
    return [
        {
            "sample": f"s{i}",
            "status": "ok",
            "converged": i < converged,
            "limit_cycle": i >= converged,
            "uphill": uphill,
            **other,
        }
        for i in range(of)
    ]


def test_without_results_there_is_no_finding() -> None:
    assert [part for finding in FINDINGS for part in finding(Evidence(()))] == []
    (part,) = article(Evidence(())).parts
    assert part.command


def test_two_heads_relax_the_same_crystals() -> None:
    # the gradient ran twelve, the direct head two of the twelve less; one it does not do
    direct = [*relaxations(3, of=9, uphill=1828.6), {"sample": "s9", "status": "unsupported"}]
    evidence = Evidence(
        (
            entry("relaxation", "toy", rows=relaxations(12, of=12, uphill=0.1)),
            entry("relaxation", "toy", rows=direct, mode=DIRECT, subset="full"),
        )
    )
    (part,) = relaxation_findings(evidence)
    assert (
        "Of 9 relaxations by both, 9 converge with conservative forces and 3 with direct forces." in part.sentences[0]
    )
    assert "uphill energy is 1\N{NO-BREAK SPACE}800 meV/atom with direct forces" in part.sentences[1]
    (picture,) = part.pictures
    altair.Chart.from_dict(picture.spec)
    values: Sequence[Mapping[str, Any]] = picture.spec["data"]["values"]  # type: ignore[index]
    assert [row["shown"] for row in values[:2]] == ["9 of 9", "3 of 9"]


def test_one_head_alone_is_no_comparison() -> None:
    assert relaxation_findings(Evidence((entry("relaxation", "toy", rows=relaxations(3, of=9), mode=DIRECT),))) == []
    other = entry("relaxation", "another", rows=relaxations(3, of=9))
    assert (
        relaxation_findings(Evidence((entry("relaxation", "toy", rows=relaxations(3, of=9), mode=DIRECT), other))) == []
    )


def test_stale_results_are_no_evidence() -> None:
    stale = entry("relaxation", "toy", rows=relaxations(9, of=9), stale=("dataset",))
    assert (
        relaxation_findings(Evidence((stale, entry("relaxation", "toy", rows=relaxations(3, of=9), mode=DIRECT)))) == []
    )


def test_phonons_by_two_heads() -> None:
    def rows(imaginary: int, asymmetry: float) -> list[Mapping[str, object]]:
        return [
            {"sample": f"s{i}", "status": "ok", "stable_pred": i >= imaginary, "fc_asymmetry": asymmetry}
            for i in range(5)
        ]

    (part,) = phonon_findings(
        Evidence((entry("phonons", "toy", rows=rows(1, 5e-4)), entry("phonons", "toy", rows=rows(4, 0.8), mode=DIRECT)))
    )
    assert (
        "Of 5 crystals that both heads complete, 4 have an imaginary mode with direct forces and 1 "
        in part.sentences[0]
    )
    assert "force-constant asymmetry is 0.8 with direct forces and 0.0005 with conservative forces" in part.sentences[1]


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ([0.4, 0.5, 0.3, 0.4], "an improvement"),
        ([1.6, 1.5, 1.7, 1.6], "a deterioration"),
        ([0.4, 1.6, 0.4, 1.7], "a difference that is not significant on these samples"),
    ],
)
def test_accuracy_gain_of_averaging_is_compared_on_common_samples(after: list[float], verdict: str) -> None:
    alone = [{"sample": f"s{i}", "volume_error_perturbed": value} for i, value in enumerate([1.0, 1.1, 0.9, 1.0, 77.0])]
    averaged = [{"sample": f"s{i}", "volume_error_perturbed": value} for i, value in enumerate(after)]
    (part,) = frame_averaging_findings(
        Evidence(
            (
                entry("relaxation", "toy", rows=alone),
                entry("relaxation", "toy", rows=averaged, mode=AVERAGED),
                entry("speed", "toy", {"relative_cost": 0.5}),
                entry("speed", "toy", {"relative_cost": 21.0}, mode=AVERAGED),
            )
        )
    )
    (sentence,) = part.sentences
    assert "|volume error|, perturbed start, mean changes from 1 to " in sentence
    assert sentence.endswith(f"on 4 samples, {verdict}, at 42 times the cost.")


def test_of_constraints_the_rotation_error_is_told() -> None:
    alone = [{"sample": "Si", "status": "ok", "lambda": 0.2, "rotation_force": 30.0}]
    averaged = [{"sample": "Si", "status": "ok", "lambda": 0.1, "rotation_force": 2.0}]
    (part,) = frame_averaging_findings(
        Evidence(
            (entry("constraints", "toy", rows=alone), entry("constraints", "toy", rows=averaged, mode=AVERAGED)),
        )
    )
    assert "rotation error of forces, mean changes from 30 to 2 meV/Å on 1 sample," in part.sentences[0]


def test_equations_of_state(collection: Collection) -> None:
    timed = [
        entry("speed", name, {"relative_cost": value}) for name, value in (("sevennet-0", 6.0), ("chgnet-0.3.0", 2.0))
    ]
    (part,) = eos_findings(Evidence((*collection.entries, *timed)))
    assert "The first costs 3 times as much as the last." in part.sentences
    assert part.sentences[0].startswith(
        "Δ, median of 2 entries ranges from 1.51 (SevenNet-0 (11Jul2024)) to 1.85 (CHGNet 0.3.0)"
    )
    assert "Entries of r2SCAN stand apart, on the page of the task." in part.sentences
    (picture,) = part.pictures
    assert "r2scan" not in picture.alt
    altair.Chart.from_dict(picture.spec)


def readings(ratio: float) -> Calibration:
    return Calibration(
        protocol_sha256=protocol_sha256(load("constraints").protocol),
        packages={},
        rows=tuple(
            Reading(detector="lambda", crystal="Si", dialled=level, found=found, ratio=off, unit="")
            for level, found, off in (
                (1e-4, 1e-4 * ratio, ratio),
                (1e-3, 1e-3, 1.0),
                (1e-1, 0.101, 1.01),
                (0.0, 2e-10, None),
            )
        ),
    )


def test_the_worst_reading_is_told_whichever_side_it_is_on() -> None:
    for ratio in (0.94, 1.06):
        (part,) = calibration_findings(Evidence((), calibrations=(readings(ratio),)))
        assert part.sentences == (
            "Over 3 decades of imposed amplitude, the largest error of 1 detector is 6 % (force-constant asymmetry λ).",
        )


def test_the_page_of_the_calibration_tells_readings_and_floors() -> None:
    page = calibration(Evidence((), calibrations=(readings(0.94),)))
    against, floors = page.parts
    assert "Force-constant asymmetry λ: imposed from 0.0001 to 0.1, measured to within 6 %." in against.sentences
    assert against.table
    assert against.table.rows == [("force-constant asymmetry λ", "", "0.0001", "0.1", "3", "0.9400", "1.0100")]
    assert floors.table
    assert floors.table.rows == [("force-constant asymmetry λ", "", "2e−10")]
    altair.LayerChart.from_dict(against.pictures[0].spec)
    assert calibration(Evidence(())).parts[0].command == (
        "python -m evaluation.studies.calibration leaderboard/results/calibration"
    )
