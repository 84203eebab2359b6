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
        "Devices of `strategy`=mirrored; 0: all. Parts of the CPU without GPU.",
        lower=0,
        upper=1024,
    )
    steps_per_call: int = option(
        0,
        "Most steps in one compiled call; 0: about half a second of them.",
        lower=0,
        upper=1000000,
    )
    chains: int = option(
        0,
        "Independent parts that a replica's batch is computed in, side by side; 0: one "
        "a processor core on CPU with up to 512 units, otherwise one.",
        lower=0,
        upper=1024,
    )
    intra_op_threads: int = option(
        0,
        "Threads inside one operation; 0: cores divided by chains.",
        lower=0,
        upper=4096,
    )
    inter_op_threads: int = option(
        0, "Operations run side by side; 0: one for each chain.", lower=0, upper=4096
    )
    precision: str = option(
        "float32",
        "Number format of the layers' arithmetic in training; weights stay float32. bfloat16 "
        "is faster where the processor multiplies it (AVX-512 BF16, AMX) and slower "
        "elsewhere. Trained runs are used in float32.",
        choices=("float32", "bfloat16"),
        fixed=True,
    )
    eager: bool = option(False, "Run the same steps eagerly, for a debugger.")
