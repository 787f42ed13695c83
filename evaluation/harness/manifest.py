"""Manifest: what a result says of its run, from the run's conditions and the origin of its records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.harness.origin import Origin
from evaluation.ledger import Ledger
from evaluation.record import Record
from evaluation.result import Cost, Counts, Extended, Hardware, Run
from evaluation.subset import Subset
from evaluation.task import Task


def manifest(
    conditions: Mapping[str, Any],
    origin: Origin,
    records: Sequence[Record],
    *,
    ledger: Ledger | None,
    task: Task,
    subset: Subset,
    commits: Sequence[str | None],
    started: str,
    finished: str,
    other_hardware: Sequence[Hardware] = (),
) -> Run:
    """The manifest of records that were made under these conditions.

    origin: of the process that speaks for all; its peak memory is the result's.
    commits: of all that ran, oldest first; each is named once.
    """
    extends = conditions.get("extends")
    return Run(
        entry=conditions["entry"],
        card=conditions["entry"].partition("@")[0],
        checkpoint_sha256=conditions["checkpoint_sha256"],
        pinned_by=conditions.get("pinned_by"),
        task=task.name,
        protocol_version=task.protocol.version,
        protocol_sha256=conditions["protocol_sha256"],
        dataset_sha256=conditions["dataset_sha256"],
        subset=subset,
        device=conditions["device"],
        threads=conditions["threads"],
        hardware=origin.hardware,
        other_hardware=tuple(other_hardware) or None,
        python=origin.python,
        packages=origin.packages,
        model_packages=dict(sorted(conditions["model_packages"].items())),
        version=origin.version,
        extended=None if extends is None else Extended.model_validate_json(json.dumps(extends)),
        commits=tuple(dict.fromkeys(commits)),
        started=started,
        finished=finished,
        counts=Counts.of(records),
        cost=Cost.of(
            records, calls_per_answer=origin.calls_per_answer, peak_memory_gb=origin.peak_memory_gb, ledger=ledger
        ),
    )
