"""Provenance outside a git checkout: the commit is what the user says, or none."""

from __future__ import annotations

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
