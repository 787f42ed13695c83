"""Serving: the contract of an adapter, and what answers requests with one, in a worker or in the host's process.

The worker loads this file by its path, so it imports nothing but the standard library and numpy.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import importlib.util
import platform
import resource
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypedDict, cast, runtime_checkable

import numpy as np

Header = dict[str, Any]
Arrays = dict[str, np.ndarray]
Computed = tuple[float, np.ndarray, np.ndarray | None] | tuple[float, np.ndarray, np.ndarray | None, np.ndarray]
"""One structure's energy (eV), forces (n, 3) in eV/Å, and stress (3, 3) in eV/Å³, symmetric, tensile positive.

The energy is the one that the forces are the gradient of, for the whole structure. The stress is None where the model
has none for any structure. Magnetic moments (n,) in μB come fourth, where they were asked for. Arrays are NumPy's, of
any float type, off the accelerator.
"""


class NecessaryFacts(TypedDict):
    """What every loaded model says of itself; compared with its card."""

    parameters: list[int]
    """[trainable, all]."""
    cutoff: float
    """Radius of one message-passing step, Å."""
    elements: list[str]
    """Chemical symbols that the model has rows for; the card may claim fewer."""


class Facts(NecessaryFacts, total=False):
    """With what it may leave out."""

    pbc: str
    """Which `pbc` the model knows: `any`, `uniform` (all three directions or none), or `full` (all three), which is
    meant where this is left out. The host puts other structures into a box."""
    reads: list[str]
    """Those of `charge` and `spin` that the answers depend on; none where it is left out."""
    magmoms: bool
    """True where the model predicts magnetic moments; its `compute` then takes `magmoms`, False by default."""


class AdapterModel(Protocol):
    """A checkpoint in memory, on its device and in its dtype."""

    @property
    def facts(self) -> Facts: ...

    def compute(self, structures: list[Structure]) -> Sequence[Computed]:
        """One answer per structure, in order.

        The host has checked the structures: at least one, each of at least one atom, finite numbers, elements that the
        card lists. They are periodic in all three directions, or in none where the facts allow that; their atoms may be
        anywhere and their cells left-handed; nothing of them may be changed. Beyond rounding, an answer depends on its
        structure alone. The stress of a structure without a cell means nothing.

        Raises whatever it likes where it cannot do one of them; each is then asked for alone, so that only those that
        fail have no numbers, and the text is shown to a person. An error that `is_out_of_memory` knows makes the host
        send a smaller batch. NaN is an error to the host as well.
        """

    def export(self) -> tuple[Mapping[str, np.ndarray], Mapping[str, Any]]:
        """The tensors by name and the configuration as JSON data: `load` makes the same model of them, bit by bit.

        Raises ValueError where the checkpoint has no such form, as compiled code.
        """


@runtime_checkable
class PreparingModel(Protocol):
    """What an AdapterModel may have besides: its `compute` in two halves, `answers(prepare(structures))`.

    On an accelerator the next batch is then prepared while the device computes the one before it.
    """

    def prepare(self, structures: list[Structure]) -> Any:
        """All that is done on the CPU before the device is asked, as graphs.

        It runs in another thread beside `answers` of other structures: it changes nothing of the model and leaves the
        device alone. Raises as `compute` does.
        """

    def answers(self, prepared: Any) -> Sequence[Computed]:
        """What `compute` returns for those structures. It takes `magmoms` where `compute` does."""


class Adapter(Protocol):
    """The module `zoo/adapters/<family>.py`: a PEP 723 header with exact pins, and `load`."""

    def load(
        self, files: Mapping[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
    ) -> AdapterModel:
        """A checkpoint, ready to compute.

        `files`: role → path; 'weights' (safetensors) and 'config' (JSON) as `export` gave them, or 'upstream', the
        authors' file, and 'upstream_config' where the card has one. `device`: 'cpu', 'cuda' or 'cuda:1'; 'auto' was
        decided when the adapter was imported, after its framework. `dtype`: 'float32' or 'float64', of every operation.
        `forces`: 'conservative' or 'direct'. `fidelity`: a level of theory in the card's words, or None. `runtime`:
        'eager' or another that the card lists. Raises ValueError for what the family does not have.
        """


ERROR_CHARACTERS = 1000
"""Of the error of one structure."""
TRACE_LINES = 20


@dataclass
class Structure:
    """What an adapter gets for each structure."""

    numbers: np.ndarray
    """(n,) atomic numbers."""
    positions: np.ndarray
    """(n, 3), Å, float64."""
    cell: np.ndarray
    """(3, 3), Å, rows are the vectors, float64."""
    pbc: np.ndarray
    """(3,) bool."""
    charge: float | None = None
    """Total charge, e; None where nobody gave one."""
    spin: float | None = None
    """Multiplicity 2S + 1; None where nobody gave one."""

    def central(self) -> Structure:
        """The same atoms near the origin: a model that rounds positions to float32 loses their digits far out.

        Along periodic directions they are wrapped into the cell, along the others their mean becomes zero.
        """
        fractional = np.linalg.solve(completed(self.cell, self.pbc).T, self.positions.T).T
        away = np.where(self.pbc, np.floor(fractional), fractional.mean(axis=0))
        positions = self.positions - away @ completed(self.cell, self.pbc)
        return replace(self, positions=positions)


class NoDevice(RuntimeError):
    """The device that was asked for is not there."""


class Served:
    """A loaded model that answers requests."""

    def __init__(self, adapter: Path, files: dict[str, Path], mode: dict[str, Any]) -> None:
        module = cast("Adapter", module_from(adapter))
        self.device = _device(mode["device"])
        self.model = module.load(files, **{**mode, "device": self.device})
        # a CPU with one thread would do in turn what it does now, and one with more has no core to spare
        self.prepares_ahead = self.device != "cpu" and isinstance(self.model, PreparingModel)

    def about(self) -> Header:
        """What was loaded, into what."""
        packages: dict[str, str] = {}
        for found in importlib.metadata.distributions():  # of two of one name, the first is imported
            packages.setdefault(found.metadata["Name"], found.version)
        return {
            "facts": self.model.facts,
            "device": self.device,
            "accelerator": _accelerator(self.device),
            "available_gb": available_gb(self.device),
            "prepares_ahead": self.prepares_ahead,
            "python": platform.python_version(),
            "packages": packages,
            "process_cpu_seconds": time.process_time(),
            "sources": [file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))],
        }

    def compute(
        self, arrays: Arrays, *, magmoms: bool = False, atoms_per_batch: int | None = None
    ) -> tuple[Header, Arrays]:
        """The arrays of a Request → energies (n,), forces (N, 3), stresses (n, 3, 3); magmoms (N,) when asked for.

        `atoms_per_batch`: what goes through the model at once, as `batches` cuts it; None: everything. A structure that
        the model cannot do gets an entry in `errors` and NaN. One that is asked for alone lets the error through.
        """
        structures = _unpack(arrays)
        parts = [structures[part] for part in batches(arrays["n_atoms"], atoms_per_batch)]
        started = time.perf_counter()
        answers = self._in_turn(parts, magmoms=magmoms)
        seconds = time.perf_counter() - started
        done = [
            _checked(answer, structure, magmoms=magmoms) for answer, structure in zip(answers, structures, strict=True)
        ]
        filled = [_missing(s) if isinstance(d, _Reason) else d for d, s in zip(done, structures, strict=True)]
        energies, forces, stresses, moments = zip(*filled, strict=True)
        out = {"energies": np.array(energies), "forces": np.concatenate(forces)}
        if all(stress is not None for stress in stresses):
            out["stresses"] = np.array(stresses)
        if magmoms:
            out["magmoms"] = np.concatenate(moments)
        errors = [d[:ERROR_CHARACTERS] if isinstance(d, _Reason) else None for d in done]
        memory = {"memory_gb": peak_memory_gb(self.device), "process_memory_gb": process_memory_gb()}
        cpu = {"process_cpu_seconds": time.process_time()}
        return {"op": "done", "errors": errors, "seconds": seconds, **memory, **cpu}, out

    def _in_turn(self, parts: list[list[Structure]], *, magmoms: bool) -> list[Any]:
        """The answers of batch after batch, in order; the next one is prepared meanwhile, where that pays."""
        if len(parts) == 1 or not self.prepares_ahead:
            return [answer for part in parts for answer in self._batch(part, len(parts), magmoms=magmoms)]
        answers: list[Any] = []
        prepare = cast("PreparingModel", self.model).prepare
        with ThreadPoolExecutor(1) as thread:  # which ends here, after an error too
            following: Future[Any] | None = thread.submit(prepare, parts[0])
            for part, after in zip(parts, [*parts[1:], None], strict=True):
                prepared, following = following, None if after is None else thread.submit(prepare, after)
                answers += self._batch(part, len(parts), magmoms=magmoms, prepared=prepared)
        return answers

    def _batch(
        self, structures: list[Structure], n_batches: int, *, magmoms: bool, prepared: Future[Any] | None = None
    ) -> list[Any]:
        """The model's answers; a _Reason for each structure that it cannot do. What fills the memory is raised."""
        try:
            return self._answers(structures, magmoms=magmoms, prepared=prepared)
        except Exception as error:
            if is_out_of_memory(error) or (len(structures) == 1 and n_batches == 1):
                raise
            # one of them spoils the batch: find out which, so that the others have their numbers
            return [self._alone(structure, magmoms=magmoms) for structure in structures]

    def _answers(self, structures: list[Structure], *, magmoms: bool, prepared: Future[Any] | None = None) -> list[Any]:
        n = len(structures)
        options = {"magmoms": True} if magmoms else {}  # only a model that predicts them knows the argument
        model = cast("Any", self.model)
        if prepared is None:
            asked = model.compute(structures, **options)
        else:
            asked = model.answers(prepared.result(), **options)
        answers = list(islice(asked, n + 1))
        if len(answers) != n:
            raise ValueError(f"the model returned {'more' if len(answers) > n else len(answers)} answers for {n}")
        return answers

    def _alone(self, structure: Structure, *, magmoms: bool) -> Any:
        """The model's answer, or why there is none."""
        try:
            return self._answers([structure], magmoms=magmoms)[0]
        except Exception as error:
            if is_out_of_memory(error):
                raise
            return _Reason(f"{type(error).__name__}: {error}")


def batches(n_atoms: np.ndarray, atoms_per_batch: int | None) -> Iterator[slice]:
    """How structures of so many atoms go through a model: as many together as fit, in order, and always one.

    `atoms_per_batch`: None takes all of them at once.
    """
    ends = np.cumsum(n_atoms)
    fits = int(ends[-1]) if atoms_per_batch is None else atoms_per_batch
    start = before = 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, before + fits, side="right")))
        yield slice(start, stop)
        start, before = stop, int(ends[stop - 1])


class _Reason(str):
    """Why a structure has no answer."""

    __slots__ = ()


_Parts = tuple[float, np.ndarray, np.ndarray | None, np.ndarray]


def _missing(structure: Structure) -> _Parts:
    n = len(structure.numbers)
    return np.nan, np.full((n, 3), np.nan), np.full((3, 3), np.nan), np.full(n, np.nan)


def _checked(answer: Any, structure: Structure, *, magmoms: bool) -> _Parts | _Reason:
    """One structure's energy, forces (n, 3), stress (3, 3) and moments (n,), in float64; or what is wrong with them.

    Nothing is broadcast or cast here: a complex number, a vector for an energy or a Voigt stress is a model's error.
    """
    if isinstance(answer, _Reason):
        return answer
    wanted: dict[str, tuple[int, ...]] = {"energy": (), "forces": structure.positions.shape, "stress": (3, 3)}
    if magmoms:
        wanted["magnetic moments"] = structure.numbers.shape
    if not isinstance(answer, tuple | list) or len(answer) != len(wanted):
        parts = "energy, forces, stress and magnetic moments" if magmoms else "energy, forces and stress"
        return _Reason(f"the model returned a {type(answer).__name__}, not {parts}")
    arrays: list[Any] = []
    for (name, shape), value in zip(wanted.items(), answer, strict=True):
        if name == "stress" and value is None:
            arrays.append(None)
            continue
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:  # rows of unequal length
            return _Reason(f"the model's {name} cannot be an array: {error}")
        if array.dtype.kind not in "fiu":
            return _Reason(f"the model returned {name} of type {array.dtype}, not real numbers")
        if array.shape != shape:
            return _Reason(f"the model returned {name} of shape {array.shape}, not {shape}")
        arrays.append(array.astype(np.float64, copy=False))
    return float(arrays[0]), arrays[1], arrays[2], arrays[3] if magmoms else np.empty(0)


def completed(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """The cell with unit vectors, at right angles to all others, in the place of those that are not periodic."""
    full = np.where(pbc[:, None], cell, 0.0)
    for axis in np.flatnonzero(~pbc):
        _, _, directions = np.linalg.svd(full)
        full[axis] = directions[np.linalg.matrix_rank(full)]
    return full


def module_from(path: Path) -> Any:
    """Import a file by its path."""
    spec = importlib.util.spec_from_file_location(f"mlip_zoo_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def error_reply(error: BaseException) -> Header:
    """An exception as a reply: what it says, and the end of its traceback."""
    trace = "".join(traceback.format_tb(error.__traceback__)).splitlines()[-TRACE_LINES:]
    cause = error.__cause__ or error.__context__
    if cause is not None:
        trace.append(f"caused by {type(cause).__name__}: {str(cause)[:500]}".replace("\n", " "))
    return {
        "op": "memory" if is_out_of_memory(error) else "error",
        "error": str(error) if isinstance(error, NoDevice) else f"{type(error).__name__}: {error}"[:2000],
        "trace": "" if isinstance(error, NoDevice) else "\n".join(line[:300] for line in trace),
    }


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch might have worked."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = ("out of memory", "failed to allocate", "can't allocate memory", "resource_exhausted", "alloc_failed")
    text = str(error).lower()
    return any(word in text for word in words)


def free_memory() -> None:
    """Give back to the system what is no longer in use, so that others on this machine can have it."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    # glibc keeps what is freed between two blocks in use: once 15 of 18 GB
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(ctypes.c_size_t(0))


def peak_memory_gb(device: str) -> float:
    """Largest memory so far: the accelerator's when there is one in use, else this process's, in GB."""
    if (torch := _torch_on(device)) is not None:
        return float(torch.cuda.max_memory_allocated(device)) / 1e9
    if (found := _jax_accelerator()) is not None:
        return float(found.memory_stats()["peak_bytes_in_use"]) / 1e9
    return process_memory_gb()


def available_gb(device: str) -> float | None:
    """What the accelerator in use has for this process, GB: what is free, and what it holds; None where none tells."""
    if (torch := _torch_on(device)) is not None:
        free, _ = torch.cuda.mem_get_info(device)
        return float(free + torch.cuda.memory_reserved(device)) / 1e9
    found = _jax_accelerator()
    limit = None if found is None else (found.memory_stats() or {}).get("bytes_limit")
    return None if limit is None else float(limit) / 1e9


def process_memory_gb() -> float:
    """Largest resident memory of this process so far, GB."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _device(asked: str) -> str:
    """The device to load a model on, with the packages that are imported. Raises NoDevice."""
    torch = sys.modules.get("torch")
    found = torch.cuda.device_count() if torch is not None and torch.cuda.is_available() else 0
    if not found and _jax_accelerator() is not None:
        found = len(sys.modules["jax"].devices())
    if asked == "auto":
        return "cuda" if found else "cpu"
    kind, _, index = asked.partition(":")
    if kind == "cuda" and ("torch" in sys.modules or "jax" in sys.modules) and int(index or 0) >= found:
        have = "no CUDA device" if not found else f"{found} CUDA device{'s' if found > 1 else ''}, counted from 0"
        raise NoDevice(
            f"device {asked!r} was asked for, and the model's packages see {have}; use device='auto' or 'cpu'"
        )
    return asked


def _accelerator(device: str) -> str | None:
    """What it says on the accelerator in use; None when there is none."""
    if (torch := _torch_on(device)) is not None:
        return str(torch.cuda.get_device_name(device))
    found = _jax_accelerator()
    return None if found is None else str(found.device_kind)


def _torch_on(device: str) -> Any:
    """PyTorch, where it is what uses this CUDA device; else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and device.startswith("cuda") and torch.cuda.is_initialized() else None


def _jax_accelerator() -> Any:
    """JAX's default device where it is not the CPU; None where it is, or where the model does not run on JAX."""
    jax = sys.modules.get("jax")
    device = jax.devices()[0] if jax is not None else None
    return None if device is None or device.platform == "cpu" else device


def _unpack(arrays: Arrays) -> list[Structure]:
    ends = np.cumsum(arrays["n_atoms"])
    atoms = [slice(start, end) for start, end in zip(ends - arrays["n_atoms"], ends, strict=True)]
    per_structure = (arrays[name] for name in ("cells", "pbc", "charges", "spins"))
    return [
        Structure(
            arrays["numbers"][part],
            arrays["positions"][part],
            cell,
            pbc.astype(bool),
            None if np.isnan(charge) else float(charge),
            None if np.isnan(spin) else float(spin),
        )
        for part, cell, pbc, charge, spin in zip(atoms, *per_structure, strict=True)
    ]
