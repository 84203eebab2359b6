"""All that needs no download runs without any network."""

import os
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


@pytest.mark.parametrize(
    "dataset",
    [
        "imdb",
        pytest.param("ptb", marks=pytest.mark.slow),
        pytest.param("text8", marks=pytest.mark.slow),
    ],
)
def test_a_download_without_network_ends_at_once(isolated, tmp_path, dataset):
    """One line says what was begun, one that it failed; nothing is tried for minutes."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "notes.csv").write_text("1,2")
    settings = Settings(
        dataset=dataset,
        cache_dir=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
        num_steps=1,
    )
    process = subprocess.run(
        [*isolated, *command(settings)],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        # Other packages, such as JAX, set a level at which TensorFlow speaks.
        env={
            **os.environ,
            "TFSEQ_DATA_DIR": str(folder),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
    )
    assert process.returncode == 1
    warning, error = process.stderr.strip().splitlines()
    assert warning.startswith("tfseq train: note: ")
    assert f"in {folder} and its folder" in warning
    assert "found notes.csv, none fits; downloading http" in warning
    assert "cannot download http" in error
    assert not (tmp_path / "run").exists()


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
