"""Large files of labelled texts, or of pairs, need no more memory than small ones."""

import subprocess
import sys

import pytest

# Prints the ids and the peak of the process' memory in MB, after preparation and an epoch
# of batches.
PROGRAM = """
import resource, sys
from tfseq.datasets import labelled_file_corpus, pair_file_corpus
from tfseq.pipelines import (
    prepare_labelled_corpus, prepare_pairs, training_batches, training_pairs
)
kind, file, cache = sys.argv[1:]
if kind == "labelled":
    corpus = labelled_file_corpus(file)
    prepared = prepare_labelled_corpus(corpus.splits, corpus.fingerprint, cache)
    train = prepared.splits["train"]
    batches, count = training_batches(train, 64, 400, seed=0), len(train.ids)
else:
    corpus = pair_file_corpus(train_file=file)
    levels = {"sources": "word", "tokens": "word"}
    prepared = prepare_pairs(corpus.splits, corpus.fingerprint, cache, levels=levels)
    train = prepared.splits["train"]
    batches = training_pairs(train, batch_tokens=64 * 400, seed=0)
    count = len(train.sources) + len(train.targets)
rows = 0
for tokens, *_ in batches.take(len(train) // 64):
    rows += len(tokens)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
SENTENCE = (
    "the plot was good but the music was not as good as that of the other film , "
)


def labelled_lines(count: int):
    """Texts of 3,200 characters in a table."""
    yield "text,label\n"
    for number in range(count):
        yield f'"text {number % 100} {SENTENCE * 40}",{"good" if number % 3 else "bad"}\n'


def pair_lines(count: int):
    """Pairs of 3,200 characters together, in a table."""
    for number in range(count):
        yield f"text {number % 100} {SENTENCE * 20}\t{SENTENCE * 20} {number}\n"


LINES = {"labelled": (labelled_lines, "csv"), "pairs": (pair_lines, "tsv")}


def peak(folder, kind: str, count: int) -> float:
    lines, ending = LINES[kind]
    table = folder / f"{count}.{ending}"
    with open(table, "w", encoding="utf-8") as file:
        file.writelines(lines(count))
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(table), str(folder / "cache")],
        capture_output=True,
        text=True,
        check=True,
    )
    ids, megabytes = output.stdout.split()
    assert int(ids) > 0.7 * count * 700
    return float(megabytes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LINES)
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    """Of 200 MB of text, 42 million tokens, as of 20 MB."""
    small, large = peak(tmp_path, kind, 6_250), peak(tmp_path, kind, 62_500)
    assert large < small + 40, (small, large)
