"""Sheets of pictures: drawn from the records beside them, reused by the site, and nothing else is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard.errors import NoResults
from leaderboard.ranking.collect import Collection, Entry
from leaderboard.site import sample_sheet
from leaderboard.site.build import pages
from zoo.command import app


@pytest.fixture
def entry(collection: Collection) -> Entry:
    """Five elements, two of which have no curve: a sheet of all takes seconds."""
    whole = next(entry for entry in collection.entries if entry.card.name == "sevennet-0")
    few = ("Al", "Cu", "Fe", "Pb", "Si")
    return replace(
        whole,
        records=tuple(record for record in whole.records if record.sample in few),
        rows=tuple(row for row in whole.rows if row["sample"] in few),
    )


def test_a_sheet_has_every_panel_with_its_name_and_figure(entry: Entry) -> None:
    path = sample_sheet.write(entry)
    assert path == entry.records_path.with_suffix(".svg")
    svg = path.read_text(encoding="utf-8")
    text = " ".join(re.findall(r">([^<>]+)</t(?:ext|span)>", svg))
    assert "Equations of state, sevennet-0@conservative" in text
    assert "Without a picture (2): Fe, Pb." in text
    with_curves = [row for row in entry.rows if row["status"] == "ok"]
    assert len(with_curves) == 3
    for row in with_curves:
        assert re.search(rf">{row['sample']}</tspan>|>{row['sample']}</text>", svg), row["sample"]
        assert f"Δ {row['delta']:.1f}" in text


def test_the_same_records_give_the_same_bytes(entry: Entry) -> None:
    path = sample_sheet.write(entry)
    assert path
    before = path.read_bytes()
    sample_sheet.write(entry)
    assert path.read_bytes() == before == sample_sheet.current(entry)


def test_a_sheet_of_other_records_is_not_shown(entry: Entry) -> None:
    assert sample_sheet.current(entry) is None
    sample_sheet.write(entry)
    entry.records_path.write_bytes(entry.records_path.read_bytes() + b" ")
    assert sample_sheet.current(entry) is None


@pytest.mark.parametrize(
    "planted",
    [
        "<script>window.pwned = 1</script>",
        '<a href="javascript:alert(1)"><text>x</text></a>',
        '<g onload="window.pwned = 1"/>',
        '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>',
        '<path style="fill: url(https://example.org/x)"/>',
        "<g>",
    ],
)
def test_a_sheet_that_acts_is_none_of_ours(entry: Entry, planted: str) -> None:
    path = sample_sheet.write(entry)
    assert path
    svg = path.read_text(encoding="utf-8")
    path.write_text(svg.replace("</svg>", f"{planted}</svg>", 1), encoding="utf-8")
    assert sample_sheet.current(entry) is None


def test_the_site_reuses_the_sheet(collection: Collection, entry: Entry) -> None:
    without, _ = pages(collection)
    path = sample_sheet.write(entry)
    assert path
    files, _ = pages(collection)
    name = "data/results/eos/fast/sevennet-0@conservative.svg"
    assert files.keys() - without.keys() == {name}
    assert files[name] == path.read_bytes()
    page = files["results/eos-fast-sevennet-0@conservative.html"].decode()
    assert f'<noscript><img class="sheet" src="../{name.replace("@", "%40")}"' in page
    assert "(SVG)" not in files["results/eos-fast-chgnet-0.3.0@conservative.html"].decode()


def test_nothing_is_drawn_of_what_cannot_be_scored(entry: Entry) -> None:
    assert sample_sheet.sheet(replace(entry, rows=())) is None
    assert sample_sheet.write(replace(entry, rows=())) is None


def test_the_command_draws_what_it_is_asked_for(results: Path) -> None:
    done = CliRunner().invoke(app(), ["pictures", "chgnet-0.3.0", "--results", str(results)])
    assert done.exit_code == 0
    assert done.output.split() == [str(results / "eos" / "chgnet-0.3.0@conservative.svg")]
    assert [path.name for path in results.rglob("*.svg")] == ["chgnet-0.3.0@conservative.svg"]
    runs = results.with_name("runs")
    runs.mkdir()
    results.rename(runs / "results")
    wrong = CliRunner().invoke(app(), ["pictures", "chgnet-r2scan", "--results", str(runs), "--task", "kappa"])
    assert isinstance(wrong.exception, NoResults)
