"""From an entry's name to a potential that computes."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from typing import Any

from zoo.cards import index
from zoo.cards.mode import Averaging, Dtype, Forces, Mode, Runtime
from zoo.checkpoints import first_use
from zoo.checkpoints.model_files import prepare
from zoo.model import Backend
from zoo.potential import Potential
from zoo.progress import Say, status
from zoo.runtime import environment
from zoo.runtime.local import Local
from zoo.runtime.remote import BATCH_TIME_LIMIT, Worker


def load(
    entry: str,
    *,
    device: str = "auto",
    dtype: Dtype | None = None,
    forces: Forces | None = None,
    fidelity: str | None = None,
    averaging: Averaging | None = None,
    runtime: Runtime | None = None,
    isolated: bool | None = None,
    threads: int | None = None,
    batch_time_limit: float = BATCH_TIME_LIMIT,
    say: Say | None = None,
) -> Potential:
    """A potential by name: `load("chgnet-0.3.0")`, `load("sevennet-mf-0@r2scan+float64")`, `load("sevennet-0@o3-3")`.

    On first use this fetches the checkpoint (verified by hash), converts it to safetensors and builds the family's
    environment, with a progress line. A checkpoint that its card does not pin is pinned in `zoo.settings.pins_file()`,
    with a warning, and verified from then on. Afterwards loading takes milliseconds, and the model itself starts with
    the first call.

    Args:
        entry: a card's name, or `card@mode`.
        device: `auto` (an accelerator when the family's packages see one), `cpu`, `cuda`, `cuda:1`.
        dtype, forces, fidelity, averaging, runtime: parts of the mode, instead of writing them behind the `@`.
        isolated: True runs the model in a worker in the family's own environment; False in this process, which must
            be that environment or have its packages; None chooses False only inside that very environment.
        threads: CPU threads of the worker; None leaves it to the model's libraries. One thread is repeatable to the
            last bit, more are not.
        batch_time_limit: seconds after which a batch counts as hung and its worker is stopped.
        say: called with what is going on while files and environment are fetched; None shows it on the terminal or in
            the notebook.

    Raises:
        UnknownModel, ModeError, CardError: the name or the mode is not one we have.
        CheckpointError, ConversionError: the bytes cannot be had, are not the pinned ones, or may not be pinned here.
        EnvironmentFault: the family has no adapter, or its environment cannot be built.
    """
    card, mode = index.resolve(
        entry, dtype=dtype, forces=forces, fidelity=fidelity, averaging=averaging, runtime=runtime
    )
    family = environment.find(card.family)
    inside = sys.prefix == str(family.folder)
    isolated = not inside if isolated is None else isolated
    with status(f"{card.name}:") if say is None else contextlib.nullcontext(say) as tell:
        card = first_use.pinned(card, say=tell)
        if isolated and not inside:
            family.ensure(say=tell)
        files = prepare(card, say=tell)
    request = {
        "device": device,
        "dtype": mode.dtype,
        "forces": mode.forces,
        "fidelity": mode.fidelity,
        "runtime": mode.runtime,
    }

    again = _Again(card.name, device, isolated, threads, batch_time_limit, say)
    backend: Backend
    if isolated:
        backend = Worker(
            python=family.python,
            adapter=family.adapter,
            files=files,
            mode=request,
            threads=threads,
            batch_time_limit=batch_time_limit,
        )
    else:
        backend = Local(adapter=family.adapter, files=files, mode=request)
    return Potential(backend, card=card, mode=mode, reload=again)


@dataclass(frozen=True)
class _Again:
    """The same call of `load`, for another mode or in another process."""

    card: str
    device: str
    isolated: bool
    threads: int | None
    batch_time_limit: float
    say: Say | None = field(default=None, compare=False)
    """Does not pickle; another process shows its progress on the terminal."""

    def __call__(self, mode: Mode) -> Potential:
        return load(
            f"{self.card}@{mode}",
            device=self.device,
            isolated=self.isolated,
            threads=self.threads,
            batch_time_limit=self.batch_time_limit,
            say=self.say,
        )

    def other(self, entry: str, *, device: str) -> Potential:
        """Another entry, likewise; whether it is isolated follows from its own family."""
        return load(entry, device=device, threads=self.threads, batch_time_limit=self.batch_time_limit, say=self.say)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Again, (self.card, self.device, self.isolated, self.threads, self.batch_time_limit)
