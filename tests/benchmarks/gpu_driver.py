"""What CUDA's driver needs of a sandbox: its start is tried behind parts of the restrictions, each in a process.

Prints JSON: per try, what cuInit, a context and an allocation returned (0 is success), or how the process ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(tried(sys.argv[1])))
        return
    from zoo.sandbox import seccomp

    found = {name: run(name) for name in ("nothing", "landlock", "seccomp", "landlock+seccomp")}
    if found["landlock+seccomp"] != found["nothing"]:
        more = [f"landlock/{path}" for path in ("/proc", "/sys", "/dev", "/etc", "/run", "/var", "/tmp", "/opt", "/")]
        more += ["landlock without scopes", "landlock without network", "landlock without either"]
        for table in ("_ALWAYS", "_TO_OTHERS", "_SHARED", "_OF_A_PROCESS", "_SIGNALS", "_METADATA"):
            more.append(f"seccomp-{table}")
            more += [f"seccomp-{table}.{call}" for call in getattr(seccomp, table)]
        with ThreadPoolExecutor(8) as pool:
            told = dict(zip(more, pool.map(run, more), strict=True))
        for kind in ("landlock", "seccomp"):
            if found[kind] != found["nothing"]:
                helped = [name for name, one in told.items() if name.startswith(kind) and one == found["nothing"]]
                found[f"{kind}: it starts with"] = helped
    print(json.dumps(found))


def run(name: str) -> object:
    done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=False, timeout=30)
    return json.loads(done.stdout) if done.returncode == 0 else f"exit {done.returncode}: {done.stderr[-200:]}"


def tried(name: str) -> list[int]:
    from zoo.sandbox import confine, landlock, launch, seccomp

    plan = json.loads(
        launch.launch(mode="landlock", python=Path(sys.executable), program=Path(__file__), gpu=True).command[-1]
    )
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    os.environ["HOME"] = "/nonexistent"
    kind, _, more = name.partition("/")
    if "without scopes" in kind or "without either" in kind:
        landlock.SCOPE_ABI = 99
    if "without network" in kind or "without either" in kind:
        landlock.abi = lambda: 3
    if "landlock" in kind:
        proc = [f"/proc/{os.getpid()}", *(f"/proc/{name}" for name in (*confine._PROC, *confine._PROC_GPU))]
        own = [f"/proc/{os.getpid()}/{name}" for name in ("comm", "task")]
        extra = [f"/{more}" if more else "/"] if "/" in name else []
        landlock.restrict(
            read=[*plan["read"], *proc, *extra], write=["/tmp"], devices=[*plan["devices"], *extra], own=[*own, *extra]
        )
    if "seccomp" in kind:
        if "-" in kind:
            table, _, call = kind.partition("-")[2].partition(".")
            calls = getattr(seccomp, table)
            for each in [call] if call else list(calls):
                del calls[each]
        seccomp.restrict(own_namespaces=False, signals_scoped=True, gpu=True)
    return started()


def started() -> list[int]:
    cuda = ctypes.CDLL("libcuda.so.1")
    device, context, memory = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    return [
        cuda.cuInit(0),
        cuda.cuDeviceGet(ctypes.byref(device), 0),
        cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device),
        cuda.cuCtxSetCurrent(context),
        cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(1 << 20)),
    ]


if __name__ == "__main__":
    main()
