"""Board: the entries of one task and one subset, in order of rank. Results of different subsets never meet.

Subsets are nested: an entry that ran a larger one has a place on the smaller one's board, scored on its samples alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, cast

from evaluation.metric import Metric, Score
from evaluation.scoring import ranked
from evaluation.subset import SUBSETS, Subset
from evaluation.task import Task
from leaderboard.formatting import decimals, figure
from leaderboard.ranking.collect import Entry
from leaderboard.ranking.rank import MIN_COVERAGE, Rank, ranks, ranks_by_score

MIN_ENTRIES = 3
"""Entries of one level of theory that a rank takes."""
MOST_LEADING = 5
"""Metrics of a task that its page shows first."""


Unranked = Literal["few entries", "few samples", "demonstration", "mode", "stale", "missing", "canary"]
"""Kind of reason for having no rank: fewer than three entries, fewer than half of the samples, a model that this
project trained, another floating-point type of a ranked entry, an earlier protocol, no number, a canary."""


@dataclass(frozen=True)
class Place:
    """An entry on a board."""

    entry: Entry
    rank: Rank | None
    unranked: str | None
    """Why there is no rank."""
    kind: Unranked | None = None
    """The same as one of few kinds."""

    def score(self, metric: Metric) -> Score:
        """The entry's score; without a value where its result, from another protocol, has none of that name."""
        result = self.entry.result
        return result.scores.get(metric.name) or Score(value=None, n=0, n_missing=result.run.counts.total)


@dataclass(frozen=True)
class Board:
    """What one task says about the entries that ran one of its subsets."""

    task: Task
    subset: Subset
    places: tuple[Place, ...]
    """By level of theory: ranked entries by place, then the others by score; of a canary all by name."""
    shares_task: bool = False
    """Whether the task has boards of other subsets as well."""
    by_score: bool = False
    """Whether ranks follow the scores alone, without intervals: figures per sample need data that are not here."""

    @property
    def metric(self) -> Metric:
        """The one that ranks."""
        return self.task.metrics[0]

    @property
    def leading(self) -> tuple[Metric, ...]:
        """The metrics that its page shows first: all where they are few."""
        metrics = self.task.metrics
        return metrics if len(metrics) <= MOST_LEADING + 1 else metrics[:MOST_LEADING]

    @property
    def samples(self) -> int:
        """Samples of the subset."""
        return max(place.entry.result.run.counts.total for place in self.places)

    @property
    def ranked(self) -> int:
        """How many entries have a rank."""
        return sum(place.rank is not None for place in self.places)

    @property
    def is_canary(self) -> bool:
        """Whether it shows that models run, and ranks nothing."""
        return self.subset == "canary"

    @cached_property
    def by_theory(self) -> tuple[Board, ...]:
        """A board for each level of theory, of which no table and no figure has two: the reference's comes first.

        Where nothing is compared with a reference it is the one of most entries.
        """
        first = _first_theory([place.entry for place in self.places])
        theories = sorted({place.entry.theory for place in self.places}, key=lambda theory: (theory != first, theory))
        if len(theories) == 1:
            return (self,)
        found = {theory: tuple(p for p in self.places if p.entry.theory == theory) for theory in theories}
        return tuple(replace(self, places=places) for places in found.values())

    @property
    def theory(self) -> str:
        """Level of theory of its entries; of the first where there are several."""
        return self.places[0].entry.theory

    @property
    def caveats(self) -> tuple[str, ...]:
        """What was not checked of its entries, and which places contradict the scores; the same words once."""
        unchecked = dict.fromkeys(place.entry.caveat for place in self.places if place.entry.caveat)
        return (*unchecked, *self._contradictions())

    @cached_property
    def outranked(self) -> Mapping[str, tuple[Place, ...]]:
        """Entry → those of its theory that have a better place and a worse score; entries without any are left out.

        Places compare the samples that two entries have in common, a score is over all that its entry has.
        """
        sign = 1 if self.metric.better == "lower" else -1
        scores = [
            (place, place.rank.place, sign * value)
            for place in self.places
            if place.rank and (value := place.score(self.metric).value) is not None
        ]
        found = {
            place.entry.name: tuple(
                other
                for other, ahead, score in scores
                if other.entry.theory == place.entry.theory and ahead < rank and score > mine
            )
            for place, rank, mine in scores
        }
        return {name: others for name, others in found.items() if others}

    def _contradictions(self) -> Iterator[str]:
        told = [
            f"{_with_score(part, place)} is behind {', '.join(_with_score(part, other) for other in others)}"
            for part in self.by_theory
            for place in part.places
            if (others := part.outranked.get(place.entry.name))
        ]
        if told:
            equal = ", where what rounding explains is equal" if self.metric.rounding else ""
            yield (
                f"†: places compare the samples that two entries have in common{equal}; a number is over all that its "
                f"entry has. {'; '.join(told)}."
            )

    def decimals(self, metric: Metric) -> int:
        """Decimals that all values of a metric are written with, so that a column can be read down."""
        return decimals(place.score(metric).value for place in self.places)


def _with_score(board: Board, place: Place) -> str:
    return f"{place.entry.name} ({figure(place.score(board.metric).value, board.decimals(board.metric))})"


def boards(entries: Sequence[Entry]) -> list[Board]:
    """One board per task and subset with results: tasks by name, the largest subset of each first."""
    groups: dict[tuple[str, Subset], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.task.name, entry.result.run.subset), []).append(entry)
    for (task, subset), group in groups.items():
        group.extend(_parts(entries, task, subset, besides={entry.name for entry in group}))
    order = sorted(groups, key=lambda key: (key[0], -SUBSETS.index(key[1])))
    subsets = Counter(task for task, _ in order)
    return [_board(groups[key], shares_task=subsets[key[0]] > 1) for key in order]


def widest(entries: Sequence[Entry]) -> Board | None:
    """Of one task's boards the one with most places, and of these the one of the largest subset; None without any.

    Of several levels of theory it has the first (`Board.by_theory`).
    """
    found = max(boards(entries), key=lambda board: len(board.places), default=None)
    return found.by_theory[0] if found else None


def _parts(entries: Sequence[Entry], task: str, subset: Subset, *, besides: set[str]) -> list[Entry]:
    """Those that ran a larger subset of the task, on this one; the smallest of an entry's larger ones counts."""
    size = SUBSETS.index(subset)
    larger = {
        entry.name: entry
        for entry in sorted(entries, key=lambda entry: -SUBSETS.index(entry.result.run.subset))
        if entry.task.name == task and SUBSETS.index(entry.result.run.subset) > size and entry.name not in besides
    }
    return [part for entry in larger.values() if (part := entry.restricted_to(subset))]


def _board(entries: Sequence[Entry], *, shares_task: bool) -> Board:
    task, subset = entries[0].task, entries[0].result.run.subset
    metric = task.metrics[0]
    fresh = [entry for entry in entries if not entry.stale]
    rivals = [entry for entry in fresh if not entry.demonstration and not _other_arithmetic(entry, fresh)]
    by_score = any("scores" in entry.unchecked for entry in fresh)
    found: dict[str, Rank | None] = {}
    for group in _by_theory(rivals):
        found |= _ranks(tuple(group), metric.name, by_score=by_score)
    crowded = {entry.name for group in _by_theory(rivals) if _enough(group, found) for entry in group}
    shown = {name: rank if name in crowded and subset != "canary" else None for name, rank in found.items()}
    first = _first_theory(entries)
    reasons = {entry.name: _reason(entry, found, shown, metric, first) for entry in entries}
    places = [
        Place(entry, shown.get(entry.name), text, kind) for entry in entries for kind, text in [reasons[entry.name]]
    ]
    sign = 1 if metric.better == "lower" else -1

    def order(place: Place) -> tuple[bool, str, float, float, str]:
        value = None if subset == "canary" else place.score(metric).value
        worst = float("inf")
        return (
            place.entry.theory != first,
            place.entry.theory,
            place.rank.place if place.rank else worst,
            worst if value is None else sign * value,
            place.entry.name,
        )

    return Board(
        task=task,
        subset=subset,
        places=tuple(sorted(places, key=order)),
        shares_task=shares_task,
        by_score=by_score,
    )


def _other_arithmetic(entry: Entry, among: Sequence[Entry]) -> bool:
    """Whether it is another entry of `among` in another floating-point type than the card's default."""
    default = entry.card.default_mode.dtype
    if entry.mode.dtype == default:
        return False
    usual = entry.mode.model_copy(update={"dtype": default})
    return any(other.card.name == entry.card.name and other.mode == usual for other in among)


def _by_theory(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that can be compared: those of each level of theory."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.theory, []).append(entry)
    return list(groups.values())


def _first_theory(entries: Sequence[Entry]) -> str:
    """Level of theory that a board is about: the reference's, or that of most entries."""
    counted = Counter(entry.theory for entry in entries)
    return entries[0].task.reference_theory or min(counted, key=lambda theory: (-counted[theory], theory))


@lru_cache(maxsize=1000)
def _ranks(entries: tuple[Entry, ...], name: str, *, by_score: bool) -> Mapping[str, Rank | None]:
    """Of the same entries the same mapping: the pages of a site ask for the same boards many times."""
    metric = next(metric for metric in entries[0].task.metrics if metric.name == name)
    if by_score:
        total = max(entry.result.run.counts.total for entry in entries)
        return ranks_by_score({entry.name: entry.result.scores[metric.name] for entry in entries}, total, metric)
    # canaries have no reference and give no score: that is no failure, which would cost the worst value
    scored = [entry for entry in entries if entry.result.scores[metric.name].value is not None]
    found: dict[str, Rank | None] = dict.fromkeys(entry.name for entry in entries)
    found.update(ranks({entry.name: _values(entry, metric) for entry in scored}, metric))
    return found


def _enough(entries: Sequence[Entry], found: Mapping[str, Rank | None]) -> bool:
    """Whether there are enough to speak of places; the modes of one checkpoint are several entries."""
    return sum(found[entry.name] is not None for entry in entries) >= MIN_ENTRIES


def _values(entry: Entry, metric: Metric) -> dict[str, float | None]:
    return {str(row["sample"]): cast("float | None", row[metric.name]) for row in ranked(entry.task, entry.rows)}


def _reason(
    entry: Entry, found: Mapping[str, Rank | None], shown: Mapping[str, Rank | None], metric: Metric, first: str
) -> tuple[Unranked | None, str | None]:
    if entry.stale:
        return "stale", f"made with another {' and '.join(entry.stale)} than today's"
    if shown.get(entry.name) is not None:
        return None, None
    if entry.demonstration:
        return "demonstration", "for demonstration, as its card says"
    if entry.name not in found:
        return "mode", "the same model in another floating-point type, which is no other model"
    score, run = entry.result.scores[metric.name], entry.result.run
    if found[entry.name] is None:
        if not score.n and not score.n_missing and not score.n_unsupported:
            return "missing", f"none of its samples can be scored by {metric.label}"
        numbers = score.n - (score.n_missing if metric.on_failure == "worst" else 0)
        text = f"a number for {numbers} of {run.counts.total} samples; a rank takes {MIN_COVERAGE:.0%}"
        return "few samples", text
    if run.subset == "canary":
        return "canary", "a canary shows that a model runs, and ranks nothing"
    theory = f" of {entry.theory}, which is ranked apart" if entry.theory != first else ""
    return "few entries", f"a rank takes {MIN_ENTRIES} entries{theory}"
