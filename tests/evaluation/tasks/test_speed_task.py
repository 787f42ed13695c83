"""The speed task with potentials whose times are known: ratios, turns, failures, and what it asks of a potential."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self, cast

import numpy as np
import pytest
from ase import Atoms

from evaluation.errors import EvaluationFault
from evaluation.outputs import speed as outputs
from evaluation.record import Record
from evaluation.tasks.speed import TASK
from leaderboard import views
from zoo.batch import Batch, StructureFailure
from zoo.cards import index
from zoo.checkpoints.model_files import loaded_sha256


class Clock:
    """How many calls there were: it slows the machine down, and says who was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []


class Timed:
    """Takes so many seconds per atom on a machine that gets slower with every call."""

    def __init__(self, seconds: float, clock: Clock, *, name: str = "model", unknown: str = "-") -> None:
        self.seconds, self.clock, self.name, self.unknown = seconds, clock, name, unknown
        self.first = 50.0
        """Factor of the first call."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.clock.calls.append(self.name)
        slow, self.first = self.first * (1 + 0.01 * len(self.clock.calls)), 1.0
        bad = StructureFailure("unsupported", "not that")
        return Batch(
            energies=np.zeros(len(atoms)),
            forces=[np.zeros((len(each), 3)) for each in atoms],
            stresses=None,
            errors=[bad if self.unknown in each.symbols else None for each in atoms],
            seconds=self.seconds * sum(map(len, atoms)) * slow,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.clock.calls.append("closed")


class Loadable(Timed):
    """With a reference of its own."""

    reference = 1e-3
    knows_all = True

    def beside(self, entry: str) -> Timed:
        assert entry == "pet-n@conservative"
        return Timed(self.reference, self.clock, name="reference", unknown="-" if self.knows_all else "Cu")


def records(seconds: float = 2e-3, *, unknown: str = "-") -> list[Record]:
    return TASK.run(TASK.samples("fast"), Loadable(seconds, Clock(), unknown=unknown))


def test_its_structures_have_the_sizes_of_the_protocol() -> None:
    samples = TASK.samples("full")
    assert [(sample.id, len(sample.atoms)) for sample in samples[:4]] == [
        ("Cu/1x8", 8),
        ("MgO/1x8", 8),
        ("Si/1x8", 8),
        ("Cu/1x64", 64),
    ]
    assert {len(sample.atoms) for sample in samples if sample.id.endswith("/1x512")} == {512}
    assert [sample.id for sample in TASK.samples("canary")] == ["Cu/1x8", "MgO/1x8", "Si/1x8"]
    assert len(TASK.samples("fast")) == 9


def test_a_model_of_twice_the_time_costs_two_on_a_machine_that_gets_slower() -> None:
    found = records()
    rows = TASK.table(found)
    scores = TASK.score(rows)
    assert set(scores) == {metric.name for metric in TASK.metrics}
    assert scores["relative_cost"].value == pytest.approx(2.0, rel=0.01)
    assert scores["relative_cost"].n == 9
    assert scores["relative_cost_32x8"].value == pytest.approx(2.0, rel=0.01)
    assert scores["relative_cost_1x512"].value is None
    for row in rows:
        low, middle, high = (cast(float, row[name]) for name in ("relative_low", "relative_cost", "relative_high"))
        assert low <= middle <= high
    batch = next(record for record in found if record.sample == "Si/32x8")
    assert (batch.force_calls, batch.atom_calls) == (5 * 32, 5 * 256)


def test_the_warm_up_does_not_count() -> None:
    (first, *_) = records()
    assert outputs.seconds(first).max() / outputs.atoms(first) < 2 * 2e-3


def test_the_two_are_timed_in_turn_and_each_is_first_as_often() -> None:
    clock = Clock()
    TASK.run(TASK.samples("canary")[:1], Loadable(2e-3, clock))
    assert clock.calls.pop() == "closed"
    pairs = list(zip(clock.calls[::2], clock.calls[1::2], strict=True))
    assert all(set(pair) == {"model", "reference"} for pair in pairs)
    firsts = [first for first, _ in pairs[1:]]
    assert firsts[:4] == ["model", "reference", "model", "reference"]


def test_what_a_model_does_not_know_is_not_timed() -> None:
    rows = {str(row["sample"]): row for row in TASK.table(records(unknown="Cu"))}
    assert rows["Cu/1x8"]["status"] == "unsupported"
    assert rows["Cu/1x8"]["relative_cost"] is None
    assert rows["Si/1x8"]["relative_cost"] is not None


def test_a_reference_without_an_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loadable, "knows_all", False)
    with pytest.raises(EvaluationFault, match="pet-n@conservative has no answer for Cu/1x8: unsupported: not that"):
        records()


def test_a_potential_without_a_name_cannot_be_timed() -> None:
    with pytest.raises(EvaluationFault, match="loaded by its name"):
        TASK.run(TASK.samples("canary"), Timed(1.0, Clock()))


def test_the_reference_is_the_one_that_ships() -> None:
    card, mode = index.resolve(TASK.protocol.reference)
    assert f"{card.name}@{mode}" == TASK.protocol.reference
    assert loaded_sha256(card.checkpoint) == TASK.protocol.reference_sha256 == TASK.dataset_sha256


def test_a_panel_for_each_workload() -> None:
    view = views.view("speed")
    assert view is not None
    found = records(unknown="Cu")
    panels = view.panels(found, TASK.table(found))
    assert [panel.title for panel in panels] == ["1 × 8 atoms", "1 × 64 atoms", "32 × 8 atoms"]
    assert [len(panel.datasets["calls"]) for panel in panels if panel.datasets] == [30, 18, 10]
    assert panels[0].note == "× 1.99, 2 of 3 crystals"
