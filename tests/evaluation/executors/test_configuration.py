"""Where Parsl runs shards: the examples are valid, and a wrong line is told with its field."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import evaluation.executors
from evaluation.errors import ConfigurationError
from evaluation.executors import parsl as executor
from evaluation.executors.configuration import Configuration, read_configuration

EXAMPLES = Path(evaluation.executors.__file__).parent / "examples"
SLURM = "provider: slurm\nwalltime: '01:00:00'\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("name", "slots", "gpus"), [("local", 2, 0), ("slurm", 32, 4), ("kubernetes", 8, 1)])
def test_the_examples_are_read(name: str, slots: int, gpus: int) -> None:
    asked = read_configuration(EXAMPLES / f"{name}.yaml")
    assert (asked.provider, asked.slots, asked.gpus_per_node) == (name, slots, gpus)
    assert sorted(path.stem for path in EXAMPLES.iterdir()) == ["kubernetes", "local", "slurm"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("provider: pbs\n", "provider"),
        ("workers_per_node: 2\n", "provider"),
        ("provider: slurm\n", "walltime"),
        ("provider: slurm\nwalltime: 10:00:00\n", "walltime.*base 60"),
        ("provider: slurm\nwalltime: '1h'\n", "walltime"),
        (f"{SLURM}max_blocks: 0\n", "max_blocks"),
        (f"{SLURM}partitions: gpu\n", "partitions"),
        (f'{SLURM}partition: "a\\n#SBATCH --uid=0"\n', "partition|holds"),
        (f"{SLURM}workers_per_node: 4\ngpus_per_node: 2\n", "workers_per_node: at most one for each"),
        ("provider: kubernetes\nimage: x\nmemory: 16Gi\n", "volumes"),
        ("provider: kubernetes\nimage: x\nmemory: lots\nvolumes: [{claim: a, path: /a}]\n", "memory"),
        ("[1, 2", "not valid YAML"),
        ("", "file"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"config.yaml.*({told})"):
        read_configuration(written(tmp_path, text))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.yaml cannot be read"):
        read_configuration(tmp_path / "nowhere.yaml")


def test_without_parsl_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parsl.dataflow.dflow", None)
    asked = read_configuration(EXAMPLES / "local.yaml")
    with (
        pytest.raises(ConfigurationError, match=r"pip install 'mlip-zoo\[cluster\]'"),
        executor.ParslExecutor(asked, folder=tmp_path),
    ):
        pass


# --- Parsl's own objects ----------------------------------------------------------------------------------------------


def pool(asked: Configuration, folder: Path) -> Any:
    pytest.importorskip("parsl", reason="pip install 'mlip-zoo[cluster]'")
    here = asked.model_copy(update={"address": "127.0.0.1"})  # looking for others, Parsl leaves sockets open
    (found,) = executor.parsl_config(here, folder=folder).executors
    return found


def test_the_slurm_example_makes_the_jobs_that_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pool(read_configuration(EXAMPLES / "slurm.yaml"), tmp_path)
    provider = found.provider
    for line in ("--partition=gpu", "--account=my-project", "--gpus-per-node=4", "--constraint=a100"):
        assert f"#SBATCH {line}" in provider.scheduler_options
    assert "--exclusive" not in provider.scheduler_options
    assert (provider.max_blocks, provider.walltime, provider.cores_per_node, provider.mem_per_node) == (
        8,
        "04:00:00",
        32,
        128,
    )
    assert "activate" in provider.worker_init
    assert (found.max_workers_per_node, provider.status_polling_interval) == (4, 60)
    # with the default, the loss of one block fails all tasks
    assert found.block_error_handler.__name__ == "noop_error_handler"


def test_the_local_example_finds_this_environments_programs(tmp_path: Path) -> None:
    found = pool(read_configuration(EXAMPLES / "local.yaml"), tmp_path)
    assert found.max_workers_per_node == 2
    assert found.provider.worker_init.startswith("export PATH=")


def test_the_kubernetes_example_makes_the_pods_that_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kubernetes", reason="pip install kubernetes")
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    access = {
        "clusters": [cluster],
        "contexts": [context],
        "current-context": "x",
        "users": [{"name": "u", "user": {}}],
    }
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path, yaml.safe_dump(access))))
    provider = pool(read_configuration(EXAMPLES / "kubernetes.yaml"), tmp_path).provider
    assert (provider.image, provider.namespace) == ("registry.example.org/mlip-zoo:0.1.0", "mlip-zoo")
    assert provider.extra_limits == {"nvidia.com/gpu": "1"}
    assert provider.persistent_volumes == [("shared", "/shared")]


def test_kubernetes_without_its_client_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kube = pytest.importorskip("parsl.providers.kubernetes.kube", reason="pip install 'mlip-zoo[cluster]'")
    monkeypatch.setattr(kube, "_kubernetes_enabled", False)
    asked = read_configuration(EXAMPLES / "kubernetes.yaml")
    with (
        pytest.raises(ConfigurationError, match="pip install kubernetes"),
        executor.ParslExecutor(asked, folder=tmp_path),
    ):
        pass
