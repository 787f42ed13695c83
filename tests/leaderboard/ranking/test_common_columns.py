"""What several results have in common is stored once, and read as if it stood in each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.ranking import common_columns

PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=30)
COLUMNS = st.lists(PLAIN, max_size=9)
DOCUMENTS = st.recursive(
    PLAIN | COLUMNS | st.sampled_from([["carbon"] * 9, [0.125] * 20]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(DOCUMENTS, max_size=4))
def test_a_brief_document_gives_the_whole_one(documents: list[Any]) -> None:
    common = common_columns.several(documents)
    brief = [common_columns.brief(document, common) for document in documents]
    assert [common_columns.whole(document, common) for document in brief] == documents


def test_a_column_of_several_documents_is_named_and_one_of_a_single_document_is_not() -> None:
    shared, own = [16.25] * 20, [17.25] * 20
    documents = [{"volumes": shared, "model": own}, {"reference": {"volumes": shared}}, {"x": 1}]
    common = common_columns.several(documents)
    assert list(common.values()) == [shared]
    assert common_columns.brief(documents[0], common)["model"] == own
    assert common_columns.brief(documents[0], common)["volumes"] == {"common column": next(iter(common))}


def test_a_short_column_stays() -> None:
    assert common_columns.several([{"x": [1, 2]}, {"x": [1, 2]}]) == {}


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        common_columns.whole({"x": {"common column": "0123456789abcdef"}}, {})
