"""Which sandbox models run in here: what the settings ask for, and what a probe finds to hold."""

from __future__ import annotations

import functools
import logging
import sys
from pathlib import Path
from typing import Literal, get_args

from zoo import settings
from zoo.errors import SandboxUnavailable
from zoo.sandbox.launch import Confinement, bwrap
from zoo.sandbox.probe import failure

log = logging.getLogger(__name__)

Asked = Literal["auto", "bwrap", "landlock", "none"]
CHOICES: tuple[str, ...] = get_args(Asked)


def effective(*, gpu: bool = False) -> Confinement:
    """The mode of this machine and its settings, for a worker that may use the accelerators or not.

    `auto` (the default) is the strongest that proves itself here; where none does it is `none`, with a warning, or an
    error for a run that is untrusted. Raises SandboxUnavailable for a mode that was asked for and is not to be had.
    """
    asked = settings.sandbox()
    if asked not in CHOICES:
        raise SandboxUnavailable(f"there is no sandbox {asked!r}; choose one of {', '.join(CHOICES)}")
    if asked == "none":
        if settings.untrusted():
            raise SandboxUnavailable("an untrusted run needs a sandbox: leave --sandbox (MLIP_ZOO_SANDBOX) at 'auto'")
        return "none"
    reasons = {}
    modes: tuple[Confinement, ...] = ("bwrap", "landlock")
    for mode in modes:
        if asked in ("auto", mode):
            reason = unavailable(mode, gpu=gpu)
            if reason is None:
                return mode
            reasons[mode] = reason
    told = "; ".join(f"{mode}: {reason}" for mode, reason in reasons.items())
    if asked != "auto" or settings.untrusted():
        raise SandboxUnavailable(
            f"no sandbox can be set up here ({told}). Install bubblewrap ('bwrap'), or use a kernel from 6.2 on with "
            f"Landlock{', or compute on the CPU' if gpu else ''}; 'none' runs models without one"
        )
    _warn(told)
    return "none"


def accelerated() -> bool:
    """Whether this machine has an accelerator that CUDA's driver is for."""
    return Path("/dev/nvidiactl").exists()


def unavailable(mode: Confinement, *, gpu: bool = False) -> str | None:
    """Why a mode cannot be had on this machine; None when a probe inside proved that it holds."""
    if mode == "none":
        return None
    if not sys.platform.startswith("linux"):
        return f"needs Linux, this is {sys.platform}"
    if mode == "bwrap" and bwrap() is None:
        return "bubblewrap is not installed"
    return failure(mode, gpu=gpu)


@functools.cache
def _warn(told: str) -> None:
    log.warning(
        "Models run without a sandbox (%s): a checkpoint that runs code can read and change your files. Load only what "
        "you trust, or set MLIP_ZOO_UNTRUSTED=1 to stop instead.",
        told,
    )
