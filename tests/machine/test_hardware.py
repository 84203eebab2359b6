"""What the system tells of its processors."""

import os

import pytest

from tfseq.machine import hardware
from tfseq.machine.hardware import count_cores, multiplies_bfloat16

GENOA = (
    "processor\t: 0\nmodel name\t: EPYC 9354\nflags\t\t: fpu avx2 avx512_bf16 rdpid\n"
)
ROME = "processor\t: 0\nmodel name\t: EPYC 7742\nflags\t\t: fpu sse avx2 rdpid\n"
GRAVITON = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd i8mm bf16\n"


@pytest.mark.parametrize(
    "description, expected",
    [(GENOA, True), (ROME, False), (GRAVITON, True), ("", True)],
)
def test_a_processor_tells_by_its_flags(tmp_path, description, expected):
    path = tmp_path / "cpuinfo"
    path.write_text(description)
    assert multiplies_bfloat16(path) is expected


@pytest.mark.parametrize("unknown", [True, False])
def test_the_answer_where_a_system_does_not_tell_is_given(tmp_path, unknown):
    assert multiplies_bfloat16(tmp_path / "missing", unknown=unknown) is unknown
    (tmp_path / "empty").touch()
    assert multiplies_bfloat16(tmp_path / "empty", unknown=unknown) is unknown


@pytest.mark.parametrize(
    ("multiplies", "gpu", "expected"),
    [
        (True, False, "bfloat16"),
        (False, False, "float32"),
        (True, True, "float32"),
    ],
)
def test_the_faster_precision(monkeypatch, multiplies, gpu, expected):
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda unknown: multiplies)
    monkeypatch.setattr(hardware, "finds_gpu", lambda: gpu)
    assert hardware.choose_precision() == expected


@pytest.mark.parametrize(("cores", "expected"), [(6, 6), (None, 1)])
def test_a_system_that_binds_no_process_to_cores_has_them_all(
    monkeypatch, cores, expected
):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert count_cores() == expected
