"""What ships as scored is what the records give, and is used for nothing else."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable
from evaluation.harness.store import read_records
from evaluation.metric import Score
from evaluation.metric import alike as alike_scores
from evaluation.reference import dataset
from evaluation.scoring import scores
from evaluation.subset import SUBSETS
from leaderboard import views
from leaderboard.charts.spec import Datasets
from leaderboard.ranking import collect as collecting
from leaderboard.ranking import common_columns, crystals, score_published, scored
from leaderboard.ranking.collect import PUBLISHED, Entry, names_of_samples, read_entry
from leaderboard.ranking.scored import StoredRecords

RESULTS = sorted(path for path in PUBLISHED.glob("*/*.json") if path.parent.name in tasks.names())
SLOW = frozenset({"relaxation", "formation"})
"""Tasks whose structures are matched anew, seconds a result: by default the result with the fewest records speaks."""
REFERENCED = frozenset({"formation", "kappa", "ladder", "phonons"})
"""Tasks whose figures per sample or pictures take reference data."""
NAMED = frozenset({"eos"})
"""Tasks whose samples are named without reference data."""
ONE = PUBLISHED / "eos" / "chgnet-0.3.0@conservative.json"


def case(path: Path) -> ParameterSet:
    least = min((other for other in RESULTS if other.parent == path.parent), key=sized)
    marks = [pytest.mark.data] if path.parent.name in REFERENCED else []
    if path.parent.name in SLOW and path != least:
        marks.append(pytest.mark.slow)
    return pytest.param(path, marks=marks, id=f"{path.parent.name}/{path.stem}")


def sized(path: Path) -> int:
    return path.with_suffix(".parquet").stat().st_size


def alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return one == other


@pytest.mark.parametrize("path", [case(path) for path in RESULTS])
def test_a_published_result_is_scored_as_its_records_say(path: Path) -> None:
    """Scores follow from the records (`read_entry` compares), and the figures that ship are these records'."""
    fresh, shipped = read_entry(path, trusted=False), read_entry(path)
    assert isinstance(shipped.records, StoredRecords), "to mend: python -m leaderboard.ranking.score_published"
    assert shipped.stale == fresh.stale
    assert fresh.unchecked in ((), ("samples",))  # their names may take reference data
    assert len(shipped.rows) == len(fresh.rows)
    for ours, theirs in zip(shipped.rows, fresh.rows, strict=True):
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if not alike(ours[name], theirs[name])] == []


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_ships_is_whole_and_gives_the_published_scores(path: Path) -> None:
    """Without records and reference data; a result of an earlier protocol has its accounts alone."""
    entry = read_entry(path)
    assert entry.scored is not None, "to mend: python -m leaderboard.ranking.score_published"
    assert (entry.unchecked, entry.lacks, entry.caveat) == ((), None, None)
    outdated = bool({"protocol", "dataset"}.intersection(entry.stale))
    assert outdated == (not entry.rows)
    assert outdated or all(alike_scores(found, entry.result.scores[name]) for name, found in again(entry).items())
    assert "_read" not in vars(entry.records)


def again(entry: Entry) -> dict[str, Score]:
    return scores(entry.task, entry.rows)


@pytest.mark.parametrize("task", sorted({path.parent.name for path in RESULTS}))
def test_pictures_are_those_of_the_records(task: str) -> None:
    """Of the result with the fewest records, among those of today's protocol."""
    with_pictures = [path for path in RESULTS if path.parent.name == task and read_entry(path).panels]
    if not with_pictures:
        pytest.skip("every result is of an earlier protocol")
    shipped = read_entry(min(with_pictures, key=sized))
    view = views.view(task)
    assert view is not None
    assert shipped.scored is not None
    try:
        with dataset.here_only():
            drawn = view.panels(shipped.records, shipped.rows)
    except DatasetUnavailable:
        pytest.skip("the reference data are not here")
    assert [panel.title for panel in shipped.panels] == [panel.title for panel in drawn]
    for ours, theirs in zip(shipped.panels, drawn, strict=True):
        assert (ours.note, ours.alt, ours.spec) == (theirs.note, theirs.alt, theirs.spec)
        assert close(ours.datasets, theirs.datasets)


def close(one: Datasets | None, other: Datasets | None) -> bool:
    """Whether pictures look the same: a last digit of what is drawn may be the platform's."""
    if one is None or other is None:
        return one is other
    return one.keys() == other.keys() and all(
        len(one[name]) == len(other[name])
        and all(
            ours.keys() == theirs.keys() and all(near(ours[column], theirs[column]) for column in ours)
            for ours, theirs in zip(one[name], other[name], strict=True)
        )
        for name in one
    )


def near(one: object, other: object) -> bool:
    numbers = isinstance(one, float) and isinstance(other, float)
    return math.isclose(one, other, rel_tol=0.01, abs_tol=0.002) if numbers else one == other  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(name, marks=[] if name in NAMED else pytest.mark.data)
        for name in sorted({path.parent.name for path in RESULTS})
    ],
)
def test_names_of_samples_are_the_tasks(task: str) -> None:
    with dataset.here_only():
        for subset in SUBSETS:
            asked, told = names_of_samples(tasks.load(task), subset), scored.sample_names(tasks.load(task), subset)
            assert told is not None
            if isinstance(asked, DatasetUnavailable):
                pytest.skip(str(asked))
            assert told == asked


def test_nothing_is_left_of_results_that_went() -> None:
    assert {path.name for path in scored.FOLDER.glob("*/*")} == {scored.path_of(path).name for path in RESULTS}
    ran = {path.parent.name for path in RESULTS}
    assert {path.name.partition(".")[0] for path in scored.FOLDER.glob("*.*")} <= ran | {"samples"}


def test_what_results_have_in_common_ships_once() -> None:
    for task in sorted({path.parent.name for path in RESULTS}):
        common = scored.common(scored.FOLDER / task)
        parts = [scored.parts(path) for path in sorted((scored.FOLDER / task).glob("*"))]
        assert common == common_columns.several(parts), "to mend: python -m leaderboard.ranking.score_published"
        told = [scored.unpack(path) for path in sorted((scored.FOLDER / task).glob("*"))]
        assert all(any(name in text for text in told) for name in common)


def test_a_file_is_read_while_columns_are_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Killed before any of its writes, the sharing leaves files that say what they said."""
    figures = tmp_path / "scored"
    (figures / "eos").mkdir(parents=True)
    shipped = sorted((scored.FOLDER / "eos").glob("*"))[:3]
    for path in shipped[:2]:
        shutil.copy(path, figures / "eos")
    shutil.copy(scored.FOLDER / "eos.json.xz", figures)
    scored._write(figures / "eos" / shipped[2].name, "\n".join(map(json.dumps, scored.parts(shipped[2]))))
    monkeypatch.setattr(scored, "FOLDER", figures)
    said = {path.name: scored.parts(path) for path in figures.glob("eos/*")}
    write, left = scored._write, 0

    def some(path: Path, text: str) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        write(path, text)

    monkeypatch.setattr(scored, "_write", some)
    deaths = 0
    while not left:
        left = 1
        try:
            scored.share_columns()
        except KeyboardInterrupt:  # before each write but the first
            deaths += 1
            assert {path.name: scored.parts(path) for path in figures.glob("eos/*")} == said
    assert deaths > 0
    assert {path.name: scored.parts(path) for path in figures.glob("eos/*")} == said
    assert scored.common(figures / "eos") == common_columns.several(said.values())


def test_without_its_records_a_published_result_is_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a wheel, which has no records."""
    path = tmp_path / "eos" / ONE.name
    path.parent.mkdir()
    shutil.copy(ONE, path)
    whole = read_entry(ONE)
    monkeypatch.setattr(collecting, "PUBLISHED", tmp_path)
    entry = read_entry(path)
    assert (entry.rows, entry.result, entry.panels) == (whole.rows, whole.result, whole.panels)


def test_figures_of_what_changed_alone_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results, figures = tmp_path / "results", tmp_path / "scored"
    for name in ("chgnet-0.3.0", "sevennet-0"):
        path = results / "eos" / f"{name}@conservative.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".json", ".parquet"):
            shutil.copyfile(ONE.with_name(f"{name}@conservative{suffix}"), path.with_suffix(suffix))
    monkeypatch.setattr(score_published, "PUBLISHED", results)
    monkeypatch.setattr(collecting, "PUBLISHED", results)
    monkeypatch.setattr(scored, "FOLDER", figures)
    monkeypatch.setattr(crystals, "FOLDER", tmp_path / "crystals")
    assert len(score_published.write_changed()) == 2
    (figures / "eos" / "gone@conservative.json.xz").write_bytes(b"")
    path = results / "eos" / ONE.name
    path.write_text(path.read_text() + "\n")
    before = {each.name: each.read_bytes() for each in figures.glob("*/*")}
    assert score_published.write_changed() == [path]
    after = {each.name: each.read_bytes() for each in figures.glob("*/*")}
    assert {name for name in before if before[name] != after.get(name)} == {
        "gone@conservative.json.xz",
        f"{ONE.stem}.json.xz",
    }
    for ours, theirs in zip(read_entry(path).rows, read_entry(ONE).rows, strict=True):
        assert [name for name in ours if not alike(ours[name], theirs[name])] == []


def test_a_changed_result_is_scored_from_its_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "eos" / ONE.name
    path.parent.mkdir()
    for file in (ONE, ONE.with_suffix(".parquet")):
        shutil.copy(file, path.parent)
    monkeypatch.setattr(collecting, "PUBLISHED", tmp_path)
    assert isinstance(read_entry(path).records, StoredRecords)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert not isinstance(read_entry(path).records, StoredRecords)


def test_records_are_the_files_and_read_late() -> None:
    records = read_entry(ONE).records
    assert isinstance(records, StoredRecords)
    stored = read_records(ONE.with_suffix(".parquet"))
    bare = [record.model_copy(update={"outputs": {}}) for record in stored]
    for ours, theirs in zip(records.accounts, bare, strict=True):
        assert ours.seconds == pytest.approx(theirs.seconds, rel=1e-6)
        assert ours.model_copy(update={"seconds": theirs.seconds}) == theirs
    some = frozenset(record.sample for record in stored[3:5])
    part = records.of(some)
    assert part.samples == some
    assert len(part) == 2
    assert "_read" not in vars(records)
    assert list(part) == stored[3:5]
    assert list(records) == stored
