"""Glossary: the terms of the pages, each in one or two sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A term and its meaning here."""

    key: str
    """Its anchor."""
    name: str
    text: str


_OF_METRIC = {
    "asr_": "acoustic-sum-rule",
    "conservation_": "conservative",
    "delta": "delta",
    "fc_asymmetry": "lambda",
    "gradient_": "conservative",
    "imaginary": "imaginary-modes",
    "lambda": "lambda",
    "loop_work": "conservative",
    "other_head": "direct",
    "raw_stable": "imaginary-modes",
    "relative_": "relative-cost",
    "remedied_": "averaging",
    "rotation_": "rotational-equivariance",
    "stability_": "imaginary-modes",
    "strict_stability_": "imaginary-modes",
    "usual_stable": "imaginary-modes",
}
"""Beginning of a metric's or a column's name → the term that it is about."""


def term_of(name: str) -> Term | None:
    """The term behind a metric or a column of figures; None where its own words say all."""
    key = next((key for start, key in _OF_METRIC.items() if name.startswith(start)), None)
    return next((term for term in TERMS if term.key == key), None)


TERMS = (
    Term(
        "acoustic-sum-rule",
        "Acoustic sum rule",
        "Moving a whole crystal costs nothing, so that the force constants of an atom with all others add to zero.",
    ),
    Term(
        "averaging",
        "Averaging over orientations",
        "A crystal is evaluated in several orientations; the mean of the answers, rotated back, has a smaller rotation "
        "error. o3-3, o3-5 and o3-7 are exact for errors up to that degree and take 42, 154 and 390 evaluations.",
    ),
    Term(
        "canary",
        "Canary",
        "The smallest subset of a task, without a download. It shows that a model runs, and ranks nothing.",
    ),
    Term(
        "conservative",
        "Conservative forces",
        "Forces and stress that are derivatives of one energy, so that work along a closed path is zero.",
    ),
    Term(
        "constraint-grade",
        "Constraint grade",
        "A letter for the ratio of the worst measured violation to the largest rounding error of single precision: A "
        "within it, B up to 10 times, C up to 100, D up to 1000, F beyond; the same in double precision. A claim that "
        "a card does not make is measured, and is not refuted.",
    ),
    Term(
        "delta",
        "Δ",
        "Root-mean-square distance between the energies of two equations of state over ±6 % in volume, meV/atom.",
    ),
    Term(
        "demonstration",
        "Demonstration model",
        "A small model trained by this project to show what an unconstrained potential does. It is shown and not "
        "ranked.",
    ),
    Term(
        "direct",
        "Direct forces",
        "Forces predicted by a head of their own, not as the gradient of the energy.",
    ),
    Term(
        "entry",
        "Entry",
        "A checkpoint in a mode: which force head, level of theory, averaging and floating-point type. What is ranked.",
    ),
    Term(
        "imaginary-modes",
        "Imaginary modes",
        "Vibrations with a negative squared frequency: the crystal is no minimum of the energy. Shown as negative "
        "frequencies.",
    ),
    Term(
        "interval",
        "Interval",
        "95 % bootstrap interval over samples: what another choice of equally many samples could have given.",
    ),
    Term(
        "lambda",
        "Force-constant asymmetry λ",
        "Norm of the antisymmetric part of the force Jacobian over that of the whole: zero for conservative forces.",
    ),
    Term(
        "other-theory",
        "Other level of theory",
        "A model trained on another functional than the reference's. Part of its error is the difference between the "
        "two; it is ranked apart.",
    ),
    Term(
        "protocol",
        "Protocol",
        "All numbers of a task, frozen under a version. Results of two versions are not ranked together.",
    ),
    Term(
        "relative-cost",
        "Relative cost",
        "Time of one answer over that of a reference model that ships with this package (pet-n), for the same "
        "structures, timed in turn in the same run on one CPU thread. 2: twice as slow.",
    ),
    Term(
        "rotational-equivariance",
        "Rotational equivariance",
        "Forces rotate with the crystal. It is built into some models and learned by others.",
    ),
    Term(
        "safe-for-phonons",
        "Safe for phonons",
        "Violations below the amplitude from which imaginary modes appear, stable solids found stable, frequencies "
        "that do not depend on the displacement. It says nothing about how accurate frequencies are.",
    ),
    Term(
        "stale",
        "Earlier protocol",
        "A result of another protocol, dataset or checkpoint than today's: shown, and not ranked.",
    ),
    Term(
        "subset",
        "Subset",
        "canary, fast or full: how many samples of a task were run. They are nested, and ranked apart.",
    ),
)
