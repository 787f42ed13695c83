"""Scoring others' predictions: `mlip-zoo score discovery`. No model runs."""

from __future__ import annotations

from pathlib import Path

from evaluation.metrics.discovery import MOST_STABLE, Discovery, above_hull, discovery, most_stable
from evaluation.reference.wbm_labels import read_labels, read_predictions

BIASED = (
    "NOT A BENCHMARK RESULT. These labels of an eighth of WBM were read off published plots, one crystal per bin of "
    "density, to three decimals, and badly predicted crystals are over-represented: CHGNet's MAE is 0.111 eV/atom on "
    "them and 0.063 on all. The figures check the scorer and nothing else."
)


def score_discovery(
    predictions: Path, *, labels: Path | None = None, column: str | None = None, biased_sample: bool = False
) -> dict[str, Discovery]:
    """Scores on `full`, `unique_prototypes` and `most_stable_10k`; on `biased_sample` alone where that is asked for.

    `labels` is WBM's summary table as Matbench Discovery publishes it. Raises DatasetUnavailable, PredictionsError.
    """
    known = read_labels(labels, biased_sample=biased_sample)
    pred = read_predictions(predictions, known, column=column)
    if biased_sample:
        return {"biased_sample": discovery(known.e_above_hull, known.e_form, pred)}
    found = {"full": discovery(known.e_above_hull, known.e_form, pred)}
    if known.unique is not None:
        hull, form, mine = (numbers[known.unique] for numbers in (known.e_above_hull, known.e_form, pred))
        found["unique_prototypes"] = discovery(hull, form, mine)
        chosen = most_stable(above_hull(hull, form, mine), MOST_STABLE)
        prevalence = found["unique_prototypes"].prevalence
        found["most_stable_10k"] = discovery(hull[chosen], form[chosen], mine[chosen], prevalence=prevalence)
    return found
