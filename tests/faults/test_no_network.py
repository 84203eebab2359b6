"""All that needs no download runs without any network."""

import shutil
import subprocess

import pytest
from training_runs import command, results

from tfseq.tasks import Settings

pytestmark = pytest.mark.faults


@pytest.fixture(name="isolated")
def fixture_isolated():
    """The beginning of a command line that runs the rest without network devices."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if (
        not shutil.which(prefix[0])
        or subprocess.run(
            [*prefix, "true"], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("no network namespace can be made here")
    return prefix


def test_training_needs_no_network(isolated, tmp_path):
    settings = Settings(
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        batch_size=4,
        num_unrollings=8,
        units=8,
        num_steps=10,
        sample_every=0,
    )
    process = subprocess.run(
        [*isolated, *command(settings)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "download" not in (process.stdout + process.stderr).lower()
    assert results(settings)["finished"]


def test_a_download_without_network_is_one_line(isolated, tmp_path):
    settings = Settings(
        dataset="ptb",
        level="word",
        data_dir=str(tmp_path),
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
    )
    process = subprocess.run(
        [*isolated, *command(settings)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert "download" in process.stderr.splitlines()[-1]
