"""The settings of the machine: devices, threads and number formats."""

import dataclasses

from tfseq.configuration.choices import STRATEGIES
from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class MachineSettings:
    """The settings of devices, threads and number formats."""

    strategy: str = option(
        "none", f"Devices: {STRATEGIES.explain()}.", choices=STRATEGIES
    )
    num_devices: int = option(
        0,
        "Devices of `strategy`=mirrored; 0: all. Without a GPU: parts of the CPU.",
        lower=0,
        upper=1024,
        needs=[{"strategy": ("mirrored",)}],
    )
    steps_per_call: int = option(
        0,
        "Most steps in one compiled call; 0: as many as take half a second.",
        lower=0,
        upper=1000000,
    )
    chains: int = option(
        0,
        "Independent parts of a replica's batch, computed side by side; 0: as many as the "
        "run began with. A new run takes one for each core on CPU with up to 512 units (768 "
        "with AVX-512), but at most 16 and not more than two of fewer than 8 lanes, "
        "otherwise one.",
        lower=0,
        upper=1024,
        per_machine=True,
    )
    intra_op_threads: int = option(
        0,
        "Threads inside one operation; 0: cores divided by chains.",
        lower=0,
        upper=4096,
        per_machine=True,
    )
    inter_op_threads: int = option(
        0,
        "Operations side by side; 0: one for each chain.",
        lower=0,
        upper=4096,
        per_machine=True,
    )
    precision: str = option(
        "float32",
        "Number format in which layers compute in training; weights stay float32. bfloat16 "
        "is faster on processors with instructions for it (AVX-512 BF16, AMX) and slower on "
        "others; auto chooses it there, and keeps the choice when the run goes on. Trained "
        "runs are used in float32.",
        choices=("float32", "bfloat16", "auto"),
        fixed=True,
    )
    eager: bool = option(False, "Run the steps eagerly, for use in a debugger.")
