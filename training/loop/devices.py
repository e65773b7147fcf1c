"""Devices, processes and precision, through Lightning Fabric."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ...benchmark.loading import end_with_launcher
from ...benchmark.running import pick_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PRECISIONS = {"float32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def launch(device: str, precision: Literal["float32", "bf16", "fp16"]) -> Fabric:
    """Join the processes that torchrun started, or begin with this one alone.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:1`; under torchrun each process takes a device of its own.
        precision: of the network's passes.

    Raises:
        RaybenchError: Lightning Fabric is not installed, there is no such device, or the precision does not
            fit it.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
    except ImportError:
        raise RaybenchError("training needs Lightning Fabric: pip install 'raybench[train]'") from None
    where = pick_device(device)
    if precision == "fp16" and where.type == "cpu":
        raise RaybenchError("precision: fp16 needs a GPU; use bf16 or float32 on a CPU")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    options: dict[str, Any] = {"accelerator": where.type, "precision": _PRECISIONS[precision]}
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local, world = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        if where.type == "cuda" and torch.cuda.device_count() < local:
            raise RaybenchError(
                f"torchrun started {local} processes, but there are {torch.cuda.device_count()} GPUs; "
                "lower --nproc-per-node"
            )
        end_with_launcher()
        options |= {"devices": local, "num_nodes": world // local, "strategy": DDPStrategy()}
    else:
        options["devices"] = [where.index or 0] if where.type == "cuda" else 1
    fabric = Fabric(**options)
    fabric.launch()
    return fabric


def add_up(fabric: Fabric, sums: Tensor) -> Tensor:
    """Add a tensor over the processes; with several of them, the result is on the CPU."""
    if fabric.world_size == 1:
        return sums
    total: Tensor = fabric.all_reduce(sums.to(fabric.device), reduce_op="sum")  # type: ignore[assignment]
    return total.cpu()


def take_buffers_of_first(fabric: Fabric, network: nn.Module) -> None:
    """Give the network of every process the buffers, such as running means, of the first."""
    for buffer in network.buffers() if fabric.world_size > 1 else ():
        torch.distributed.broadcast(buffer, 0)
