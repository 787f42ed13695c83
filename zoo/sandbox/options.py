"""Options of every command that runs models: the sandbox. Each stands for a variable (zoo/settings.py)."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo import settings
from zoo.sandbox.choice import CHOICES

Sandbox = Annotated[
    str | None, typer.Option(help=f"{', '.join(CHOICES)}: what models run in; else MLIP_ZOO_SANDBOX, or auto.")
]
Untrusted = Annotated[bool, typer.Option("--untrusted", help="Stop where no sandbox can be set up.")]


def use(sandbox: str | None, *, untrusted: bool) -> None:
    """Set the variables for this process, and those that it starts, as the options say."""
    if sandbox is not None:
        if sandbox not in CHOICES:
            raise typer.BadParameter(f"{sandbox!r} is not one of {', '.join(CHOICES)}", param_hint="--sandbox")
        settings.use(settings.SANDBOX, sandbox)
    if untrusted:
        settings.use(settings.UNTRUSTED, "1")
