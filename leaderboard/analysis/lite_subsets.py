"""Lite subsets: which part of a task's samples, at the price of `fast`, ranks entries as all of them do.

    python -m leaderboard.analysis.lite_subsets    # writes leaderboard/lite.json anew from the published results

Nothing here changes a subset: the lists are proposals with their figures. A list that was searched with the very
entries that it is judged by looks better than it is, so each is also judged by entries that its search did not see:
a search for each checkpoint left out, and the pairs that this checkpoint is part of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leaderboard.analysis.rank_correlation import correlate
from zoo.strict import Strict

Array = NDArray[np.float64]
Picked = NDArray[np.bool_]

FILE = Path(__file__).parents[1] / "lite.json"
STARTS, SWAPS = 20, 300
SEED = 20_261_127
FEWEST_SHARED = 0.8
"""Share of the samples that an entry must have to count: all are compared on the samples that all of them have."""


@dataclass(frozen=True)
class Scores:
    """One task's headline, sample by sample."""

    values: Array
    """(entries, samples), no gaps."""
    samples: tuple[str, ...]
    checkpoints: tuple[str, ...]
    """Whose mode each entry is."""
    prices: Array
    """(samples,) seconds, relative to the others."""
    fast: Picked
    """(samples,)"""
    canary: Picked
    median: bool
    """Whether the headline is the median over samples, and not the mean."""

    def of(self, picked: Picked) -> Array:
        """Headline (entries,) on some samples."""
        part = self.values[:, picked]
        return np.asarray(np.median(part, axis=1) if self.median else part.mean(axis=1))

    def without(self, checkpoint: str) -> Scores:
        """The same without one checkpoint's entries."""
        kept = [index for index, name in enumerate(self.checkpoints) if name != checkpoint]
        return Scores(
            self.values[kept],
            self.samples,
            tuple(self.checkpoints[index] for index in kept),
            self.prices,
            self.fast,
            self.canary,
            self.median,
        )


class Agreement(Strict):
    """How a list ranks entries, beside all samples."""

    kendall: float | None
    """τ_b over the entries; None for fewer than two."""
    low: float | None
    high: float | None
    """95 % interval over checkpoints; None where they are too few."""
    largest_rank_change: int
    error: float
    """Root mean square of ln(headline on the list / on all samples)."""
    price: float
    """Share of the price of all samples."""
    unseen_pairs: int | None = None
    unseen_concordant: float | None = None
    """Of pairs with a checkpoint that the search did not see, the share in the order of all samples. Of a list that was
    not searched: of the same pairs."""
    unseen_error: float | None = None
    """|ln| error of the unseen entries' headlines, root mean square."""


class Lite(Strict):
    """One task's proposal."""

    task: str
    entries: list[str]
    samples: int
    """That all of the entries have."""
    fast: Agreement
    lite: Agreement | None = None
    names: list[str] = Field(default_factory=list)
    """The proposed list, canaries included."""
    reason: str | None = None
    """Why there is no proposal."""

    @property
    def better(self) -> bool:
        """Whether the list keeps its promise on entries that its search did not see."""
        if self.lite is None or self.lite.unseen_concordant is None or self.fast.unseen_concordant is None:
            return False
        return self.lite.unseen_concordant > self.fast.unseen_concordant


def agreement(scores: Scores, picked: Picked) -> Agreement:
    """Of a list that was not searched with these entries."""
    whole, part = scores.of(np.ones(len(scores.samples), dtype=bool)), scores.of(picked)
    found = correlate(list(whole), list(part), scores.checkpoints)
    ranks = [np.argsort(np.argsort(values)) for values in (whole, part)]
    tau = found.kendall
    value = tau.value if tau else _tau(whole, part)
    return Agreement(
        kendall=value,
        low=tau.low if tau else None,
        high=tau.high if tau else None,
        largest_rank_change=int(np.abs(ranks[0] - ranks[1]).max()),
        error=_error(whole, part),
        price=float(scores.prices[picked].sum() / scores.prices.sum()),
    )


def search(scores: Scores, *, seed: int = SEED) -> Picked:
    """The list that ranks these entries best at no more than the price of `fast`, canaries included.

    From random lists, samples are exchanged as long as more pairs come into order, or as many with a smaller error of
    the headline.
    """
    rng = np.random.default_rng(seed)
    budget = scores.prices[scores.fast | scores.canary].sum()
    whole = scores.of(np.ones(len(scores.samples), dtype=bool))
    best, best_value = scores.fast | scores.canary, (-np.inf, -np.inf)
    for _ in range(STARTS):
        picked = _random(scores, budget, rng)
        value = _value(scores, whole, picked)
        for _ in range(SWAPS):
            other = _exchanged(scores, picked, budget, rng)
            if other is not None and (found := _value(scores, whole, other)) > value:
                picked, value = other, found
        if value > best_value:
            best, best_value = picked, value
    return best


def unseen(scores: Scores, lists: dict[str, Picked]) -> tuple[int, float, float]:
    """Pairs, share of them in order, and error, of each checkpoint's entries on the list that was made without it."""
    whole = scores.of(np.ones(len(scores.samples), dtype=bool))
    concordant, pairs, errors = 0, 0, []
    for checkpoint, picked in lists.items():
        part = scores.of(picked)
        for one in (index for index, name in enumerate(scores.checkpoints) if name == checkpoint):
            errors.append(np.log(part[one] / whole[one]))
            for other in (index for index, name in enumerate(scores.checkpoints) if name != checkpoint):
                pairs += 1
                concordant += int(np.sign(part[one] - part[other]) == np.sign(whole[one] - whole[other]))
    return pairs, concordant / pairs, float(np.sqrt(np.mean(np.square(errors))))


def propose(task: str, entries: Sequence[str], scores: Scores, *, fewest: int) -> Lite:
    """The proposal for a task, judged by what its search saw and by what it did not."""
    fast = agreement(scores, scores.fast | scores.canary)
    owners = list(dict.fromkeys(scores.checkpoints))
    unsearched = Lite(task=task, entries=list(entries), samples=len(scores.samples), fast=fast)
    if len(owners) < fewest:
        reason = f"{len(owners)} checkpoints have results on all samples; a search that leaves one out takes {fewest}"
        return unsearched.model_copy(update={"reason": reason})
    without = {owner: search(scores.without(owner)) for owner in owners}
    as_it_is = dict.fromkeys(owners, scores.fast | scores.canary)
    chosen = search(scores)
    judged = []
    for found, lists in ((fast, as_it_is), (agreement(scores, chosen), without)):
        pairs, share, error = unseen(scores, lists)
        told_of = {"unseen_pairs": pairs, "unseen_concordant": share, "unseen_error": error}
        judged.append(found.model_copy(update=told_of))
    names = [name for name, taken in zip(scores.samples, chosen, strict=True) if taken]
    return unsearched.model_copy(update={"fast": judged[0], "lite": judged[1], "names": names})


def _random(scores: Scores, budget: float, rng: np.random.Generator) -> Picked:
    picked = scores.canary.copy()
    for index in rng.permutation(len(scores.samples)):
        if not picked[index] and scores.prices[picked].sum() + scores.prices[index] <= budget:
            picked[index] = True
    return picked


def _exchanged(scores: Scores, picked: Picked, budget: float, rng: np.random.Generator) -> Picked | None:
    inside, outside = np.flatnonzero(picked & ~scores.canary), np.flatnonzero(~picked)
    if not (inside.size and outside.size):
        return None
    other = picked.copy()
    other[rng.choice(inside)], other[rng.choice(outside)] = False, True
    return other if scores.prices[other].sum() <= budget else None


def _value(scores: Scores, whole: Array, picked: Picked) -> tuple[float, float]:
    part = scores.of(picked)
    return _tau(whole, part) or 0.0, -_error(whole, part)


def _error(whole: Array, part: Array) -> float:
    return float(np.sqrt(np.mean(np.log(part / whole) ** 2)))


def _tau(whole: Array, part: Array) -> float | None:
    """Kendall's τ of values without ties."""
    upper = np.triu_indices(len(whole), k=1)
    if not upper[0].size:
        return None
    signs = (np.sign(values[:, None] - values[None, :])[upper] for values in (whole, part))
    return float(np.prod([*signs], axis=0).mean())


def read(path: Path = FILE) -> list[Lite]:
    """The published proposals. Raises OSError, ValueError."""
    import json

    return [Lite.model_validate(each) for each in json.loads(path.read_text(encoding="utf-8"))]


def _published() -> Iterator[Lite]:
    """Proposals for all tasks of which several published results have all samples."""
    from evaluation import task as tasks
    from evaluation.result import read_result
    from evaluation.scoring import ranked
    from leaderboard.ranking import scored
    from leaderboard.ranking.collect import PUBLISHED, sample_names
    from leaderboard.ranking.overview import MAIN_THEORY

    for name in tasks.names():
        task = tasks.load(name)
        paths = [
            path
            for path in sorted((PUBLISHED / name).glob("*.json"))
            if read_result(path).run.subset == "full" and _theory(path.stem) == (task.reference_theory or MAIN_THEORY)
        ]
        if len(paths) < 2:
            continue
        parts = [sample_names(name, subset) for subset in ("canary", "fast", "full")]
        sets = [part for part in parts if isinstance(part, frozenset)]
        if len(sets) < 3:
            continue
        column = task.metrics[0].name
        read = {path.stem: scored.read(path, path.with_suffix(".parquet")) for path in paths}
        whole = {
            entry: known
            for entry, known in read.items()
            if known is not None and {account[0] for account in known.accounts} == sets[2]
        }
        # of relaxation half of the samples: the other start has a headline of its own
        counted = {entry: ranked(task, known.rows) for entry, known in whole.items()}
        most = max(map(len, counted.values()), default=0)
        found: dict[str, dict[str, float]] = {}
        prices: dict[str, list[float]] = {}
        for entry, rows in counted.items():
            values = {str(row["sample"]): row[column] for row in rows if row[column] is not None}
            numbers = {sample: abs(float(str(value))) for sample, value in values.items()}
            if len(numbers) >= FEWEST_SHARED * most:
                found[entry] = numbers
                for sample, *_, seconds in whole[entry].accounts:
                    prices.setdefault(sample, []).append(seconds)
        if len(found) < 2:
            continue
        shared = sorted(set.intersection(*(set(values) for values in found.values())))
        yield propose(
            name,
            sorted(found),
            Scores(
                values=np.array([[found[entry][sample] for sample in shared] for entry in sorted(found)]),
                samples=tuple(shared),
                checkpoints=tuple(entry.partition("@")[0] for entry in sorted(found)),
                prices=np.array([float(np.median(prices[sample])) for sample in shared]),
                fast=np.array([sample in sets[1] for sample in shared]),
                canary=np.array([sample in sets[0] for sample in shared]),
                median=task.metrics[0].average == "median",
            ),
            fewest=FEWEST_CHECKPOINTS,
        )


def _theory(entry: str) -> str:
    from zoo.cards import index

    card, mode = index.resolve(entry)
    return card.theory(mode.fidelity)


FEWEST_CHECKPOINTS = 6
"""For a search that leaves one out: of five, every second pair is one with it."""


def main() -> None:
    """Write the proposals."""
    from zoo.files import write_json

    write_json(FILE, [proposal.model_dump(mode="json") for proposal in _published()])


if __name__ == "__main__":
    main()
