"""What an entry costs: of one task, one subset and one kind of device alone."""

from __future__ import annotations

from leaderboard.ranking.cost import relative_costs
from leaderboard.ranking.overview import overview
from tests.leaderboard.entries import entry

COST = {"relative_cost": 2.0, "microseconds": 800.0}


def test_the_cost_is_that_of_the_task_and_of_no_other_run() -> None:
    table = overview(
        [entry("eos", "one", {"delta": 1.0}), entry("eos", "two", {"delta": 2.0}), entry("speed", "one", COST)]
    )
    costs = {row.card.name: row.cost for row in table.rows}
    assert costs["two"] is None
    assert costs["one"] is not None
    assert (costs["one"].value, costs["one"].microseconds, costs["one"].machine) == (
        2.0,
        800.0,
        "Example CPU 9000, 1 thread",
    )
    assert table.machines == ("Example CPU 9000, 1 thread",)
    assert [column.name for column in table.columns] == ["eos"]


def test_another_device_a_canary_and_an_earlier_protocol_do_not_compare() -> None:
    assert relative_costs([entry("speed", "one", COST)]).keys() == {"one@conservative"}
    for options in ({"threads": 2}, {"subset": "canary"}, {"stale": ("protocol",)}):
        assert not relative_costs([entry("speed", "one", COST, **options)])
    assert not relative_costs([entry("speed", "one", {})])
