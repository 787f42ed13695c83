"""The parts of gpu_report.py. Each notes what it has found as it goes: one that is stopped has told something."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

import zoo
from zoo import example_crystals, model, settings
from zoo.batch_size import BatchSize
from zoo.sandbox import choice, landlock, launch, probe

Note = Callable[..., None]
MODELS = ("sevennet-0", "pet-tiny", "pet-tiny@direct", "pet-n", "chgnet-0.3.0")
CLOSE = {"float32": (1e-5, 1e-3, 1e-5), "float64": (1e-9, 1e-8, 1e-10)}
"""eV/atom, eV/Å, eV/Å³: other kernels add in another order."""
SOLIDS = {
    **{f: ("rocksalt", a) for f, a in {"NaCl": 5.64, "MgO": 4.21, "LiF": 4.03, "TiN": 4.24, "KBr": 6.60}.items()},
    **{f: ("rocksalt", a) for f, a in {"CaO": 4.81, "PbS": 5.94, "AgCl": 5.55, "NiO": 4.17}.items()},
    **{f: ("zincblende", a) for f, a in {"ZnS": 5.41, "GaAs": 5.65, "SiC": 4.36, "InP": 5.87, "CuCl": 5.42}.items()},
    **{f: ("diamond", a) for f, a in {"Si": 5.43, "Ge": 5.66, "C": 3.57}.items()},
    **{f: ("fcc", a) for f, a in {"Al": 4.05, "Cu": 3.61, "Pt": 3.92}.items()},
}
"""Twenty solids: prototype and lattice constant, Å."""


def facts(note: Note, *, device: str, small: bool) -> None:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    smi = subprocess.run(query, check=False, **_QUIET).stdout.strip() if shutil.which("nvidia-smi") else None
    names = ("torch", "numpy", "ase", "sevenn", "metatrain", "metatomic-torch", "chgnet", "torch-sim-atomistic", "e3nn")
    note(
        nvidia_smi=smi,
        python=platform.python_version(),
        kernel=platform.release(),
        cores=os.cpu_count(),
        packages={name: _version(name) for name in names},
        landlock_abi=landlock.abi(),
        bwrap=launch.bwrap(),
        gpu_devices=[str(path) for pattern in ("nvidia*", "dri/*") for path in Path("/dev").glob(pattern)],
    )
    with zoo.load("pet-tiny", device=device) as potential:
        note(
            device=potential.info["device"],
            accelerator=potential.info["accelerator"],
            model_packages={name: potential.info["packages"].get(name) for name in names},
        )


def parity(note: Note, *, device: str, small: bool) -> None:
    """Largest differences of energy (eV/atom), forces (eV/Å) and stress (eV/Å³) between the device and the CPU."""
    crystals = [example_crystals.distorted(name) for name in example_crystals.names()]
    crystals += [example_crystals.distorted(name, seed=1).repeat((2, 2, 1)) for name in example_crystals.names()[:3]]

    def compare(name: str, dtype: Any) -> None:
        with _told(note, f"{name} {dtype}") as told:
            elements = set(zoo.get_card(name.partition("@")[0]).elements or ())
            known = [atoms for atoms in crystals if {*atoms.symbols} <= elements]
            with (
                zoo.load(name, dtype=dtype, device=device, threads=1) as there,
                zoo.load(name, dtype=dtype, device="cpu", threads=1) as here,
            ):
                told.update(_differences(there.compute(known), here.compute(known), known, CLOSE[dtype]))

    names = ("sevennet-0", "pet-tiny") if small else MODELS
    with ThreadPoolExecutor(1 if small else 5) as pool:  # most of the time they are starting
        for dtype in ("float32",) if small else ("float32", "float64"):
            list(pool.map(compare, names, [dtype] * len(names)))


def sandbox(note: Note, *, device: str, small: bool) -> None:
    """Whether each sandbox holds with the GPU open, and whether a model computes in it."""
    Path.home().mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(Path.home())  # the secret that the probe must not read lies in the home directory
    modes: tuple[launch.Confinement, ...] = ("none", "landlock", "bwrap")
    for mode in modes:
        note(**{f"{mode}: why it does not hold, GPU closed": choice.unavailable(mode)})
        if mode == "bwrap" and launch.bwrap() is None:
            continue
        if mode != "none":
            note(**{f"{mode}: why it does not hold, GPU open": probe.failure(mode, gpu=True)})
        for name in ("pet-tiny", "sevennet-0"):
            with _told(note, f"{mode}: {name}") as told:
                settings.use(settings.SANDBOX, mode)
                clock = time.perf_counter()
                with zoo.load(name, device=device, threads=1) as potential:
                    batch = potential.compute([example_crystals.distorted("mgo-rocksalt")])
                    told.update(device=potential.info["device"], energy=float(batch.energies[0]))
                    told.update(errors=[str(error) for error in batch.errors if error])
                    told.update(first_answer_seconds=round(time.perf_counter() - clock, 2))
    if device != "cpu":
        with _told(note, "what the driver needs") as told:
            told.update(_driver_calls())


def ratio(note: Note, *, device: str, small: bool, name: str) -> None:
    """The same call through a worker in each sandbox and in process, in turn: (isolated - in process) / in process."""
    mgo = example_crystals.distorted("mgo-rocksalt")
    many = [example_crystals.distorted("mgo-rocksalt", seed=s).repeat((2, 2, 1)) for s in range(8 if small else 256)]
    cases = {"64 atoms": ([mgo.repeat((4, 4, 2))], 100), "256x8 atoms": (many, 40)}
    modes: tuple[launch.Confinement, ...] = ("none", "landlock", "bwrap")
    with ExitStack() as stack:
        ways = {"in process": stack.enter_context(zoo.load(name, device=device, isolated=False))}
        for mode in modes:
            if choice.unavailable(mode) is None:
                with _told(note, f"start in {mode}"):
                    settings.use(settings.SANDBOX, mode)
                    one = stack.enter_context(zoo.load(name, device=device, threads=1, isolated=True))
                    one.compute(cases["64 atoms"][0])
                    ways[mode] = one
        for case, (atoms, rounds) in cases.items():
            times: dict[str, list[float]] = {way: [] for way in ways}
            names = list(ways)
            end = time.monotonic() + (4 if small else 14)
            for turn in range(-2, rounds):  # two to warm up
                for way in names[turn % len(names) :] + names[: turn % len(names)]:
                    clock = time.perf_counter()
                    ways[way].compute(atoms)
                    if turn >= 0:
                        times[way].append(time.perf_counter() - clock)
                if time.monotonic() > end and turn > 2:
                    break
            plain = times.pop("in process")
            found: dict[str, Any] = {"rounds": len(plain), "in process, ms": _spread([1000 * t for t in plain])}
            for way, took in times.items():
                found[way] = _spread([mine / its - 1 for mine, its in zip(took, plain, strict=True)])
            note(**{case: found})


def relaxation(note: Note, *, device: str, small: bool) -> None:
    """Crystals per second: our batches over a worker, torch-sim's with the model in process, ASE's loop."""
    from evaluation.physics.relax import relax
    from evaluation.physics.relaxation import Relaxation
    from tests.benchmarks import relaxation as ways

    starts = [
        example_crystals.distorted(name, seed=seed, rattle=0.1)
        for seed in range(1 if small else 15)
        for name in example_crystals.names()
    ]
    note(crystals=len(starts), fmax=ways.FMAX, model="sevennet-0")
    with (
        zoo.load("sevennet-0", device=device, threads=1, isolated=True) as isolated,
        zoo.load("sevennet-0", device=device, isolated=False) as inside,
    ):
        isolated.compute(starts)
        inside.compute(starts)

        def ours(optimizer: Any) -> dict[str, Any]:
            clock = time.perf_counter()
            done = relax(isolated, starts, Relaxation(fmax=ways.FMAX, steps=500, optimizer=optimizer))
            seconds = (time.perf_counter() - clock) / len(starts)
            steps = statistics.mean(one.steps for one in done)
            return {
                "seconds_per_crystal": seconds,
                "steps": steps,
                "converged": sum(one.converged for one in done),
                "seconds_in_model_per_crystal": sum(one.seconds for one in done) / len(done),
            }

        with _told(note, "ours, L-BFGS") as told:
            told.update(ours("lbfgs"))
        with _told(note, "torch-sim in process, FIRE") as told:
            took = ways.clocked(lambda: ways.in_torch_sim(inside, starts, device), len(starts))
            told.update(seconds_per_crystal=took.wall)
        with _told(note, "ours, FIRE") as told:
            told.update(ours("fire"))
        with _told(note, "ASE, one by one, FIRE") as told:
            alone = starts[:2]
            took = ways.clocked(lambda: ways.one_by_one(isolated, alone), len(alone))
            told.update(seconds_per_crystal=took.wall, crystals=len(alone))


def phonons(note: Note, *, device: str, small: bool) -> None:
    """Forces of all displaced supercells of twenty solids: one stream, and one by one."""
    from evaluation.physics.phonons import PhononCrystal, displacements, supercells

    matrix = 2 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    cells: list[Atoms] = []
    for formula, (prototype, a) in list(SOLIDS.items())[: 2 if small else None]:
        crystal = PhononCrystal(bulk(formula, prototype, a=a), matrix, np.eye(3), 1e-5)
        cells += supercells(crystal, displacements(crystal, distance=0.03))
    note(solids=2 if small else len(SOLIDS), supercells=len(cells), atoms=sum(map(len, cells)))
    for name in ("sevennet-0", "pet-n"):
        with _told(note, name) as told, zoo.load(name, device=device, threads=1) as potential:
            potential.compute(cells[:1])
            potential.compute(cells[: len(cells) // 2])
            clock = time.perf_counter()
            stream = potential.compute(cells)
            together = time.perf_counter() - clock
            told.update(stream_seconds=together, atoms_per_batch=potential.atoms_per_batch)
            some = cells[:: 1 if small else 3]
            clock = time.perf_counter()
            alone = [potential.compute([atoms]).forces[0] for atoms in some]
            single = (time.perf_counter() - clock) * len(cells) / len(some)
            same = stream.forces[:: 1 if small else 3]
            worst = max(float(np.abs(a - b).max()) for a, b in zip(alone, same, strict=True))
            told.update(one_by_one_seconds=single, ratio=single / together, largest_difference_ev_per_angstrom=worst)


def streams(note: Note, *, device: str, small: bool) -> None:
    """Atoms per second of streams of crystals: graphs made beside the forward pass or not, and by atoms of a batch."""
    n = 64 if small else 32_768
    mgo = example_crystals.distorted
    cells = {
        "64 atoms": [mgo("mgo-rocksalt", seed=s).repeat((4, 4, 2)) for s in range(n // 64)],
        "8 atoms": [mgo("mgo-rocksalt", seed=s).repeat((2, 2, 1)) for s in range(n // 8)],
        "2 atoms": [mgo("mgo-rocksalt", seed=s) for s in range(n // 8)],
    }
    for name in ("sevennet-0", "chgnet-0.3.0"):
        with _told(note, name) as told, zoo.load(name, device=device, threads=1) as potential:
            told.update({key: potential.info.get(key) for key in ("device", "prepares_ahead", "available_gb")})
            for what, stream in cells.items():
                told[f"{what}, beside"] = _beside(potential, stream, atoms_per_batch=32 if small else 2048)
            potential._model.batch_size = BatchSize()  # nothing is remembered, nothing read
            told["tried"] = tried = []
            for _ in range(1 if small else 8):
                speed = _atoms_per_second(potential, cells["64 atoms"])
                tried.append({"atoms_per_batch": potential.atoms_per_batch, "atoms_per_second": speed})
                if potential._model.batch_size.settled:
                    break
            found = potential.atoms_per_batch
            told.update(found=found, peak_gb=potential.memory_gb, settled=potential._model.batch_size.settled)
            for size in sorted({128, 32_768, found} if small else {512, 2048, 8192, 32_768, found}):
                potential.atoms_per_batch = size
                told[f"by {size}"] = {what: _atoms_per_second(potential, stream) for what, stream in cells.items()}


def _beside(potential: zoo.Potential, stream: list[Atoms], *, atoms_per_batch: int) -> dict[str, Any]:
    """The same batches one a request, and several: what the second gains, and whether its answers are the same."""
    potential.atoms_per_batch = atoms_per_batch
    together = model.BATCHES_PER_REQUEST
    speeds: dict[str, list[float]] = {"in turn": [], "beside": []}
    answers = []
    try:
        for turn in range(3):
            for way, several in (("in turn", 1), ("beside", together)):
                model.BATCHES_PER_REQUEST = several
                clock = time.perf_counter()
                answers.append(potential.compute(stream).forces)
                if turn:  # the first warms up
                    speeds[way].append(sum(map(len, stream)) / (time.perf_counter() - clock))
    finally:
        model.BATCHES_PER_REQUEST = together
    best = {way: max(each) for way, each in speeds.items()}
    worst = max(float(np.abs(a - b).max()) for a, b in zip(*answers[-2:], strict=True))
    gain = best["beside"] / best["in turn"] - 1
    return {"atoms_per_second": best, "gain": gain, "largest_difference_ev_per_angstrom": worst}


def _atoms_per_second(potential: zoo.Potential, stream: list[Atoms]) -> float:
    clock = time.perf_counter()
    potential.compute(stream)
    return sum(map(len, stream)) / (time.perf_counter() - clock)


def memory(note: Note, *, device: str, small: bool) -> None:
    """A batch that does not fit is halved until it does, with the same answers; the worker lives on."""
    from zoo.errors import WorkerOutOfMemory

    n = 4 if small else 96
    crystals = [example_crystals.distorted("mgo-rocksalt", seed=s).repeat((4, 4, 2)) for s in range(n)]
    with zoo.load("sevennet-0", device=device, threads=1) as potential:
        potential.atoms_per_batch = 1024
        expected = potential.compute(crystals)
        note(atoms=sum(map(len, crystals)), peak_gb_at_1024_atoms=potential.memory_gb)
    if device == "cpu":
        note(left_out="a CPU's memory is everybody's")
        return
    with _held(gigabytes_free=4.0) as held, zoo.load("sevennet-0", device=device, threads=1) as potential:
        note(gigabytes_held=held)
        process = potential.info["device"]
        potential.atoms_per_batch = 10**7
        clock = time.perf_counter()
        found = potential.compute(crystals)
        note(
            seconds=time.perf_counter() - clock,
            device=process,
            atoms_per_batch_after=potential.atoms_per_batch,
            halved=potential.atoms_per_batch < 10**6,
            **{f"difference: {k}": v for k, v in _differences(found, expected, crystals, CLOSE["float32"]).items()},
        )
        with _told(note, "one crystal that cannot fit") as told:
            try:
                batch = potential.compute([crystals[0].repeat((6, 6, 6))])
                told.update(answer=[str(error) for error in batch.errors])
            except WorkerOutOfMemory as error:
                told.update(refused=str(error)[:300])
            again = potential.compute(crystals[:1])
            told.update(afterwards_ev_per_atom=float(abs(again.energies[0] - expected.energies[0]) / len(crystals[0])))


def speed(note: Note, *, device: str, small: bool) -> None:
    """Microseconds per atom, of the whole call and inside the model, by batch."""
    mgo = [example_crystals.distorted("mgo-rocksalt", seed=s) for s in range(2048)]
    batches = {"1x2": mgo[:1], "1x64": [mgo[0].repeat((4, 4, 2))], "32x8": [one.repeat((2, 2, 1)) for one in mgo[:32]]}
    if not small:
        batches |= {
            "256x8": [one.repeat((2, 2, 1)) for one in mgo[:256]],
            "1024x8": [one.repeat((2, 2, 1)) for one in mgo[:1024]],
            "64x64": [one.repeat((4, 4, 2)) for one in mgo[:64]],
            "8x512": [one.repeat((8, 8, 4)) for one in mgo[:8]],
        }
    models = {name: zoo.load(name, device=device, threads=1) for name in (MODELS[:2] if small else MODELS)}
    with ThreadPoolExecutor(len(models)) as pool:
        started = {name: pool.submit(lambda one: one.info, potential) for name, potential in models.items()}
    for name, potential in models.items():
        with _told(note, name) as told, potential:
            started[name].result()
            potential.atoms_per_batch = 8192
            for case, atoms in batches.items():
                n = sum(map(len, atoms))
                end = time.monotonic() + 1.2
                walls: list[float] = []
                inside: list[float] = []
                potential.compute(atoms)
                while len(walls) < 10 and (not walls or time.monotonic() < end):
                    clock = time.perf_counter()
                    inside.append(potential.compute(atoms).seconds * 1e6 / n)
                    walls.append((time.perf_counter() - clock) * 1e6 / n)
                told[case] = {"wall": statistics.median(walls), "in model": statistics.median(inside)}
            told["peak_gb"] = potential.memory_gb


PARTS: dict[str, Callable[..., None]] = {
    part.__name__: part for part in (facts, parity, sandbox, ratio, relaxation, phonons, streams, memory, speed)
}

_QUIET: dict[str, Any] = {"capture_output": True, "text": True}


@contextmanager
def _told(note: Note, what: str) -> Iterator[dict[str, Any]]:
    """What is put in is noted at the end; an error is noted and ends nothing else."""
    told: dict[str, Any] = {}
    try:
        yield told
    except Exception as error:  # noqa: BLE001  # the rest goes on
        told["failed"] = f"{type(error).__name__}: {error}"[-2500:]
    print(what, told, file=sys.stderr, flush=True)
    note(**{what: told})


def _differences(found: Any, expected: Any, crystals: list[Atoms], close: tuple[float, ...]) -> dict[str, Any]:
    atoms = np.array([len(each) for each in crystals])
    largest = [
        float(np.abs((found.energies - expected.energies) / atoms).max()),
        max(float(np.abs(a - b).max()) for a, b in zip(found.forces, expected.forces, strict=True)),
    ]
    if found.stresses is not None and expected.stresses is not None:
        largest.append(float(np.abs(found.stresses - expected.stresses).max()))
    names = ("energy_ev_per_atom", "forces_ev_per_angstrom", "stress_ev_per_cubic_angstrom")
    within = all(mine <= limit for mine, limit in zip(largest, close, strict=False))
    return {**dict(zip(names, largest, strict=False)), "crystals": len(crystals), "within": within}


def _spread(values: list[float]) -> dict[str, float]:
    low, median, high = statistics.quantiles(values, n=4)
    return {"lower_quartile": low, "median": median, "upper_quartile": high}


@contextmanager
def _held(*, gigabytes_free: float) -> Iterator[float]:
    """Take the GPU's memory in another process but for so much."""
    program = (
        "import sys, torch; free, _ = torch.cuda.mem_get_info(); "
        f"take = max(int(free - {gigabytes_free} * 1e9 - 6e8), 1); "
        "kept = torch.empty(take, dtype=torch.uint8, device='cuda'); "
        "print(take / 1e9, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield float(process.stdout.readline() or "nan")
        finally:
            process.kill()


def _driver_calls() -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("gpu_driver.py"))]
    told = subprocess.run(command, check=False, timeout=60, **_QUIET)
    found: dict[str, Any] = json.loads(told.stdout) if told.returncode == 0 else {"failed": told.stderr[-1500:]}
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
