"""What a submission is told: duplicates, missing sources and canaries, failures with what to do, in forty lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import toy
from zoo.checks.finding import Conformance, Verdict
from zoo.command import app
from zoo.submission import report as reports
from zoo.submission.duplicates import duplicates


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "toy.md").write_text(toy.CARD, encoding="utf-8")
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(tmp_path))
    return tmp_path


def test_a_card_without_a_source_is_told(cards: Path) -> None:
    done = CliRunner().invoke(app(), ["submit", "check", "toy", "--no-run"])
    assert done.exit_code == 1
    assert "sources: none for upstream" in done.output
    assert "What you must do:\n  1. say under 'sources'" in done.output


def test_a_model_that_does_not_load_stops_the_rest(cards: Path) -> None:
    done = CliRunner().invoke(app(), ["submit", "check", "toy"])
    assert done.exit_code == 1
    assert "it does not load: " in done.output
    assert "conformance" not in done.output


def test_the_same_checkpoint_under_another_name_is_found() -> None:
    first = toy.card()
    assert duplicates(first, [first]) == []
    second = toy.card("toy-2").model_copy(update={"title": "T0Y"})
    (same, title) = duplicates(second, [first])
    assert same.startswith("toy has the same file")
    assert title == "its title looks like that of toy ('Toy')"
    assert first.checkpoint.upstream
    other = first.checkpoint.upstream.model_copy(update={"sha256": "1" * 64})
    third = second.model_copy(
        update={"title": "Other", "checkpoint": first.checkpoint.model_copy(update={"upstream": other})}
    )
    assert duplicates(third, [first]) == [
        "toy has the same canary, to the last digit: the same weights in another file"
    ]


def test_a_report_is_short_and_holds_no_control_characters() -> None:
    report = reports.Report("toy")
    failed = [
        Verdict(name=f"check {chr(97 + n % 26)}", status="failed", detail="\x1b[31m[bold]x\n" * 50) for n in range(60)
    ]
    found = Conformance(
        potential="toy",
        forces="conservative",
        rotation="exact",
        inversion="exact",
        dtype="float32",
        crystals=(),
        checks=tuple(failed),
        calls=1,
        seconds=0.0,
    )
    reports.add_conformance(report, toy.card(), found)
    lines = report.text().splitlines()
    assert len(lines) <= reports.MOST_LINES
    assert all(line.isprintable() for line in lines)
    assert not report.accepted
