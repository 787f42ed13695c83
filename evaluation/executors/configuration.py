"""Configuration: where Parsl runs shards, as a short YAML file says. Examples are in `examples/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from evaluation.errors import ConfigurationError
from zoo.cards import plain_yaml
from zoo.errors import CardError
from zoo.strict import Strict

_Count = Annotated[int, Field(ge=1)]
_Walltime = Annotated[str, Field(pattern=r"^\d{2,3}:[0-5]\d:[0-5]\d$")]
_Line = Annotated[str, Field(pattern=r"^[^\n]*$")]


class _Block(Strict):
    """A block is what is asked for at once: one job of the queue, one pod, or some processes here."""

    workers_per_node: _Count = 1
    """Shards that run side by side on a node; each has a model of its own."""
    gpus_per_node: int = Field(default=0, ge=0)
    """0: no GPU is asked for, and no worker is shown a certain one. Else each worker has one of its own."""
    cores_per_worker: _Count = 1
    max_blocks: _Count = 1
    worker_init: str = ""
    """Shell lines before the workers start, as `source …/bin/activate`: the environment must have mlip-zoo[cluster]."""
    address: _Line | None = None
    """Of this machine, as the nodes reach it; None tries all that it has."""
    poll_seconds: _Count = 60
    """Seconds between two questions to the queue."""

    @model_validator(mode="after")
    def _one_gpu_each(self) -> _Block:
        if self.gpus_per_node and self.workers_per_node > self.gpus_per_node:
            raise ValueError("workers_per_node: at most one for each of gpus_per_node")
        return self

    @property
    def nodes(self) -> int:
        """Nodes of a block."""
        return 1

    @property
    def slots(self) -> int:
        """Shards that run at once, when the queue gives everything."""
        return self.max_blocks * self.nodes * self.workers_per_node


class LocalConfiguration(_Block):
    """Processes on this machine, by Parsl."""

    provider: Literal["local"]


class SlurmConfiguration(_Block):
    """Jobs of Slurm."""

    provider: Literal["slurm"]
    partition: _Line | None = None
    account: _Line | None = None
    qos: _Line | None = None
    nodes_per_block: _Count = 1
    memory_gb_per_node: _Count | None = None
    walltime: _Walltime
    """HH:MM:SS of a block; a shard that it cuts continues in the next one."""
    exclusive: bool = False
    """Whether a block has its nodes alone."""
    options: str = ""
    """Further lines of the job's script, as `#SBATCH --constraint=a100`."""

    @property
    def nodes(self) -> int:
        """Nodes of a block."""
        return self.nodes_per_block


class Volume(Strict):
    """A claim of Kubernetes, and where pods see it."""

    claim: _Line
    path: _Line


class KubernetesConfiguration(_Block):
    """Pods of Kubernetes."""

    provider: Literal["kubernetes"]
    image: _Line
    """Has mlip-zoo[cluster]."""
    namespace: _Line = "default"
    memory: Annotated[str, Field(pattern=r"^\d+[MG]i$")]
    """Of a pod, `16Gi`."""
    volumes: tuple[Volume, ...]
    """One of them holds --runs, at the same path as here; another may hold MLIP_ZOO_CACHE."""
    service_account: _Line | None = None


Configuration = LocalConfiguration | SlurmConfiguration | KubernetesConfiguration

_KINDS: TypeAdapter[Configuration] = TypeAdapter(
    Annotated[LocalConfiguration | SlurmConfiguration | KubernetesConfiguration, Field(discriminator="provider")]
)


def read_configuration(path: Path) -> Configuration:
    """The configuration in a YAML file. Raises ConfigurationError with file, field and reason."""
    try:
        data = plain_yaml.read(path.read_text(encoding="utf-8"), name=path.name)
        return _KINDS.validate_python(_tuples(data))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (CardError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(error)) from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(f"{path}: {told}") from error


def _tuples(value: object) -> object:
    """The same with tuples for lists, as the strict records want them."""
    if isinstance(value, list):
        return tuple(_tuples(each) for each in value)
    return {key: _tuples(each) for key, each in value.items()} if isinstance(value, dict) else value
