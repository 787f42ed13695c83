"""Forecasts: proportional costs are found exactly, published ones within their spread, and no basis is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import pytest
from typer.testing import CliRunner

from evaluation.subset import Subset
from leaderboard.planning.cli import app
from leaderboard.planning.expectation import gpu_rates
from leaderboard.planning.forecast import Forecast, Work, forecast, makespan
from leaderboard.planning.measured import Measured, measured, weights
from leaderboard.ranking.collect import PUBLISHED, sample_names
from tests import toy
from zoo.cards.mode import Mode

SAMPLES = tuple(f"s{i}" for i in range(12))
PARTS = {"small": SAMPLES[:4], "all": SAMPLES}


def run(name: str, *, scale: float = 1.0, part: str = "all", task: str = "eos", rate: float = 1e-3) -> Measured:
    """A run that costs `scale` times (1, 2, 3, …) × 100 atoms."""
    atoms = {sample: round(scale * 100 * (SAMPLES.index(sample) + 1)) for sample in PARTS[part]}
    return Measured(
        task=task,
        entry=f"{name}@conservative",
        card=toy.card(name),
        mode=Mode(),
        device="cpu",
        tried=frozenset(atoms),
        atoms=atoms,
        seconds={sample: rate * n for sample, n in atoms.items()},
        around=0.5,
        metered=True,
        bytes_per_sample=1000.0,
        chunk_bytes_per_sample=5000.0,
        local=False,
    )


def work(name: str, *, samples: Sequence[str] | None = SAMPLES, workers: int = 1, device: str = "cpu") -> Work:
    return Work(
        entry=f"{name}@conservative",
        card=toy.card(name),
        mode=Mode(),
        task="eos",
        subset="full",
        samples=None if samples is None else dict.fromkeys(samples),
        samples_per_chunk=1,
        device=device,
        workers=workers,
    )


def test_what_was_recorded_is_told_as_it_was() -> None:
    found = forecast(work("one", samples=PARTS["small"]), [run("one")])
    assert (found.n, found.atoms, found.model_seconds, found.device_seconds) == (4, 1000, 1.0, 3.0)
    assert found.record_bytes == 4 * (5000 + 1000)
    assert found.basis[0].startswith("recorded")


def test_a_part_and_what_the_rest_cost_others_give_the_whole() -> None:
    found = forecast(work("one"), [run("one", scale=3.0, part="small", rate=2e-3), run("two"), run("three", scale=9.0)])
    assert found.atoms == pytest.approx(3 * 7800)
    assert found.model_seconds == pytest.approx(3 * 7800 * 2e-3)
    assert "8 samples by what they cost 2 other entries" in found.basis[1]


def test_samples_that_nobody_ran_have_the_mean_weight_and_it_is_said() -> None:
    found = forecast(work("one"), [run("one", part="small")])
    assert found.atoms == pytest.approx(250 * 12)
    assert "8 samples that nobody ran" in " ".join(found.basis)


def test_another_task_tells_how_fast_a_checkpoint_is() -> None:
    """Time per atom is an entry's factor times a task's."""
    others = [
        *(run("two", rate=1e-3), run("two", task="phonons", rate=5e-3)),
        *(run("three", rate=4e-3), run("three", task="phonons", rate=20e-3)),
    ]
    found = forecast(work("one"), [*others, run("one", task="phonons", rate=10e-3)])
    assert found.atoms == 7800
    assert found.model_seconds == pytest.approx(7800 * 2e-3)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (work("one", samples=None), "reference data"),
        (work("one"), "was not run by any model"),
        (replace(work("one"), samples={"s0": frozenset({"Xx"})}), "knows the elements of no sample"),
    ],
)
def test_without_a_basis_there_is_no_number(asked: Work, reason: str) -> None:
    found = forecast(asked, [run("two", task="phonons")])
    assert (found.atoms, found.model_seconds, found.wall_seconds, found.gpu_hours) == (None,) * 4
    assert found.basis[0].startswith("no basis")
    assert reason in found.basis[0]


def test_a_device_that_nothing_ran_on_has_atoms_and_no_hours() -> None:
    on_gpu = work("one", device="Example 9000")
    found = forecast(on_gpu, [run("one")])
    assert (found.atoms, found.wall_seconds, found.gpu_hours) == (7800, None, None)
    measured_there = forecast(on_gpu, [run("one")], per_atom={"one": 1e-4})
    assert measured_there.model_seconds == pytest.approx(0.78)
    assert measured_there.gpu_hours == pytest.approx((0.78 + 6.0) / 3600)


def test_workers_share_the_chunks_and_the_longest_one_stays_whole() -> None:
    assert makespan([1, 1, 1, 1], 2) == 2
    assert makespan([3, 1, 1, 1], 2) == 3
    assert makespan([1, 1, 1, 3], 2) == 4
    many = forecast(work("one", workers=50), [run("one")])
    assert many.wall_seconds is not None
    assert many.device_seconds is not None
    assert many.wall_seconds == pytest.approx(many.device_seconds * 12 / 78)


def test_one_slow_run_moves_no_weight() -> None:
    slow = run("slow", scale=1.0)
    slow = replace(slow, seconds={**slow.seconds, "s3": 1e4})
    found = weights([slow, run("two"), run("three")], "seconds")
    assert found is not None
    assert found.samples["s3"] / found.samples["s0"] == pytest.approx(4.0)


def left_out(runs: Sequence[Measured], subset: Subset) -> list[tuple[Measured, Forecast]]:
    """Forecasts of published runs, from their own part on a subset and all other runs."""
    found = []
    for one in runs:
        names = sample_names(one.task, subset)
        if isinstance(names, frozenset) and not one.tried <= names and (part := one.only(names)):
            asked = replace(work("x", samples=sorted(one.atoms)), entry=one.entry, card=one.card, mode=one.mode)
            found.append((one, forecast(asked, [part, *(other for other in runs if other is not one)])))
    return found


def test_published_runs_are_foretold_from_their_fast_part() -> None:
    """Equations of state: the atoms exactly, the seconds of a shared machine within a quarter at the median."""
    found = left_out(measured([PUBLISHED], only={"eos"}), "fast")
    assert len(found) >= 15
    errors = []
    for one, told in found:
        assert told.atoms is not None
        assert told.model_seconds is not None
        assert told.atoms == pytest.approx(sum(one.atoms.values()))
        errors.append(abs(told.model_seconds / sum(one.seconds.values()) - 1))
    assert median(errors) < 0.25


def test_the_gpu_report_gives_the_rates_of_filled_batches() -> None:
    device, rates = gpu_rates()
    assert "H200" in device
    assert 50e-6 < rates["sevennet-0"] < 200e-6


def test_the_command_says_what_it_knows_and_what_it_is_known_from() -> None:
    done = CliRunner().invoke(app, ["chgnet-0.3.0", "--task", "eos", "--subset", "full", "--json"])
    assert done.exit_code == 0
    (told,) = json.loads(done.stdout)["runs"]
    assert (told["entry"], told["samples"]) == ("chgnet-0.3.0@conservative", 69)
    assert told["gpu_hours"] is None
    assert told["basis"][0].startswith("recorded")


def test_the_command_multiplies_hours_by_a_price() -> None:
    asked = ["sevennet-0", "--task", "eos", "--device", "cuda", "--json"]
    free, paid = (
        json.loads(CliRunner().invoke(app, [*asked, *price]).stdout)["runs"][0] for price in ([], ["--price", "3"])
    )
    assert free["dollars"] is None
    assert paid["gpu_hours"] == free["gpu_hours"] > 0
    assert paid["dollars"] == pytest.approx(3 * paid["gpu_hours"])
