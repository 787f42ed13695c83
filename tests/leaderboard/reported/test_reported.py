"""Reported figures: the import of a table, the file that ships, and ours beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.errors import ReportedFault
from leaderboard.reported import matbench
from leaderboard.reported.figures import FOLDER, read_reported, sources
from leaderboard.reported.quantities import BY_NAME
from leaderboard.reported.reproduced import reported_sections
from leaderboard.site.front_pages import reported_by_theory
from tests.leaderboard.entries import entry
from zoo.cards import index

HEAD = ["key", "name", "benchmark_added", "opt", "max_force", "max_steps", "kappa_eval", *matbench.COLUMNS.values()]


def table(path: Path, **cells: str) -> Path:
    row = {"key": "chgnet-0.3.0", "name": "CHGNet", "benchmark_added": "2023-03-03", **cells}
    path.write_text(",".join(HEAD) + "\n" + ",".join(row.get(name, "") for name in HEAD) + "\n", encoding="utf-8")
    return path


def test_a_table_is_imported_with_its_source(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", kappa_SRME="1.7167", max_force="0.05", max_steps="500", opt="FIRE")
    matbench.main([str(file), "--revision", "abc", "--day", "2026-07-16", "--out", str(tmp_path / "out.json")])
    found = read_reported(tmp_path / "out.json")
    (model,) = found.models
    assert (found.source, found.revision, found.day) == ("Matbench Discovery", "abc", "2026-07-16")
    assert (model.card, model.figures) == ("chgnet-0.3.0", {"srme": 1.7167})
    assert (model.settings.fmax, model.settings.steps, model.settings.displacement) == (0.05, 500, None)


def test_what_is_no_such_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportedFault, match=r"chgnet-0\.3\.0: could not convert string to float: 'much'"):
        matbench.reported(table(tmp_path / "t.csv", CPS="much"), revision="abc", day="2026-07-16")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ReportedFault, match="it has no column CPS, DAF_uniq"):
        matbench.reported(tmp_path / "other.csv", revision="abc", day="2026-07-16")


def test_what_ships_names_its_source_and_cards_that_exist() -> None:
    (source,) = sources()
    assert len(source.models) == 63
    assert source.revision in source.address
    cards = [model.card for model in source.models if model.card]
    assert len(set(cards)) == len(cards) == 50
    assert set(cards) <= set(index.names())
    assert set(matbench.ALIASES.values()) <= set(cards)
    assert {name for model in source.models for name in model.figures} == set(BY_NAME)
    assert (FOLDER / "matbench-discovery.json").stat().st_size < 50_000


def test_models_of_another_theory_have_a_table_of_their_own() -> None:
    (source,) = sources()
    (_, main), (heading, apart) = reported_by_theory(source, {"chgnet-0.3.0"})
    assert "another one" in heading
    assert [model.card for model in apart] == ["chgnet-0.3.0"]
    assert len(main) == len(source.models) - 1
    assert "chgnet-0.3.0" not in {model.card for model in main}


def test_ours_stands_beside_with_the_difference_and_what_the_protocols_differ_in() -> None:
    ours = [
        entry("formation", "chgnet-0.3.0", {"e_form_error_mean": 65.0}),
        entry("kappa", "chgnet-0.3.0", {"srme": 1.5}, subset="canary"),
        entry("formation", "sevennet-0", {"e_form_error_mean": 49.0}),
    ]
    (section,) = reported_sections(ours[0].card, ours)
    lines = {line.quantity.name: line for line in section.lines}
    assert lines["srme"].value == 1.7167
    assert lines["srme"].ours is None
    found = lines["e_form_mae"].ours
    assert found is not None
    assert found.value == pytest.approx(0.065)
    assert found.difference == pytest.approx(0.065 - 0.061)
    assert found.differs == (
        "1 of 256\N{NO-BREAK SPACE}963 samples",
        "start: WBM's initial structures (ours the DFT geometry)",
        "fmax, eV/Å: 0.05 (ours 0.02)",
    )
    assert reported_sections(entry("eos", "pet-tiny").card, ours) == []
