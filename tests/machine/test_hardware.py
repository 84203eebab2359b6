"""Whether the processor multiplies bfloat16 numbers is read off its description."""

import pytest

from tfseq.machine.hardware import multiplies_bfloat16

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


def test_a_system_that_does_not_tell_is_believed(tmp_path):
    assert multiplies_bfloat16(tmp_path / "missing")
