"""Commands about a submission that read results: submit report, submit accept, submit figures, submit difference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
"""More commands of `mlip-zoo submit`."""


@app.command()
def report(
    file: Annotated[Path, typer.Argument(help="What 'mlip-zoo submit check NAME --out FILE' wrote.")],
    *,
    results: Annotated[
        list[Path] | None, typer.Option(help="Folder of results; the published ones when not given.")
    ] = None,
) -> None:
    """Print the report on a submission as one comment in Markdown; nothing of the model is loaded."""
    from pydantic import ValidationError

    from evaluation.submission import looked as looks
    from leaderboard.errors import ResultFault
    from leaderboard.ranking.collect import PUBLISHED, collect
    from leaderboard.submission.claimed import compare
    from leaderboard.submission.comment import comment
    from leaderboard.submission.quartiles import quartiles
    from zoo.cards import index

    try:
        looked = looks.read(file)
    except (OSError, ValidationError) as error:
        raise ResultFault(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    card = index.card(looked.name)
    entries = collect(results or [PUBLISHED]).entries
    found = quartiles(entries, theory=card.theory(card.default_mode.fidelity), without=card.name)
    theory = card.theory(card.default_mode.fidelity)
    typer.echo(comment(looked, theory=theory, quartiles=found, claims=compare(card, entries)), nl=False)


@app.command()
def accept(
    folder: Annotated[Path, typer.Argument(help="Folder of results, or of runs that has one.")],
    *,
    into: Annotated[Path, typer.Option(help="Folder of the published results.")] = Path("leaderboard/results"),
) -> None:
    """Take results among the published ones, after every check that the board makes; all of them or none."""
    from leaderboard.submission.acceptance import accept as take

    inner = folder / "results"
    for path in take(inner if inner.is_dir() else folder, into):
        typer.echo(str(path))


@app.command()
def figures() -> None:
    """Work out what ships of published results that changed: figures per sample, pictures; print their names.

    It takes the reference data. After a change of a task or a view 'python -m leaderboard.ranking.score_published'
    works all of them out.
    """
    from leaderboard.ranking.score_published import write_changed

    for path in write_changed():
        typer.echo(f"{path.parent.name}/{path.stem}")


@app.command()
def difference(
    old: Annotated[Path, typer.Argument(help="Folder of results.")],
    new: Annotated[Path, typer.Argument(help="What it is compared with.")],
) -> None:
    """Print what changes on the board between two folders of results, as one comment in Markdown."""
    from leaderboard.ranking.diff import compare
    from leaderboard.submission.difference import difference as text

    typer.echo(text(compare(old, new)), nl=False)
