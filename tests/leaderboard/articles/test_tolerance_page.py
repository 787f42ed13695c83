"""The page of the tolerance curves: counts, what a phonon tolerated, and what to run where there is nothing."""

from __future__ import annotations

from pathlib import Path

import altair
import pytest

from evaluation.studies.tolerance_data import Curves
from leaderboard.analysis.tolerance_levels import levels, tolerated
from leaderboard.articles.evidence import Evidence, gather
from leaderboard.articles.tolerance_page import article
from leaderboard.ranking.collect import Collection, Entry
from tests.leaderboard.curves import curves as made_up
from tests.leaderboard.entries import entry
from zoo.cards.mode import Mode
from zoo.files import write_json


@pytest.fixture(scope="module")
def curves() -> Curves:
    return made_up()


def test_levels_are_counted(curves: Curves) -> None:
    found = levels(curves, "rough")
    assert [level.level for level in found] == [1e-4, 1e-3, 1e-2]
    lowest, middle, _ = found
    # aluminium is unstable in the sound model: no share counts it
    assert (lowest.n, lowest.stable, lowest.imaginary) == (4, 3, 0)
    assert (middle.stable, middle.imaginary) == (3, 1)
    assert lowest.omega == pytest.approx(1e-3)
    # no crystal is found at the last precision even without a fault: there is nothing to lose
    assert (lowest.kept, lowest.keepable) == ((4, 4, 0), (4, 4, 0))
    assert (middle.kept, middle.keepable) == ((3, 0, 0), (3, 3, 0))
    assert [level.converged for level in found] == [4, 3, 0]
    (_, last) = levels(curves, "asymmetry")
    assert (last.n, last.failed, last.stable, last.imaginary, last.imaginary_full) == (2, 1, 1, 0, 1)
    assert levels(curves, "smooth") == []


def test_what_a_phonon_tolerated(curves: Curves) -> None:
    below, harmful = tolerated(levels(curves, "rough"), lambda level: level.imaginary)
    assert below
    assert harmful
    assert (below.level, harmful.level) == (1e-4, 1e-3)
    assert tolerated([], lambda level: level.imaginary) == (None, None)


def test_the_page_tells_it(curves: Curves) -> None:
    page = article(Evidence((), curves=(curves,)))
    said = page.parts[0].sentences
    assert "White noise: imaginary modes in 1 of 3 at 1 meV/Å, none up to 0.1 meV/Å." in said
    assert (
        "Force-constant asymmetry λ: imaginary modes in 1 of 1 at 0.1, none up to 0.01, and only where nothing is "
        "symmetrised." in said
    )
    assert "The reference model itself has imaginary modes in Al, which are excluded from all shares." in said
    assert "1 point has no numbers: λ = 0.1 is out of reach." in said
    assert [part.title for part in page.parts[1:]] == [
        "Error of the frequencies",
        "Imaginary modes",
        "Symmetry after relaxation",
        "Convergence",
    ]
    for picture in page.pictures:
        altair.LayerChart.from_dict(picture.spec)
    assert len({picture.key for picture in page.pictures}) == len(page.pictures) == 8
    assert page.parts[-1].table
    assert len(page.parts[-1].table.rows) == 5


def test_measured_entries_beyond_what_is_harmless_are_named(curves: Curves) -> None:
    def noisy(name: str, *noise: float, mode: Mode | None = None) -> Entry:
        rows = [{"sample": f"s{i}", "status": "ok", "force_noise": value} for i, value in enumerate(noise)]
        return entry("constraints", name, rows=rows, mode=mode)

    def told(*entries: Entry) -> str:
        page = article(Evidence(entries, curves=(curves,)))
        return next(sentence for sentence in page.parts[0].sentences if sentence.startswith("White noise: "))

    measured = noisy("calm", 0.1, 0.1, 0.1), noisy("loud", 0.0, 0.0, 0.2), entry("constraints", "silent")
    assert told(*measured).endswith(" Of 2 entries measured, 1 is beyond at the worst crystal: loud@conservative.")
    # a model that is beyond its own limit without any perturbation is no measure of others
    assert curves.entry == "toy@conservative+float64"
    itself = noisy("toy", 0.3, mode=Mode(dtype="float64"))
    assert told(*measured, itself).endswith("nothing is said of them.")


def test_without_curves_there_is_a_command() -> None:
    (part,) = article(Evidence(())).parts
    assert part.command == "python -m evaluation.studies.tolerance leaderboard/results/tolerance"


def test_curves_are_found_in_the_folders_and_the_later_one_counts(curves: Curves, tmp_path: Path) -> None:
    for folder, name in (("one", "first"), ("two", "second")):
        written = curves.model_copy(update={"entry": name}).model_dump(mode="json")
        write_json(tmp_path / folder / "tolerance" / "toy" / "curves.json", written)
    found, faults = gather(Collection((), (), (tmp_path / "one", tmp_path / "two")))
    assert [each.entry for each in found.curves] == ["second"]
    assert faults == []


@pytest.mark.parametrize("text", ["{", '{"entry": NaN}', "\xff"])
def test_damaged_curves_are_a_fault_that_names_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tolerance" / "toy" / "curves.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    found, faults = gather(Collection((), (), (tmp_path,)))
    assert found.curves == ()
    assert len(faults) == 1
    assert faults[0].startswith(f"{path}: ")
