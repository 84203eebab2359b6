"""The hardware of the machine: processor cores, their instructions, GPUs."""

import functools
import os
import pathlib

import tensorflow as tf

# The names of the instructions in Linux: AVX-512 BF16 and AMX of x86, BF16 of Arm.
BFLOAT16_NAMES = {"avx512_bf16", "amx_bf16", "bf16"}


def multiplies_bfloat16(
    cpuinfo: pathlib.Path = pathlib.Path("/proc/cpuinfo"), *, unknown: bool = True
) -> bool:
    """Returns whether the processor has instructions for products of bfloat16 numbers.

    Without them products are computed in float32 after a conversion, so that they are
    slower than those of float32.

    Args:
        cpuinfo: the file in which Linux describes the processors.
        unknown: the answer if the system does not tell.
    """
    features = instructions(cpuinfo)
    return unknown if features is None else not BFLOAT16_NAMES.isdisjoint(features)


@functools.cache
def instructions(
    cpuinfo: pathlib.Path = pathlib.Path("/proc/cpuinfo"),
) -> frozenset[str] | None:
    """Returns Linux' names of the processor's instructions; None if it does not tell.

    Args:
        cpuinfo: the file in which Linux describes the processors.
    """
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, features = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(features.split())
    return None


def has_avx512() -> bool:
    """Returns whether the processor is known to have the instructions of AVX-512."""
    return "avx512f" in (instructions() or ())


def choose_precision() -> str:
    """Returns the number format in which layers are computed faster on this machine.

    It is `bfloat16` where the processor is known to multiply it and computes the layers
    itself, elsewhere `float32`.
    """
    fast = multiplies_bfloat16(unknown=False) and not finds_gpu()
    return "bfloat16" if fast else "float32"


def count_cores() -> int:
    """Returns the number of cores that this process may use; 1 if the system does not tell.

    Where a system cannot bind processes to cores, as macOS, those are all of its cores.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def finds_gpu() -> bool:
    """Returns whether TensorFlow finds a GPU that it may use."""
    return bool(tf.config.get_visible_devices("GPU"))


def finds_cudnn() -> bool:
    """Returns whether TensorFlow finds an NVIDIA GPU, and with it cuDNN."""
    return finds_gpu() and bool(tf.sysconfig.get_build_info().get("is_cuda_build"))
