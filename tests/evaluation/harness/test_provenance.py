"""Provenance outside a git checkout: the commit is what the user says, or none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evaluation.harness import provenance
from zoo.checks import commit as source


@pytest.mark.parametrize(("said", "named"), [("0123abc", "0123abc"), ("", None)])
def test_outside_a_checkout_the_user_names_the_commit(
    monkeypatch: pytest.MonkeyPatch, said: str, named: str | None
) -> None:
    monkeypatch.setenv("MLIP_ZOO_COMMIT", said)
    monkeypatch.setattr(source, "_git", lambda *_: None)
    assert provenance.commit() == named


def test_a_checkout_names_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLIP_ZOO_COMMIT", "0123abc")
    monkeypatch.setattr(source, "_git", lambda _, command, *__: "fedcba" if command == "rev-parse" else "")
    assert provenance.commit() == "fedcba"


def test_a_record_of_a_passed_check_does_not_make_a_checkout_dirty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def git(*words: str) -> None:
        person = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *person, *words], check=True, capture_output=True)

    code, record = tmp_path / "zoo" / "checks" / "commit.py", tmp_path / "model_cards" / "checked" / "toy.json"
    for file in (code, record):
        file.parent.mkdir(parents=True)
        file.write_text("1\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    monkeypatch.setattr(source, "__file__", str(code))
    clean = provenance.commit()
    assert clean is not None
    record.write_text("2\n")
    assert provenance.commit() == clean
    code.write_text("2\n")
    assert provenance.commit() == f"{clean}-dirty"
