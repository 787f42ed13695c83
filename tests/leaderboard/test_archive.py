"""Results and records in a dataset of a Hub on loopback, with the real client, and records back from there by hash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard import archive
from leaderboard.errors import PublishError
from leaderboard.ranking.collect import PUBLISHED
from tests.hub_server import Hub
from zoo import files
from zoo.command import app

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

NAMES = ("chgnet-0.3.0@conservative", "pet-tiny@conservative")
RESULTS = [PUBLISHED / "eos" / f"{name}.json" for name in NAMES]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Published results without their records, as in an installed package."""
    folder = tmp_path / "results" / "eos"
    folder.mkdir(parents=True)
    for path in RESULTS:
        shutil.copy(path, folder)
    return folder


def run(*command: str) -> str:
    done = CliRunner().invoke(app(), command)
    assert done.exit_code == 0, done.output
    return done.output


def test_records_come_back_by_hash_and_give_the_scores(hub: Hub, bare: Path) -> None:
    commit = archive.publish(RESULTS, "lab/results")
    assert hub.count("POST /api/datasets/lab/results/commit/") == 1
    assert run("records", "--from", "lab/results", "--results", str(bare.parent)) == "2 brought\n"
    for path in RESULTS:
        brought = bare / path.with_suffix(".parquet").name
        assert files.sha256(brought) == files.sha256(path.with_suffix(".parquet"))
    told = run("rescore", "eos", "--results", str(bare.parent), "--dry-run")
    assert [line.rpartition(": ")[2] for line in told.splitlines()] == ["unchanged", "unchanged"]
    asked = len(hub.requests)
    assert run("records", "eos", "--from", "lab/results", "--results", str(bare.parent)) == "0 brought\n"
    assert len(hub.requests) == asked
    assert archive.publish(RESULTS, "lab/results") == commit  # the same again is no new commit


def test_the_command_publishes_a_folder(hub: Hub, bare: Path) -> None:
    for path in RESULTS:
        shutil.copy(path.with_suffix(".parquet"), bare)
    assert "lab/results at " in run("publish", "lab/results", "--results", str(bare.parent))
    there = hub.repositories["datasets/lab/results"].history[-1].files
    assert {name for name in there if "/" in name} == {f"eos/{n}{end}" for n in NAMES for end in (".json", ".parquet")}


def test_other_records_are_not_kept(hub: Hub, bare: Path) -> None:
    commit = archive.publish(RESULTS, "lab/results")
    hub.add("datasets/lab/results", {f"eos/{NAMES[0]}.parquet": b"other"})
    with pytest.raises(PublishError, match="other records than"):
        archive.bring(bare / RESULTS[0].name, "lab/results")
    assert not list(bare.glob("*.parquet"))
    assert archive.bring(bare / RESULTS[0].name, "lab/results", revision=commit)


def test_a_result_that_is_not_the_published_one_gets_none(hub: Hub, bare: Path) -> None:
    archive.publish(RESULTS, "lab/results")
    path = bare / RESULTS[0].name
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    with pytest.raises(PublishError, match="no published result"):
        archive.bring(path, "lab/results")


def test_what_is_missing_is_named(hub: Hub, bare: Path) -> None:
    with pytest.raises(PublishError, match="has no records beside it"):
        archive.publish([bare / RESULTS[0].name], "lab/results")
    assert hub.repositories == {}
    with pytest.raises(PublishError, match="no such repository"):
        archive.bring(bare / RESULTS[0].name, "lab/results")
    done = CliRunner().invoke(app(), ["records", "--from", "lab/results", "--results", str(bare.parent)])
    assert done.exit_code == 1
