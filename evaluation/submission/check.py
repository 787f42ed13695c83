"""Check of a submission: everything that CI looks at, in order, into one report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.submission.canaries import canaries
from evaluation.submission.looked import Canary
from zoo.cards import index
from zoo.cards.card import Card
from zoo.checkpoints.convert import convert
from zoo.checkpoints.model_files import prepare
from zoo.checks.finding import Conformance
from zoo.checks.suite import check as run_checks
from zoo.errors import CheckpointError, ConversionError, WorkerError, ZooError
from zoo.loading import load
from zoo.potential import Potential
from zoo.progress import Say
from zoo.submission.report import Report, add_conformance
from zoo.submission.tensors import same_tensors


def look_at_model(
    report: Report,
    card: Card,
    *,
    runs: Path,
    names: Sequence[str],
    seconds: float,
    say: Say,
    opened: Callable[..., Potential] = load,
) -> tuple[Conformance | None, list[Canary]]:
    """Conformance, conversion, converted tensors, canaries of tasks. A model that does not load ends it."""
    try:
        found = conformance(card, say=say, opened=opened)
    except ZooError as error:
        report.wrong(f"it does not load: {error}", then=f"make zoo.load({card.name!r}) work; nothing else was checked")
        return None, []
    add_conformance(report, card, found)
    look_at_tensors(report, card, say=say)
    ran = canaries(card.name, names=names, seconds=seconds, runs=runs, say=say, opened=opened)
    for canary in ran:
        add_canary(report, canary)
    return found, ran


def conformance(card: Card, *, say: Say, opened: Callable[..., Potential] = load) -> Conformance:
    """Every check on the loaded model, in its default mode. Raises what loading raises."""
    with opened(card.name, device="cpu", threads=1) as potential:
        say("loading")
        _ = potential.info  # a model that does not load has nothing to be checked
        return run_checks(
            potential,
            card=potential.card,
            forces=potential.mode.forces,
            fidelity=potential.mode.fidelity,
            rotation=card.rotation or "learned",
            inversion=card.inversion or "learned",
            dtype=potential.mode.dtype,
            progress=say,
        )


def look_at_tensors(report: Report, card: Card, *, say: Say) -> None:
    """The conversion, where there is the authors' file, and whether another card has the same tensors."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            weights = _converted(report, card, Path(folder), say) if card.checkpoint.upstream else None
            weights = weights or prepare(card, say=say).get("weights")
            found = same_tensors(weights, card, index.survey().cards) if weights else []
    except (CheckpointError, ConversionError, WorkerError) as error:
        report.wrong(f"conversion: {error}", then=f"make 'mlip-zoo convert {card.name}' work, or let export refuse")
        return
    for each in found:
        report.wrong(f"duplicates: {each}", then="one checkpoint has one card; take this one back")


def _converted(report: Report, card: Card, folder: Path, say: Say) -> Path:
    done = convert(card, folder, say=say)
    if not done.exact:
        told = f"{len(done.different_tensors)} tensors, {done.energy_difference:g} eV, {done.force_difference:g} eV/Å"
        then = "let the adapter's export and load keep every tensor and setting"
        report.wrong(f"conversion: the converted model differs: {told}", then=then)
    elif (pinned := card.checkpoint.safetensors) and pinned.weights.sha256 != done.weights_sha256:
        then = f"'mlip-zoo convert {card.name}' prints what to put under checkpoint.safetensors"
        report.wrong("conversion: the card pins other converted weights", then=then)
    else:
        report.right(f"conversion: {done.tensors} tensors, equal bit by bit, as are {len(done.crystals)} crystals")
    return done.weights


def add_canary(report: Report, canary: Canary) -> None:
    """One task's canary."""
    text = f"canary of {canary}"
    again = f"'mlip-zoo evaluate {report.name} --task {canary.task} --subset canary' shows why"
    if canary.outcome == "ran":
        report.right(text)
    elif canary.outcome == "late":  # slow is no fault: the maintainer decides where it runs
        report.right(f"{text}; a larger machine has to run it")
    else:
        report.wrong(text, then=again)
