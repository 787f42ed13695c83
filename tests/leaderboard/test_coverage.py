"""Coverage on the published boards: what a model does not know stands beside its figure, and is no part of it."""

from __future__ import annotations

import io

from rich.console import Console

from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import PUBLISHED, collect
from leaderboard.terminal.board import show


def test_pet_tinys_relaxation_is_of_what_it_answers_with_61_of_107_beside_it() -> None:
    """From the perturbed start; of a mean RMSD over both starts, 0.617, 122 unsupported relaxations were 0.570."""
    entries = collect([PUBLISHED], task="relaxation").entries
    (full,) = (each for each in boards(entries) if each.subset == "full")
    (place,) = (place for place in full.places if place.entry.name == "pet-tiny@conservative")
    score = place.score(full.metric)
    assert (full.metric.name, score.n, score.n_unsupported) == ("volume_error_perturbed", 46, 61)
    shown = io.StringIO()
    show([full], [PUBLISHED], Console(file=shown, width=400))
    assert score.value is not None
    lines = shown.getvalue().splitlines()
    (first,) = (
        number for number, line in enumerate(lines) if place.entry.card.title in line and f" {score.value:.2f}" in line
    )
    assert " 46 " in lines[first]
    assert "61 unsupported" in " ".join(lines[first : first + 3])
