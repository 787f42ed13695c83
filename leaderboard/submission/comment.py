"""Comment: the report on a submission as one bounded piece of Markdown.

Everything in it that a pull request could have written stands as text: no link, mention, picture or markup of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evaluation.submission.looked import Canary, Looked
from leaderboard.formatting import NOTHING, duration
from leaderboard.submission.claimed import Comparison
from leaderboard.submission.quartiles import Quartiles
from zoo.text import one_line

LONGEST = 20_000
"""Characters; a comment may have 65,536."""
_MOST_ROWS = 30
_MARKS = {"right": "✓", "wrong": "✗", "missing": "?"}


def comment(
    looked: Looked, *, theory: str, quartiles: Mapping[str, Quartiles], claims: Sequence[Comparison] = ()
) -> str:
    """What ran, verdicts, canaries against the quartiles, claims, cost, failures, and what a maintainer decides."""
    left = len(dict.fromkeys(looked.to_do))
    verdict = {0: "has nothing left to do", 1: "has one thing to do"}.get(left, f"has {left} things to do")
    commit = f"commit `{looked.commit}`" if looked.commit else "no commit"
    parts = [
        f"### {literal(looked.name)}: its author {verdict}",
        f"Looked at {commit}.",
        _to_do(looked),
        table(("", "what was looked at"), ((_MARKS[state], literal(text)) for state, text in looked.lines)),
        _conformance(looked),
        _canaries(looked.canaries, theory, quartiles),
        _claims(claims),
        _decisions(looked, quartiles, claims),
    ]
    text = "\n\n".join(part for part in parts if part)
    if len(text) > LONGEST:
        text = text[: LONGEST - 60].rsplit("\n", 1)[0] + "\n\nThe rest is in the artifact of this run."
    return text + "\n"


def literal(text: str, *, limit: int = 300) -> str:
    """Text that Markdown shows as it is: one line, and every character that could act as an entity."""
    plain = one_line(text, limit=limit)
    shown = "".join(each if each.isalnum() or each in " .,;+-()%/=" else f"&#{ord(each)};" for each in plain)
    # an entity is decoded before mentions and bare links are looked for
    return shown.replace("&#64;", "&#64;&#8203;").replace("//", "/&#8203;/").replace("www.", "www&#8203;.")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of at most thirty rows; empty where there are none. Cells are Markdown already."""
    cells = list(rows)
    if not cells:
        return ""
    more = [f"and {len(cells) - _MOST_ROWS} more"] if len(cells) > _MOST_ROWS else []
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells[:_MOST_ROWS])]
    return "\n".join([*lines, "", *more] if more else lines)


def _to_do(looked: Looked) -> str:
    rows = [f"{row}. {literal(each)}" for row, each in enumerate(dict.fromkeys(looked.to_do), 1)]
    return "\n".join(["**What you must do**", "", *rows[:_MOST_ROWS]]) if rows else ""


def _conformance(looked: Looked) -> str:
    found = looked.conformance
    if found is None:
        return "The model was not loaded, so that nothing of it was measured."
    counts = ", ".join(
        f"{len(found.with_status(status))} {status}" for status in ("passed", "declared", "failed", "skipped")
    )
    rows = [(literal(check.name), check.status, literal(check.detail)) for check in found.checks]
    shown = table(("check", "verdict", "numbers"), (row for row in rows if row[1] in {"failed", "declared"}))
    return f"**Checks**: {counts}; {found.calls} calls, {duration(found.seconds)}.\n\n{shown}".rstrip()


def _canaries(canaries: Sequence[Canary], theory: str, quartiles: Mapping[str, Quartiles]) -> str:
    rows = []
    for canary in canaries:
        known, headline = quartiles.get(canary.task), canary.headline
        value = headline[1].value if headline else None
        counts = canary.result.run.counts if canary.result else None
        rows.append(
            (
                literal(canary.task),
                f"{counts.ok} of {counts.total}" if counts else literal(canary.message),
                NOTHING if value is None or headline is None else f"{value:.4g} {headline[0].unit}".strip(),
                f"{known.low:.4g} to {known.high:.4g} ({known.n})" if known else NOTHING,
                known.place(value) if known and value is not None else NOTHING,
                duration(canary.seconds),
            )
        )
    head = ("canary", "ok", "figure", f"middle half of {literal(theory)} (models)", "it is", "cost")
    return table(head, rows)


def _claims(claims: Sequence[Comparison]) -> str:
    rows = []
    for each in claims:
        score = each.score
        ours = NOTHING
        if score and score.value is not None:
            between = "" if score.low is None or score.high is None else f" [{score.low:.4g}, {score.high:.4g}]"
            ours = f"{score.value:.4g}{between}"
        claimed = f"{each.claim.value:g} {each.unit}".strip()
        told = f"{each.agreement}: {each.why}" if each.why else each.agreement
        rows.append((f"{each.claim.task} {each.claim.metric}", claimed, ours, told, literal(each.claim.source)))
    return table(("claimed", "there", "here", "", "source"), rows)


def _decisions(looked: Looked, quartiles: Mapping[str, Quartiles], claims: Sequence[Comparison]) -> str:
    rows = []
    if looked.conformance and (declared := looked.conformance.with_status("declared")):
        rows.append(f"Whether the declared defects are the model's own: {', '.join(check.name for check in declared)}.")
    for canary in looked.canaries:
        if canary.outcome == "late":
            rows.append(f"Where {literal(canary.task)} runs: its canary was {literal(canary.message)}.")
        known, headline = quartiles.get(canary.task), canary.headline
        if known and headline and headline[1].value is not None:
            place = known.place(headline[1].value)
            if place == "worse than three quarters":
                rows.append(f"Whether {canary.task} is the model's own figure: it is {place} of its level of theory.")
    rows += [
        f"Why {each.claim.task} {each.claim.metric} differs from its source."
        for each in claims
        if each.agreement == "differs"
    ]
    if not looked.to_do:
        rows.append("Whether this commit may be evaluated: the label 'evaluate' does that, for this commit alone.")
    rows.append("Whether the sources, licences and training sets are what the authors say; no check can know that.")
    return "\n".join(["**What a maintainer decides**", "", *(f"- {row}" for row in rows)])
