"""Texts to train on: published ones, the reader's own and an embedded one."""

from tfseq.datasets.imdb_reviews import imdb_reviews_corpus
from tfseq.datasets.penn_treebank import penn_treebank_corpus
from tfseq.datasets.python_docs import python_docs_corpus
from tfseq.datasets.review_corpus import ReviewCorpus, ReviewSplit
from tfseq.datasets.text8 import text8_corpus
from tfseq.datasets.text_corpus import TextCorpus, TextSplit
from tfseq.datasets.text_files import text_file_corpus
from tfseq.datasets.toy_reviews import toy_reviews_corpus

__all__ = [
    "ReviewCorpus",
    "ReviewSplit",
    "TextCorpus",
    "TextSplit",
    "imdb_reviews_corpus",
    "penn_treebank_corpus",
    "python_docs_corpus",
    "text8_corpus",
    "text_file_corpus",
    "toy_reviews_corpus",
]
