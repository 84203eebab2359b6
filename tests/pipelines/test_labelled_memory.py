"""A large file of labelled texts needs no more memory than a small one."""

import subprocess
import sys

import pytest

# Prints the peak of the process' memory in MB after preparation and an epoch of batches.
PROGRAM = """
import resource, sys
import tensorflow as tf
from tfseq.datasets import labelled_file_corpus
from tfseq.pipelines import prepare_labelled_corpus, training_batches
corpus = labelled_file_corpus(sys.argv[1])
prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint, sys.argv[2])
train = prepared.splits["train"]
batches = training_batches(train, 64, 400, seed=0)
rows = 0
for tokens, *_ in batches.take(len(train) // 64):
    rows += len(tokens)
print(len(train.ids), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
SENTENCE = (
    "the plot was good but the music was not as good as that of the other film , "
)


def write_table(path, count: int) -> None:
    """Texts of 3,200 characters."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("text,label\n")
        for number in range(count):
            file.write(
                f'"text {number % 100} {SENTENCE * 40}",{"good" if number % 3 else "bad"}\n'
            )


def peak(folder, count: int) -> float:
    table = folder / f"{count}.csv"
    write_table(table, count)
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(table), str(folder / "cache")],
        capture_output=True,
        text=True,
        check=True,
    )
    ids, megabytes = output.stdout.split()
    assert int(ids) > 0.7 * count * 700
    return float(megabytes)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    """Of 200 MB of text, 42 million tokens, as of 20 MB."""
    small, large = peak(tmp_path, 6_250), peak(tmp_path, 62_500)
    assert large < small + 40, (small, large)
