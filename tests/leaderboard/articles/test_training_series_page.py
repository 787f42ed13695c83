"""The page of the training series: verdicts that follow from the figures, and none where there are too few."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from evaluation.recipes import recipe
from evaluation.studies.rotational_error_data import FrameError, RotationalError
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.training_series_page import article
from leaderboard.ranking.collect import Entry
from tests.leaderboard.entries import entry
from zoo.cards.mode import Mode

DIRECT = Mode(forces="direct")
SHARES = {"pet-n64": 1 / 64, "pet-n16": 1 / 16, "pet-n": 1.0}


def constraints(card: str, share: float) -> Entry:
    rows = [{"sample": f"s{i}", "status": "ok", "rotation_force": 20 * share**-0.5 * (1 + 0.1 * i)} for i in range(6)]
    return entry("constraints", card, rows=rows, mode=DIRECT)


def errors(card: str, share: float, *, slope: float) -> RotationalError:
    scatter = np.random.default_rng(0).lognormal(size=20)
    return RotationalError(
        entry=f"{card}@direct",
        checkpoint_sha256="0" * 64,
        orientations=24,
        frames=tuple(
            FrameError(sample=f"f{i}", n_atoms=4, total=float(s), rotational=float(0.1 * s * share**slope))
            for i, s in enumerate(scatter)
        ),
        unanswered=0,
        dataset_sha256="0" * 64,
        version="0",
        commit=None,
        finished="2026-11-27T00:00:00Z",
    )


def verdicts(slope: float) -> str:
    evidence = Evidence(
        tuple(constraints(card, share) for card, share in SHARES.items()),
        rotational_errors=tuple(errors(card, share, slope=slope) for card, share in SHARES.items()),
    )
    return " ".join(article(evidence).parts[0].sentences)


def test_the_hypotheses_are_decided_by_the_intervals() -> None:
    falls, flat = verdicts(-0.3), verdicts(0.0)
    assert "PET, direct: exponent -0.30" in falls.replace("−", "-")
    assert "it falls" in falls
    assert "it falls" not in flat.partition("?")[2]
    assert "over a factor of 64 in data" in falls
    assert "Undecided: the constrained sibling has fewer than two measured trainings" in falls


def test_what_another_seed_changes_as_much_is_undecided() -> None:
    def told(by_seed: float) -> str:
        measured = [errors(card, share, slope=-0.3) for card, share in SHARES.items()]
        other = errors("pet-n-seed-2", 1.0, slope=0.0)
        frames = tuple(f.model_copy(update={"rotational": by_seed * f.rotational}) for f in other.frames)
        cards = {**SHARES, "pet-n-seed-2": 1.0}
        evidence = Evidence(
            tuple(constraints(card, share) for card, share in cards.items()),
            rotational_errors=(*measured, other.model_copy(update={"frames": frames})),
        )
        return " ".join(article(evidence).parts[0].sentences).replace("−", "-")

    assert "exponent -0.30 [-0.30, -0.30] (another seed: 0.02), it falls" in told(1.1)
    assert "(another seed: 0.39), undecided: another seed changes as much" in told(5.0)


def test_steps_and_data_are_compared_where_both_have_three_trainings() -> None:
    steps = {"pet-n-6000-steps": 0.25, "pet-n-24000-steps": 4.0}

    def told(*, opposite: bool) -> str:
        later = [constraints(card, 1 / share if opposite else share) for card, share in steps.items()]
        entries = (*(constraints(card, share) for card, share in SHARES.items()), *later)
        return " ".join(article(Evidence(entries)).parts[0].sentences).replace("−", "-")

    same = (
        "of 1 quantities: the same way go rotation error of forces (-1.00 in steps, -0.50 in data); opposite ways none"
    )
    other = (
        "of 1 quantities: the same way go none; opposite ways rotation error of forces (1.00 in steps, -0.50 in data)"
    )
    assert same in told(opposite=False)
    assert other in told(opposite=True)
    assert "short training" not in verdicts(0.0)


def test_pictures_table_and_data_have_the_same_figures() -> None:
    evidence = Evidence(tuple(constraints(card, share) for card, share in SHARES.items()))
    made = article(evidence)
    (picture,) = made.pictures
    assert picture.key == "data/rotation_force"
    assert "at 0.016" in picture.alt
    rows = json.loads(made.downloads["training-series.json"])
    assert [row["checkpoint"] for row in rows] == list(SHARES)
    assert rows[-1]["rotation_force"] == 25.0
    assert rows[-1]["frequency_mae"] is None
    assert rows[-1]["cpu_seconds"] == recipe.cpu_seconds("pet-n")
    assert rows[-1]["cpu_seconds"] > 600
    assert "Undecided" in made.parts[0].sentences[0]


def test_a_head_that_predicts_no_forces_is_told() -> None:
    def forces(card: str, error: float) -> Entry:
        figures = {"force_mae": error / 2, "force_rmse": error, "force_rms_ref": 0.5}
        rows = [{"sample": f"s{i}", "status": "ok", **figures} for i in range(6)]
        return entry("forces", card, rows=rows, mode=DIRECT)

    made = article(Evidence((forces("pet-n64", 600.0), forces("pet-n", 490.0))))
    told = made.parts[0].sentences[0]
    assert "1 of 2 are: from 0.98 of the error of zero forces (pet-n, direct) to 1.20 (pet-n64, direct)" in told
    table = made.parts[1].table
    assert table is not None
    assert [row[-1] for row in table.rows] == ["1.2", "0.98"]


def test_nothing_is_decided_by_models_that_predict_no_forces() -> None:
    def told(ratio: float) -> str:
        figures = {"force_mae": 1.0, "force_rmse": 500 * ratio, "force_rms_ref": 0.5}
        rows = [{"sample": f"s{i}", "status": "ok", **figures} for i in range(6)]
        evidence = Evidence(
            (
                *(constraints(card, share) for card, share in SHARES.items()),
                *(entry("forces", card, rows=rows, mode=DIRECT) for card in SHARES),
            ),
            rotational_errors=tuple(errors(card, share, slope=-0.3) for card, share in SHARES.items()),
        )
        return " ".join(article(evidence).parts[0].sentences)

    assert "undecided: 3 of 3 predict forces no better than zero" in told(1.0)
    assert "it falls" in told(0.5)


def test_a_network_is_compared_at_its_own_frames() -> None:
    """A frame without a share for an exactly equivariant network leaves no other network's."""
    exact = errors("sevennet-n", 1.0, slope=0.0)
    frames = tuple(f.model_copy(update={"total": 1e-9}) for f in exact.frames[:15]) + exact.frames[15:]
    beside = exact.model_copy(update={"entry": "sevennet-n@conservative", "frames": frames})
    measured = tuple(errors(card, share, slope=-0.3) for card, share in SHARES.items())
    cards = (*SHARES, "sevennet-n")
    made = article(Evidence(tuple(constraints(card, 1.0) for card in cards), rotational_errors=(*measured, beside)))
    table = next(part.table for part in made.parts if part.title == "Against the share of the training frames")
    assert table is not None
    assert {row[3] for row in table.rows if row[0].startswith("Rotational share")} == {"20"}


def test_a_second_seed_is_a_factor_of_the_first() -> None:
    twice = [{"sample": f"s{i}", "status": "ok", "rotation_force": 40 * (1 + 0.1 * i)} for i in range(6)]
    evidence = Evidence((constraints("pet-n", 1.0), entry("constraints", "pet-n-seed-2", rows=twice, mode=DIRECT)))
    part = next(part for part in article(evidence).parts if "second seed" in part.title)
    assert part.table is not None
    (row,) = part.table.rows
    assert row == ("another seed", "pet-n-seed-2", "PET, direct", "Rotation error of forces", "2.00 [2.00, 2.00]")


def test_without_results_the_page_says_how_to_make_them() -> None:
    (part,) = article(Evidence(())).parts
    assert part.command == "mlip-zoo evaluate pet-n --task constraints"


def test_trainings_are_compared_at_the_samples_that_all_have() -> None:
    """The largest ran more samples, and harder ones; what it has there was not measured of the others."""
    few = [constraints(card, share) for card, share in SHARES.items()]
    harder = [{"sample": f"more-{i}", "status": "ok", "rotation_force": 1e6} for i in range(6)]
    more = [*few[:-1], replace(few[-1], rows=(*few[-1].rows, *harder))]
    alone, together = (article(Evidence(tuple(entries))).downloads for entries in (few, more))
    assert together == alone
    assert "1000000" not in str(together)
