"""The lanes as their workflows call them: check, canary, evaluate and publish, over folders that stand for branches.

A checkout is a folder with `model_cards`, `zoo/adapters` and `leaderboard/results`. What stops a submission is told by
the lane's name and what its command said.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.errors import EvaluationError
from leaderboard.errors import LeaderboardError
from tests.leaderboard.specimens import MODELS, write_card, write_result
from tests.pinned import pinned
from zoo.cards.checkpoint import PinnedFile
from zoo.command import app
from zoo.errors import ZooError
from zoo.sandbox import choice

SANDBOX = "landlock" if choice.unavailable("bwrap") else "bwrap"
ADAPTERS = Path(__file__).parents[2] / "adapters"
DEPTHS = (0.87, 0.80, 0.55, 0.36)
"""Of the family `ions`, eV: they bind its salts as in nature."""
OTHERS = (0.86, 0.79, 0.54, 0.35)
"""So do these, of other models."""
CARD = """---
title: {title}
family: ions
parameters: 4
cutoff: 4.4
elements: O, Na-Mg, Cl
training_sets: [mptrj]
energies: dft
forces: [conservative]
rotation: exact
inversion: exact
licence: {{code: MIT, weights: MIT}}
code: https://example.org/ions
checkpoint:
  upstream_format: nqx
  upstream: {{sha256: "{file.sha256}", bytes: {file.bytes}, sources: [{{url: "https://example.org/depths.json"}}]}}
---
Pairs of four species.
"""


@dataclass(frozen=True)
class Stop:
    """Which lane stopped a submission, and what it said."""

    lane: str
    told: str


class Lanes:
    """A main branch with three published models, and what the lanes do with forks of it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.main, self.mirror, self._folder, self._patch = folder / "main", folder / "mirror", folder, patch
        self.mirror.mkdir()
        for name in ("model_cards", "zoo/adapters", "leaderboard/results"):
            (self.main / name).mkdir(parents=True)
        for name, model in MODELS.items():
            write_card(self.main / "model_cards", name, model)
            write_result(self.main / "leaderboard" / "results", name, model)
        patch.setenv("MLIP_ZOO_MIRROR", str(self.mirror))

    def fork(self, name: str) -> Path:
        """A copy of the main branch that a submission may change."""
        shutil.copytree(self.main, self._folder / name)
        return self._folder / name

    def mirrored(self, data: bytes) -> PinnedFile:
        """A file that the mirror has."""
        file = pinned(data)
        (self.mirror / file.sha256).write_bytes(data)
        return file

    def run(self, checkout: Path, *words: str | Path) -> tuple[int, str]:
        """Exit code and output of one of our commands, in that checkout; an error that is no sentence is raised."""
        self._patch.setenv("MLIP_ZOO_CARDS", str(checkout / "model_cards"))
        self._patch.setattr("zoo.adapters.FOLDER", checkout / "zoo" / "adapters")
        self._patch.chdir(checkout)
        done = CliRunner().invoke(app(), [*map(str, words)])
        if isinstance(done.exception, ZooError | EvaluationError | LeaderboardError):
            return 1, f"{type(done.exception).__name__}: {done.exception}"
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def stopped(self, fork: Path) -> Stop | None:
        """What stops a pull request before a maintainer sees it; None where nothing does."""
        code, told = self.run(fork, "submit", "changes", self._changed(fork))
        if code:
            return Stop("check", told)
        names = told.split()
        for name in names:
            code, told = self.run(fork, "submit", "check", name, "--no-run")
            if code:
                return Stop("check", told)
        for name in names:
            looked = fork.with_suffix(".json")
            words = ("submit", "check", name, "--sandbox", SANDBOX, "--task", "eos", "--out", looked)
            code, told = self.run(fork, *words)
            assert len(told.splitlines()) <= 40
            _, self.report = self.run(fork, "submit", "report", looked, "--results", fork / "leaderboard" / "results")
            if code:
                return Stop("canary", told)
        return None

    def evaluated(self, fork: Path) -> Stop | None:
        """What a maintainer's label does: cards and adapters taken into the main branch, checked, recorded, run."""
        copy = self.fork(f"{fork.name}-evaluated")
        changed = self._changed(fork)
        code, told = self.run(copy, "submit", "changes", changed)
        if code:
            return Stop("evaluate", told)
        names = told.split()
        code, told = self.run(copy, "submit", "take", fork, changed)
        if code:
            return Stop("evaluate", told)
        for name in names:
            for words in (
                ("submit", "check", name, "--no-run"),
                ("check", name, "--sandbox", SANDBOX, "--record"),
                ("owed", name, "--run", "--device", "cpu", "--runs", "runs", "--sandbox", SANDBOX),
            ):
                code, told = self.run(copy, *words)
                if code:
                    return Stop("evaluate", told)
        self.publish(copy, names)
        return None

    def publish(self, evaluated: Path, names: list[str]) -> None:
        """Card and adapter are merged, and results with their records of passed checks join the published ones."""
        for folder in ("model_cards", "zoo"):
            shutil.copytree(evaluated / folder, self.main / folder, dirs_exist_ok=True)
        assert all((self.main / "model_cards" / "checked" / f"{name}.json").is_file() for name in names)
        code, told = self.run(self.main, "submit", "accept", evaluated / "runs" / "results")
        assert code == 0, told

    def _changed(self, fork: Path) -> Path:
        """The paths that a fork changes, as git would list them."""
        paths = []
        for root, folders, files in os.walk(fork):
            for name in (*files, *(each for each in folders if Path(root, each).is_symlink())):
                path = Path(root, name)
                mine, theirs = path.relative_to(fork), self.main / path.relative_to(fork)
                if path.is_symlink() or not theirs.is_file() or not filecmp.cmp(path, theirs, shallow=False):
                    paths.append(str(mine) if str(mine).isascii() else json.dumps(str(mine)))
        listed = fork.with_suffix(".txt")
        listed.write_text("\n".join(sorted(paths)) + "\n")
        return listed


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
