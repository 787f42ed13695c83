"""Words: code, messages and pages use the field's standard terms, so that a reader finds a subject by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SUFFIXES = {".css", ".j2", ".js", ".md", ".py"}

INSTEAD = {
    "sound model": r"\bsound (?:model|potential)s?\b",  # reference (unperturbed) model
    "dial": r"\bdials?\b|\bdialled\b",  # perturbation, amplitude
    "ladder": r"\bladders?\b|\brungs?\b|\bclimb(?:s|ed|ing)?\b",  # mitigation, mitigation step
    "remedy": r"\bremed(?:y|ies|ied)\b",  # mitigation step
    "symmetry tax": r"\btax(?:es)?\b",  # displacement-count ratio
    "essay": r"\bessays?\b",  # article, page
    "ASE face": r"(?<!hugging )\bfaces?\b",  # interface
    # rotated; rotational equivariance; inversion equivariance
    "turned answers": r"\bturned (?:answers?|crystals?|cop(?:y|ies))\b|\banswers? turns?\b|\bmirror images?\b",
    "buys": r"\bbuys?\b",  # accuracy gain
    "learnt": r"\blearnt\b",  # learned
    "obituary": r"\bobituar(?:y|ies)\b|\blast words\b|\bnobody(?:'s| else's) business\b|\bstrangers?\b|\bsome day\b",
}
"""Word that the project does not use → its pattern; beside it what the project writes instead."""

PERSISTED = re.compile(
    r"""
    "ladder" | `ladder` | "rungs" | \bdefinitions(?:\.|\ import\ )ladder\b
    | \btasks\.ladder\b | \bviews\.ladder\b | \bladder-v\d+ | \bladder\.py\b
    | \bDial\b                               # type of a persisted field
    | \bdial=perturbation\b | \.dials?\b | \bdials?: | "dials?"      # fields of the tolerance curves and their protocol
    | \.dialled\b | \bdialled[:=] | "dialled"  # field of the calibration
    | \bsound_stable\w* | \bspace_group_sound\b  # fields of the tolerance curves
    | \.tax\b | \btax: | \bsymmetry_tax\w* | \bremedied_\w+     # metrics
    """,
    re.VERBOSE,
)
"""Names that stand in files of results and protocols, and keep their words."""


def sources(package: str, files: tuple[str, ...]) -> list[Path]:
    """Code and pages of a package; results are data, and the viewer of crystals is others' code."""
    left_out = ("leaderboard/results/", "leaderboard/site/static/3Dmol.")
    return [
        ROOT / name
        for name in files
        if name.startswith(package) and Path(name).suffix in SUFFIXES and not name.startswith(left_out)
    ]


def found(text: str) -> list[str]:
    """`line: word (text)` for each word that has a better one."""
    hits = []
    for number, line in enumerate(text.splitlines(), start=1):
        free = PERSISTED.sub("", line)
        hits += [
            f"{number}: {word} ({line.strip()})"
            for word, pattern in INSTEAD.items()
            if re.search(pattern, free, re.IGNORECASE)
        ]
    return hits


@pytest.mark.parametrize("package", ["leaderboard/", "zoo/", "evaluation/", "README.md"])
def test_the_fields_words_are_used(package: str, project_files: tuple[str, ...]) -> None:
    paths = sources(package, project_files)
    assert paths
    hits = [f"{path.relative_to(ROOT)}:{hit}" for path in paths for hit in found(path.read_text(encoding="utf-8"))]
    assert hits == []


@pytest.mark.parametrize(
    "line",
    ["a rung of the ladder", "the sound model, dialled", "learnt from data", "What a remedy buys", "turned answers"],
)
def test_a_picture_is_found(line: str) -> None:
    assert found(line)


@pytest.mark.parametrize("line", ['views.view("ladder")', "point.dial == perturbation", 'row["symmetry_tax_free"]'])
def test_a_persisted_name_is_not(line: str) -> None:
    assert found(line) == []
