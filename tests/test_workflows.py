"""The lanes: each workflow is YAML with few permissions and pinned actions, and its commands exist as it calls them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from zoo.command import app

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) for path in FOLDER.glob("*.yml")}
"""BaseLoader: `on` is a word, and every value a string."""
FROM_FORKS = {"check", "canary"}
"""What runs code of a pull request outside of our own checkout."""


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(lane, name, job) for lane, found in WORKFLOWS.items() for name, job in found["jobs"].items()]


def scripts(lane: str) -> list[str]:
    return [step["run"] for _, job in WORKFLOWS[lane]["jobs"].items() for step in job["steps"] if "run" in step]


def calls() -> list[tuple[str, list[str]]]:
    """Lane and words of every call of our command."""
    found = []
    for lane in WORKFLOWS:
        for line in "\n".join(scripts(lane)).splitlines():
            if match := re.search(r"\.venv/bin/mlip-zoo (.+?)(?= >| \|\||$)", line):
                words = shlex.split(re.sub(r"\$\([^)]*\)\)?\"?", "NAME", match[1]).replace('"NAME', "NAME"))
                found.append((lane, words))
    return found


def test_the_lanes_are_there() -> None:
    assert sorted(WORKFLOWS) == ["canary", "check", "evaluate", "pin", "publish"]
    assert len(calls()) >= 12


@pytest.mark.parametrize(("lane", "words"), calls(), ids=lambda value: value if isinstance(value, str) else value[0])
def test_commands_exist_with_their_options(lane: str, words: list[str]) -> None:
    words = list(words)
    command: Any = typer.main.get_command(app())
    while hasattr(command, "commands"):
        assert words[0] in command.commands, lane
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert [word for word in words if word.startswith("--") and word not in known] == []
    needed = [each for each in command.params if each.param_type_name == "argument" and each.required]
    assert len([word for word in words if not word.startswith("--")]) >= len(needed)


def test_only_our_commands_compute() -> None:
    ours = re.compile(r"\.venv/bin/mlip-zoo|make install|\.ci/run")
    for lane in WORKFLOWS:
        text = "\n".join(scripts(lane))
        assert ours.search(text)
        assert not re.search(r"\bpython3?\b|\bpip\b|\buv\b|\bcurl\b|\bwget\b", text), lane


@pytest.mark.parametrize(("lane", "name", "job"), jobs(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_job_has_a_limit_and_may_do_little(lane: str, name: str, job: dict[str, Any]) -> None:
    assert WORKFLOWS[lane]["permissions"] == {"contents": "read"}
    assert 0 < int(job["timeout-minutes"]) <= 1440, name
    if lane in {*FROM_FORKS, "evaluate"}:
        assert "permissions" not in job
    for step in job["steps"]:
        if action := step.get("uses"):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)


@pytest.mark.parametrize("lane", sorted({*FROM_FORKS, "evaluate"}))
def test_a_pull_request_gets_no_secret(lane: str) -> None:
    text = (FOLDER / f"{lane}.yml").read_text(encoding="utf-8")
    assert not re.search(r"secrets\.|github\.token|GH_TOKEN|GITHUB_TOKEN", text)
    checkouts = [step for _, _, job in jobs() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert checkouts
    for job in WORKFLOWS[lane]["jobs"].values():
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] == "false"


def test_what_a_pull_request_wrote_is_never_part_of_a_script() -> None:
    for lane in WORKFLOWS:
        assert not any("${{" in script for script in scripts(lane)), lane


def test_models_run_in_a_sandbox() -> None:
    running = [words for lane, words in calls() if words[:1] == ["check"] or words[:1] == ["owed"]]
    running += [words for _, words in calls() if words[:2] == ["submit", "check"] and "--no-run" not in words]
    assert len(running) == 4
    assert all(words[words.index("--sandbox") + 1] == "bwrap" for words in running)


def test_evaluation_is_of_the_labelled_commit_on_the_main_branch() -> None:
    lane = WORKFLOWS["evaluate"]
    assert lane["on"] == {"pull_request_target": {"types": ["labeled"]}}
    (job,) = lane["jobs"].values()
    assert job["if"] == "github.event.label.name == 'evaluate'"
    assert [step["with"]["ref"] for step in job["steps"] if "checkout" in step.get("uses", "")] == ["main"]
    assert any("github.event.pull_request.head.sha" in str(step.get("env")) for step in job["steps"])
    assert WORKFLOWS["publish"]["jobs"]["publish"]["if"] == "github.ref == 'refs/heads/main'"


def test_actionlint_knows_the_labels_of_our_own_machines() -> None:
    """A label that it does not know fails every pull request."""
    known = yaml.safe_load((ROOT / ".github" / "actionlint.yaml").read_text(encoding="utf-8"))
    ours = {label for _, _, job in jobs() if isinstance(job["runs-on"], list) for label in job["runs-on"]}
    assert ours == {"self-hosted", *known["self-hosted-runner"]["labels"]}


def test_each_lane_is_on_the_page_for_contributors() -> None:
    page = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"| `{lane}` |" in page for lane in WORKFLOWS)
