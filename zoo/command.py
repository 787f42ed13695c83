"""The one command, `mlip-zoo`: the commands of zoo, evaluation and leaderboard under one name.

The packages are imported by name, because the zoo depends on neither of the others.
"""

from __future__ import annotations

import errno
import sys
from importlib import import_module

import typer

from zoo import settings
from zoo.console import print_error
from zoo.errors import ZooError

COMMANDS = ("leaderboard.cli", "zoo.cli", "zoo.checks.cli", "zoo.submission.cli", "evaluation.cli")
"""Modules whose `app` has commands, in the order of the help."""
GROUPS = (
    ("leaderboard.cli", "site_app", "site"),
    ("zoo.checkpoints.cli", "app", "pins"),
    ("zoo.submission.submit_cli", "app", "submit"),
)
"""Module, name of the app in it, and the command under which its own commands are."""
ERRORS = (("evaluation.errors", "EvaluationError"), ("leaderboard.errors", "LeaderboardError"))
"""Errors of the other packages that are raised on purpose: module, class."""

_UNWRITABLE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}
)


def main() -> None:
    """Run the command line; an error that is raised on purpose becomes one message and exit code 1.

    So does one of a disk or folder that cannot be written, wherever it comes from.
    """
    known = (ZooError, *(getattr(import_module(module), name) for module, name in ERRORS))
    try:
        app()()
    except known as error:
        if settings.debug():
            raise
        print_error(f"{type(error).__name__}: {error}")
        sys.exit(1)
    except OSError as error:
        if settings.debug() or error.errno not in _UNWRITABLE:
            raise
        place = f" ({error.filename})" if error.filename else ""
        print_error(
            f"{error.strerror}{place}. Make room on that disk or make that folder writable; or name another with "
            "MLIP_ZOO_CACHE, --runs, --results or --out."
        )
        sys.exit(1)


def app() -> typer.Typer:
    """All commands."""
    whole = typer.Typer(
        name="mlip-zoo",
        help="A zoo of pretrained interatomic potentials, one harness for all of them, and a leaderboard.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # `main` prints one message
    )
    for module in COMMANDS:
        whole.add_typer(import_module(module).app)
    for module, name, command in GROUPS:
        whole.add_typer(getattr(import_module(module), name), name=command)
    return whole
