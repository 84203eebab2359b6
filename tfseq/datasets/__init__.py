"""Texts to train on: published ones, the reader's own and an embedded one."""

from tfseq.datasets.penn_treebank import penn_treebank_corpus
from tfseq.datasets.python_docs import python_docs_corpus
from tfseq.datasets.text8 import text8_corpus
from tfseq.datasets.text_corpus import TextCorpus, TextSplit
from tfseq.datasets.text_files import text_file_corpus

__all__ = [
    "TextCorpus",
    "TextSplit",
    "penn_treebank_corpus",
    "python_docs_corpus",
    "text8_corpus",
    "text_file_corpus",
]
