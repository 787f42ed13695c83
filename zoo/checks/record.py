"""Record: a passing check becomes what makes an entry verified, beside its card."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime
from pathlib import Path

from zoo import adapters
from zoo.cards import checked, index
from zoo.cards.mode import Mode
from zoo.checkpoints.model_files import loaded_sha256
from zoo.checks.commit import commit
from zoo.checks.finding import Conformance
from zoo.errors import CardError
from zoo.files import sha256


def record(name: str, mode: Mode, report: Conformance, *, device: str) -> Path:
    """Write a passing check beside the card; returns the file.

    Raises CardError for a report that did not pass, and for a checkpoint that the card itself does not pin: whoever
    reads the record has to know which bytes were checked.
    """
    card = index.card(name)
    if not report.passed:
        raise CardError(f"{name}: nothing is recorded, because {len(report.failed)} checks failed")
    card.require_pinned()
    found = checked.Passed(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit(),
        version=importlib.metadata.version("mlip-zoo"),
        device=device,
        checkpoint_sha256=loaded_sha256(card.checkpoint),
        adapter_sha256=sha256(adapters.FOLDER / f"{card.family}.py"),
        claims_sha256=card.claims_sha256,
        passed=len(report.with_status("passed")),
        canary=report["canary"].status == "passed",
        defects=tuple(verdict.name for verdict in report.with_status("declared")),
    )
    return checked.write(index.path(name), str(mode), found)
