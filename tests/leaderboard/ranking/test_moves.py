"""Why a place moved: an entry's own value, others' values, or entries that left or joined."""

from __future__ import annotations

from leaderboard.ranking.moves import Move, moves


def test_the_own_value_is_told_from_that_of_others() -> None:
    # b improved and overtook a, which did nothing
    found = moves({"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 1, "c": 3}, {"b"})
    assert found == {
        "a": Move(own=False, others=("b",), left=(), joined=()),
        "b": Move(own=True, others=(), left=(), joined=()),
    }
    assert found["a"].said == "others' values changed: b"
    assert found["b"].said == "its own value changed"


def test_entries_that_left_or_joined_move_those_behind_them_alone() -> None:
    found = moves({"gone": 1, "a": 2, "b": 3, "late": 4}, {"a": 1, "new": 2, "b": 3}, set())
    assert found == {"a": Move(own=False, others=(), left=("gone",), joined=())}
    # one left before b and one joined before it: its place is the same, and needs no reason
    assert moves({"a": 1}, {"new": 1, "a": 2}, set())["a"].said == "joined: new"


def test_a_value_that_changed_and_crossed_nobody_is_no_reason() -> None:
    found = moves({"gone": 1, "a": 2, "b": 3}, {"a": 1, "b": 2}, {"a", "b"})
    assert found["a"].said == "left: gone"
    assert found["b"].said == "left: gone"


def test_all_reasons_are_told() -> None:
    found = moves({"gone": 1, "a": 2, "b": 3}, {"new": 1, "b": 2, "a": 3}, {"a", "b"})
    assert found == {"a": Move(own=True, others=("b",), left=("gone",), joined=("new",)), "b": found["b"]}
    assert found["a"].said == "its own value changed; others' values changed: b; left: gone; joined: new"


def test_where_no_value_changed_the_common_samples_decide() -> None:
    found = moves({"a": 1, "b": 2}, {"a": 2, "b": 1}, set())
    assert "in common" in found["a"].said
