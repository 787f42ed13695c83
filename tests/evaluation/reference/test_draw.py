"""Draws by hash are the same everywhere, whatever order the names came in."""

from __future__ import annotations

from evaluation.reference.draw import by_hash, seed

NAMES = ["MgO", "Si", "Cu", "NaCl"]


def test_the_order_is_that_of_the_hashes() -> None:
    assert by_hash(NAMES) == by_hash(reversed(NAMES)) == ["MgO", "Si", "Cu", "NaCl"]


def test_seeds_are_32_bits_of_the_hash() -> None:
    assert seed("MgO") == 0x10EAF78
