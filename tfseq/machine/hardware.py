"""What the machine has."""

import os
import pathlib

import tensorflow as tf

# Linux' names of the instructions: AVX-512 BF16 and AMX of x86, BF16 of Arm.
BFLOAT16_NAMES = {"avx512_bf16", "amx_bf16", "bf16"}


def multiplies_bfloat16(cpuinfo: pathlib.Path = pathlib.Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has instructions for products of bfloat16 numbers.

    Without them products are computed by way of float32, slower than those of float32.
    True where the system does not tell.

    Args:
        cpuinfo: Linux' description of the processors.
    """
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return True
    for line in lines:
        name, _, features = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return not BFLOAT16_NAMES.isdisjoint(features.split())
    return True


def count_cores() -> int:
    """Processor cores that this process may use; 1 where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def finds_gpu() -> bool:
    """Whether TensorFlow sees a GPU, and so cuDNN."""
    return bool(tf.config.list_physical_devices("GPU"))
