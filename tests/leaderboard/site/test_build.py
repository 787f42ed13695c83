"""The site's files: the same every time, whole, linked, and deaf to what a card or a result would have them do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import altair
import pytest

import leaderboard.site.build
import leaderboard.site.templating
from leaderboard.errors import ResultFault, SiteError
from leaderboard.ranking.collect import Collection, collect
from leaderboard.site import manifest
from leaderboard.site.build import build, pages
from tests.leaderboard.specimens import HOSTILE, MODELS, write_card, write_result

ROOT = Path(leaderboard.site.build.__file__).parents[2]
VOID = {"br", "img", "input", "link", "meta"}
FRONT = (
    "index",
    "choose",
    "compare",
    "contribute",
    "data",
    "glossary",
    "models",
    "reading",
    "reported",
    "safe-for-phonons",
    "search",
)
ARTICLES = (
    "averaging",
    "benchmarks",
    "calibration",
    "correlation",
    "findings",
    "lite-subsets",
    "tolerance",
    "training-series",
    "versions",
    "zoo-costs",
)
DOWNLOADS = ("bench.json", "correlation.csv", "correlation.json", "gpu-report.json", "lite-subsets.json")
TABLES = ("board", "front", "boards/eos-fast")
SCRIPTS = (
    "3Dmol.LICENSE.txt",
    "3Dmol.js",
    "charts.js",
    "compare.js",
    "crystals.js",
    "factor.js",
    "overview.js",
    "search.js",
    "tables.js",
    "vega.js",
)


@dataclass
class Page(HTMLParser):
    """What a browser would find on a page."""

    text: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> stands twice"
        self.tags.append((tag, dict(attrs)))
        self.ids |= {value for name, value in attrs if name == "id" and value}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def links(self) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags for name in ("href", "src") if name in attrs]

    def data(self) -> dict[str, dict[str, object]]:
        found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', self.text, re.DOTALL)
        assert found
        parsed: dict[str, dict[str, object]] = json.loads(found.group(1))
        return parsed


def html(files: dict[str, bytes]) -> dict[str, Page]:
    return {name: Page(data.decode()) for name, data in files.items() if name.endswith(".html")}


def digest(files: dict[str, bytes]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


@pytest.fixture(scope="session")
def built(specimens: Path) -> dict[str, bytes]:
    """The site of the specimens as they are, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLIP_ZOO_CARDS", str(specimens / "cards"))
        found, faults = pages(collect([specimens / "results"]))
    assert faults == []
    return found


@pytest.fixture
def files(built: dict[str, bytes], cards: Path) -> dict[str, bytes]:
    return dict(built)


def test_there_is_a_page_for_everything(files: dict[str, bytes]) -> None:
    entries = [f"{name}@conservative" for name in MODELS]
    assert set(files) == {
        *(f"{name}.html" for name in FRONT),
        *(f"{name}.html" for name in ARTICLES),
        "data/feed.xml",
        *(f"data/{name}" for name in DOWNLOADS),
        "data/training-series.json",
        "tasks/eos.html",
        *(f"models/{name}.html" for name in MODELS),
        "data/results.json",
        *(f"data/{name}.{suffix}" for name in TABLES for suffix in ("csv", "json", "parquet")),
        *(f"data/results/eos/fast/{entry}{suffix}" for entry in entries for suffix in (".json", ".parquet")),
        *(f"results/eos-fast-{entry}{suffix}" for entry in entries for suffix in (".html", ".js")),
        *(f"static/{name}" for name in ("icon.svg", "site.css", *SCRIPTS)),
    }


def test_the_same_results_give_the_same_bytes(results: Path, files: dict[str, bytes]) -> None:
    program = (
        "import sys; from pathlib import Path; from leaderboard.ranking import board; board.MIN_ENTRIES = 2; "
        "from leaderboard.ranking.collect import collect; "
        "from leaderboard.site.build import pages; from tests.leaderboard.site.test_build import digest; "
        "print(digest(pages(collect([Path(sys.argv[1])]))[0]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", program, str(results)]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert other == digest(files)


def test_every_link_leads_somewhere(files: dict[str, bytes]) -> None:
    found = html(files)
    for name, page in found.items():
        for link in page.links():
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https"
                continue
            path = PurePosixPath(os.path.normpath(PurePosixPath(name).parent / unquote(parts.path)))
            target = str(path) if parts.path else name
            assert target in files, f"{name} → {link}"
            assert not parts.fragment or unquote(parts.fragment) in found[target].ids, f"{name} → {link}"


def test_a_page_loads_nothing_from_elsewhere_and_runs_only_its_own_scripts(files: dict[str, bytes]) -> None:
    for page in html(files).values():
        policy = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
        assert policy == [
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            "form-action 'none'"
        ]
        assert_inert(page)


def assert_inert(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in {"base", "embed", "form", "iframe", "img", "object", "style"}
        assert not any(name.startswith("on") or name == "style" for name in attrs), attrs
        if tag == "script":
            inert = attrs.get("type") == "application/json"
            assert inert or re.fullmatch(r"(\.\./)?static/\w+\.js", attrs["src"] or ""), attrs
        if tag == "link":
            assert re.fullmatch(r"(\.\./)?(static/\w+\.(css|svg)|data/feed\.xml)", attrs["href"] or "")
        if tag == "a" and ":" in (attrs["href"] or ""):
            assert (attrs["href"] or "").startswith("https://")
            assert attrs["rel"] == "nofollow noopener noreferrer"


def test_a_hostile_card_and_a_hostile_record_are_inert(results: Path, cards: Path) -> None:
    write_card(cards, "hostile", HOSTILE)
    write_result(results, "hostile", HOSTILE)
    files, faults = pages(collect([results]))
    assert faults == []
    found = html(files)
    for page in found.values():
        assert_inert(page)
    alone, script = (files[f"results/eos-fast-hostile@conservative.{suffix}"].decode() for suffix in ("html", "js"))
    text = alone + files["models/hostile.html"].decode()
    assert not set(script) & set("<>&\N{LINE SEPARATOR}")
    assert "&lt;/script&gt;&lt;script&gt;window.pwned = &#39;record&#39;&lt;/script&gt;" in text
    assert "&lt;script&gt;window.pwned = 'prose'&lt;/script&gt;" in text
    assert "<bdi>&#34; onmouseover=&#34;window.pwned=1&#34; x=&#39;</bdi>" in files["index.html"].decode()


def test_data_in_a_page_cannot_end_its_element() -> None:
    hostile = {"</script><script>alert(1)</script>": "<!--", "&amp;": "\N{LINE SEPARATOR}'\""}
    text = str(leaderboard.site.templating.json_block(hostile))
    assert not set(text) & set("<>&\N{LINE SEPARATOR}")
    assert json.loads(text) == hostile


def test_pictures_are_valid_and_hold_every_element(files: dict[str, bytes]) -> None:
    found = html(files)
    plot = found["tasks/eos.html"].data()["specs"]["eos-fast"]
    assert isinstance(plot, dict)
    altair.Chart.from_dict(plot)
    assert [row["entry"] for row in plot["data"]["values"]] == ["sevennet-0", "chgnet-0.3.0"]

    page = found["results/eos-fast-sevennet-0@conservative.html"]
    data = page.data()
    spec = data["specs"]["shared"]
    assert isinstance(spec, dict)
    altair.LayerChart.from_dict(spec)
    drawn = {attrs["aria-label"]: attrs["data-datasets"] for _, attrs in page.tags if "data-datasets" in attrs}
    assert set(drawn.values()) == set(data["datasets"])
    assert len(drawn) == 25  # of 27; two have no energies
    (silicon,) = (data["datasets"][str(key)] for label, key in drawn.items() if str(label).startswith("E(V) of Si:"))
    assert isinstance(silicon, dict)
    assert [len(silicon[name]["e"]) for name in ("points", "model", "reference")] == [7, 25, 25]
    # energies in meV/atom above each curve's own minimum: near zero at the smallest, 10 to 60 at the edges
    for name in ("model", "reference"):
        energies = silicon[name]["e"]
        assert 0 <= min(energies) < 0.5
        assert 10 < max(energies) < 60


def test_a_model_s_page_brings_a_result_when_it_is_opened(files: dict[str, bytes]) -> None:
    """What its script brings is what the result's own page shows."""
    page, path = html(files)["models/sevennet-0.html"], "results/eos-fast-sevennet-0@conservative"
    (load,) = (attrs["data-load"] for _, attrs in page.tags if "data-load" in attrs)
    assert unquote(str(load)) == f"../{path}.js"
    assert f"../{path}.html" in map(unquote, page.links())
    assert "#eos-fast-conservative" in page.links()
    call = re.fullmatch(r"mlipZooResult\((.*)\);\n", files[f"{path}.js"].decode())
    assert call
    unfolded, charts = json.loads(f"[{call.group(1)}]")
    alone = files[f"{path}.html"].decode()
    assert unfolded.strip() in alone
    assert charts == html(files)[f"{path}.html"].data()
    assert "data-datasets" not in page.text
    assert len(page.text) < 0.5 * len(alone)


def test_no_number_is_shown_as_a_dash(files: dict[str, bytes]) -> None:
    text = files["results/eos-fast-sevennet-0@conservative.html"].decode()
    row = re.search(r'<tr><th scope="row">Fe.*?</tr>', text, re.DOTALL)
    assert row
    cells = re.findall(r'<td class="number" data-sort="(.*?)">(.*?)</td>', row.group())
    assert cells[0] == ("", "–")
    assert "the model said &lt;nothing&gt;" in row.group()
    assert "magnetic" in row.group()


def test_a_card_without_a_result_has_a_page(collection: Collection, cards: Path) -> None:
    write_card(cards, "new", replace(MODELS["sevennet-0"], title="Brand new"))
    files, _ = pages(collection)
    assert "mlip-zoo evaluate new" in files["models/new.html"].decode()
    assert '<a href="models/new.html"><bdi>Brand new</bdi></a>' in files["models.html"].decode()


def test_faults_stand_on_the_board_without_the_machines_paths(results: Path, cards: Path) -> None:
    (results / "eos" / "chgnet-0.3.0@conservative.json").write_text("{", encoding="utf-8")
    (cards / "broken.md").write_text("no front matter", encoding="utf-8")
    files, faults = pages(collect([results]))
    assert len(faults) == 2
    text = files["index.html"].decode()
    assert "<li>eos/chgnet-0.3.0@conservative.json: the file: Invalid JSON" in text
    assert "<li>broken.md: " in text
    assert str(results) not in text
    assert "models/broken.html" not in files


def test_a_stale_result_keeps_its_scores_and_loses_rank_and_pictures(results: Path) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["run"]["protocol_sha256"] = "0" * 64
    del data["scores"]["success"]
    path.write_text(json.dumps(data), encoding="utf-8")
    files, _ = pages(collect([results]))
    text = files["models/chgnet-0.3.0.html"].decode()
    assert "Not ranked: made with another protocol than today&#39;s." in text
    assert "3.38" in text
    assert "data-datasets" not in text
    assert "made with another protocol" in files["index.html"].decode()
    assert "earlier protocol" in files["index.html"].decode()


def test_the_data_are_the_results_themselves(results: Path, files: dict[str, bytes]) -> None:
    for path in (results / "eos").iterdir():
        assert files[f"data/results/eos/fast/{path.name}"] == path.read_bytes()


def test_building_replaces_a_site_whole(collection: Collection, files: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "public" / "site"
    assert build(collection, out) == []
    (out / "left-over.html").write_text("from an older site", encoding="utf-8")
    build(collection, out)
    written = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    del written[manifest.NAME]
    assert written == files
    assert [path.name for path in out.parent.iterdir()] == ["site"]
    assert out.stat().st_mode & 0o777 == 0o755


def test_building_takes_an_empty_folder_and_nobodys_own(collection: Collection, tmp_path: Path) -> None:
    empty, mine = tmp_path / "empty", tmp_path / "mine"
    empty.mkdir()
    build(collection, empty)
    assert (empty / "index.html").is_file()
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(SiteError, match="not a site that this command made; name another folder with --out"):
        build(collection, mine)
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]


def test_a_failed_build_leaves_the_old_site(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "public" / "site"
    build(collection, out)
    (out / "index.html").write_text("the old one", encoding="utf-8")
    rename = Path.rename

    def no_space(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", no_space)
    with pytest.raises(OSError, match="No space left"):
        build(collection, out)
    assert (out / "index.html").read_text(encoding="utf-8") == "the old one"
    assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_a_site_of_nothing_takes_nobodys_place(collection: Collection, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(collection, out)
    for path in (results / "eos").glob("*.json"):
        path.write_text("{", encoding="utf-8")
    with pytest.raises(ResultFault, match="Invalid JSON"):
        build(collect([results]), out)
    assert "SevenNet-0" in (out / "index.html").read_text(encoding="utf-8")


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: int) -> None:
    css = (ROOT / "leaderboard" / "site" / "static" / "site.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colour = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for text in ("text", "muted", "accent", "other", "third"):
        for ground in ("page", "surface", "wash", "warn"):
            light, dark = sorted((_luminance(colour[text]), _luminance(colour[ground])), reverse=True)
            # WCAG 2.2, level AA
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_a_task_s_page_leads_with_some_metrics_and_unfolds_all(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [metric.label for metric in collection.entries[0].task.metrics]
    monkeypatch.setattr("leaderboard.ranking.board.MOST_LEADING", 2)
    text = pages(collection)[0]["tasks/eos.html"].decode()

    def headings(head: str) -> list[str]:
        found = re.findall(r'<th[^>]* title="[^"]*">([^<]*?)\s*<', head)
        return [label for label in found if label in labels]

    first, second = re.findall(r"<thead>(.*?)</thead>", text, re.DOTALL)[:2]
    assert headings(first) == labels[:2]
    assert headings(second) == labels
    assert f"<summary>All {len(labels)} metrics</summary>" in text
    assert 'href="../models/sevennet-0.html"' in text


def test_a_long_table_keeps_the_worst_and_links_the_rest(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.site.entry_section.MOST_ROWS", 4)
    page = pages(collection)[0]["results/eos-fast-sevennet-0@conservative.html"].decode()
    entry = next(entry for entry in collection.entries if entry.card.name == "sevennet-0")
    worst = sorted((row for row in entry.rows if row["delta"] is not None), key=lambda row: -float(str(row["delta"])))
    table = page[page.index('aria-label="Figures per sample') :]
    table = table[: table.index("</table>")]
    assert re.findall(r'<tr><th scope="row">(\w+)', table) == [row["sample"] for row in worst[:4]]
    assert "The 4 worst of 27 samples by Δ" in page


def test_many_samples_without_a_picture_are_a_list(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "results/eos-fast-sevennet-0@conservative.html"
    page = pages(collection)[0][name].decode()
    assert page.count('class="chart empty"') == 2
    monkeypatch.setattr("leaderboard.site.entry_section.MOST_EMPTY", 1)
    page = pages(collection)[0][name].decode()
    assert 'class="chart empty"' not in page
    assert "<summary>2 without a picture</summary>" in page
    assert "<dt>Fe, Pb</dt><dd>the model said &lt;nothing&gt;</dd>" in page


def test_a_single_entry_has_nothing_to_be_drawn_against(results: Path) -> None:
    (path,) = (path for path in (results / "eos").glob("*.json") if path.name.startswith("sevennet"))
    for other in set((results / "eos").glob("*.json")) - {path}:
        other.unlink()
    assert "<figure" not in pages(collect([results]))[0]["tasks/eos.html"].decode()


def test_a_protocol_s_values_are_words(collection: Collection) -> None:
    nested = {"fmax": 1e-4, "steps": 500, "inner_value": [1, 2]}
    assert leaderboard.site.templating.worded(nested) == "fmax: 0.0001; steps: 500; inner value: 1, 2"


@pytest.mark.parametrize(
    "term",
    [
        "rotational equivariance",
        "force-constant asymmetry",
        "acoustic sum rule",
        "imaginary modes",
        "thermal conductivity",
    ],
)
def test_a_subject_is_found_by_the_fields_word(files: dict[str, bytes], term: str) -> None:
    assert term in files["reading.html"].decode().lower()
