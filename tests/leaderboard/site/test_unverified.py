"""Cards whose facts nobody has verified: shown with dashes, never as a claim, and nothing else breaks."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from leaderboard.errors import NoResults
from leaderboard.formatting import NOTHING
from leaderboard.ranking import export
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import Collection, collect
from leaderboard.site.build import pages
from leaderboard.terminal.board import show
from zoo.files import json_text

UNPINNED = """---
title: Somebody's model
family: unheard_of
training_sets: [mptrj]
forces: [conservative]
code: https://example.org/code
checkpoint:
  unpinned: {hub: lab/model, file: weights.pt}
---
It exists.
"""

# what stays of a card that was pinned and has not been compared with anything
KEPT = ("---", "title", "family", "training_sets", "forces", "code", "checkpoint", "  ")


@pytest.fixture
def bare(results: Path, cards: Path) -> Collection:
    """The specimens, one with a card of almost nothing, and a card that is not even pinned."""
    path = cards / "chgnet-0.3.0.md"
    header, _, prose = path.read_text(encoding="utf-8").rpartition("---\n")
    lines = [line for line in header.replace("  code: MIT\n  weights: MIT\n", "").splitlines() if line.startswith(KEPT)]
    path.write_text("\n".join(lines[: lines.index("  crystal: nacl-rocksalt")]) + f"\n---\n{prose}", encoding="utf-8")
    (cards / "somebody-s.md").write_text(UNPINNED, encoding="utf-8")
    return collect([results])


def test_its_results_are_read_and_ranked(bare: Collection) -> None:
    assert bare.faults == ()
    card = bare.entries[0].card
    facts = (card.parameters, card.cutoff, card.elements, card.rotation, card.energies, card.canary)
    assert facts == (None,) * 6
    assert card.checkpoint.pinned
    assert [place.rank is not None for place in boards(bare.entries)[0].places] == [True, True, False]


def test_the_terminal_shows_a_dash(bare: Collection) -> None:
    console = Console(width=400, record=True)
    show(boards(bare.entries), bare.folders, console)
    text = console.export_text()
    assert "None" not in text
    (row,) = [line for line in text.splitlines() if "CHGNet 0.3.0" in line]
    assert re.search(rf"\s{NOTHING}(\s|$)", row)
    assert "constrained" not in row


def test_a_missing_fact_is_no_number_in_the_data(bare: Collection) -> None:
    found = boards(bare.entries)
    row = next(row for row in export.flat(found) if row["card"] == "chgnet-0.3.0")
    assert (row["parameters"], row["rotation_claimed"], row["claims_constrained"]) == (None, None, None)
    read = next(row for row in csv.DictReader(io.StringIO(export.to_csv(found))) if row["card"] == "chgnet-0.3.0")
    assert (read["parameters"], read["rotation_claimed"], read["claims_constrained"]) == ("", "", "")


def test_the_site_shows_dashes_and_claims_nothing(bare: Collection) -> None:
    files, faults = pages(bare)
    assert faults == []
    html = {name: data.decode() for name, data in files.items() if name.endswith(".html")}
    for name, page in html.items():
        assert not re.search(r">\s*None\b|\bNone\s*<|None parameters|\{\{", page), name
    page = html["models/chgnet-0.3.0.html"]
    assert f"{NOTHING} parameters" in page
    assert "not documented whether it is constrained" in page
    assert ">unverified</span>" in page
    for fact in ("Released", "Parameters", "Cutoff per step", "Elements", "Its energies are"):
        assert f"<dt>{fact}</dt><dd>{NOTHING}</dd>" in page
    assert f"code {NOTHING}; weights {NOTHING}" in page
    assert ">paper</a>" not in page
    assert "undocumented rotation" in html["tasks/eos.html"]
    for name in ("index.html", "models.html", "tasks/eos.html"):
        assert ">unverified</span>" in html[name], name


@pytest.fixture
def by_user(results: Path, cards: Path) -> Collection:
    """The specimens; the card of one pins nothing, and its result is of what the user pinned."""
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    written["run"] |= {"pinned_by": "user", "checkpoint_sha256": "f" * 64}
    path.write_text(json_text(written), encoding="utf-8")
    (cards / "chgnet-0.3.0.md").write_text(UNPINNED.replace("Somebody's model", "CHGNet 0.3.0"), encoding="utf-8")
    return collect([results])


def test_a_result_of_what_the_user_pinned_says_so_everywhere(by_user: Collection) -> None:
    assert by_user.faults == ()
    assert [entry.stale for entry in by_user.entries] == [()] * 3
    found = boards(by_user.entries)
    console = Console(width=400, record=True)
    show(found, by_user.folders, console)
    (row,) = [line for line in console.export_text().splitlines() if "pinned by the user" in line]
    assert "CHGNet 0.3.0" in row
    told = {row["card"]: row["pinned_by"] for row in export.flat(found)}
    assert told == {"chgnet-0.3.0": "user", "chgnet-r2scan": "card", "sevennet-0": "card"}
    files, _ = pages(by_user)
    for name, times in (("index.html", 1), ("models/chgnet-0.3.0.html", 1), ("models/sevennet-0.html", 0)):
        assert files[name].decode().count(">pinned by the user</span>") == times, name
    page = files["results/eos-fast-chgnet-0.3.0@conservative.html"].decode()
    assert f"<code>{'f' * 64}</code>, pinned by the user" in page


def test_it_is_stale_when_the_card_pins_other_bytes(by_user: Collection, results: Path, cards: Path) -> None:
    own = f'upstream_format: torch-pickle\n  upstream: {{sha256: "{"0" * 64}", bytes: 1}}'
    path = cards / "chgnet-0.3.0.md"
    path.write_text(path.read_text().replace("unpinned: {hub: lab/model, file: weights.pt}", own), encoding="utf-8")
    stale = {entry.card.name: entry.stale for entry in collect([results]).entries}
    assert stale == {"chgnet-0.3.0": ("checkpoint",), "chgnet-r2scan": (), "sevennet-0": ()}


def test_withdrawn_and_superseded_models_are_marked_with_the_reason(results: Path, cards: Path) -> None:
    for name, line in (
        ("sevennet-0", 'withdrawn: {day: "2026-11-27", reason: "its weights were of another model & b"}'),
        ("chgnet-0.3.0", "superseded_by: chgnet-r2scan"),
    ):
        path = cards / f"{name}.md"
        path.write_text(path.read_text(encoding="utf-8").replace("family:", f"{line}\nfamily:", 1), encoding="utf-8")
    files, faults = pages(collect([results]))
    assert faults == []
    for page in ("index.html", "models.html", "tasks/eos.html"):
        text = files[page].decode()
        assert (
            text.count('title="Since 2026-11-27: its weights were of another model &amp; b">withdrawn</span>') == 1
        ), page
        assert text.count('title="By chgnet-r2scan">superseded</span>') == 1, page
    told = files["models/sevennet-0.html"].decode()
    assert "Withdrawn on 2026-11-27: its weights were of another model &amp; b. Its results stay" in told
    assert 'Superseded by <a href="chgnet-r2scan.html">' in files["models/chgnet-0.3.0.html"].decode()


def test_known_defects_are_marked_with_their_size(results: Path, cards: Path) -> None:
    path = cards / "sevennet-0.md"
    line = "defects: {extensivity: {eV/Å: 1.0e-2, eV/atom: 2.0e-3}, large system: {eV/Å: 1.0e-2}}"
    path.write_text(path.read_text(encoding="utf-8").replace("family:", f"{line}\nfamily:", 1), encoding="utf-8")
    files, faults = pages(collect([results]))
    assert faults == []
    told = "extensivity (up to 0.01 eV/Å, 0.002 eV/atom); large system (up to 0.01 eV/Å)"
    for page in ("index.html", "models.html", "tasks/eos.html"):
        assert files[page].decode().count(f'title="Its card admits: {told}">known defect</span>') == 1, page
    assert f"<dd>{told}; <code>mlip-zoo check</code>" in files["models/sevennet-0.html"].decode()
    assert "known defect" not in files["models/chgnet-0.3.0.html"].decode().lower()


def test_an_unpinned_card_says_how_to_pin_it(bare: Collection) -> None:
    files, _ = pages(bare)
    page = files["models/somebody-s.html"].decode()
    assert ">not pinned</span>" in page
    assert "Hugging Face Hub lab/model:weights.pt" in page
    assert "<code>mlip-zoo pin somebody-s</code>" in page
    assert "zoo.load" not in page
    assert "mlip-zoo evaluate" not in page
    listed = files["models.html"].decode()
    row = listed[listed.index("Somebody&#39;s model</bdi>") :].partition("</tr>")[0]
    assert ">not pinned</span>" in row
    assert row.index(">unverified</span>") < row.index(">no adapter</span>") < row.index("unheard_of")


def test_the_example_that_is_named_is_one_that_loads(bare: Collection, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoResults, match="'mlip-zoo evaluate chgnet-r2scan' makes one"):
        collect([tmp_path / "empty"])
