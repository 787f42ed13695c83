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

COMMANDS = (
    "leaderboard.cli",
    "leaderboard.planning.cli",
    "zoo.cli",
    "zoo.checks.cli",
    "zoo.submission.cli",
    "evaluation.cli",
)
"""Modules whose `app` has commands, in the order of the help."""
GROUPS = (
    ("leaderboard.cli", "site_app", "site"),
    ("zoo.checkpoints.cli", "app", "pins"),
    ("evaluation.submission.cli", "app", "submit"),
    ("leaderboard.submission.cli", "app", "submit"),
)
"""Module, name of the app in it, and the command under which its own commands are; several may share one."""
HELP = {"submit": "A new model on its way into the zoo: look at it as it will be looked at."}
"""Of commands that several modules share."""
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
    whole.add_typer(import_module("evaluation.submission.cli").owed_app)
    for command in dict.fromkeys(command for *_, command in GROUPS):
        parts = [getattr(import_module(module), name) for module, name, shared in GROUPS if shared == command]
        group = parts[0]
        if len(parts) > 1:
            group = typer.Typer(help=HELP[command], no_args_is_help=True)
            for part in parts:
                group.add_typer(part)
        whole.add_typer(group, name=command)
    return whole
