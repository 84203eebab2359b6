"""The data sets: published ones, the reader's own files and some that need no file.

The examples of this room need `import numpy as np` and the names of this package.
"""

from tfseq.datasets.cmudict import cmudict_corpus
from tfseq.datasets.imdb_reviews import (
    imdb_backward_text_corpus,
    imdb_reviews_corpus,
    imdb_text_corpus,
)
from tfseq.datasets.labelled_corpus import LabelledCorpus, LabelledSplit
from tfseq.datasets.labelled_files import labelled_file_corpus
from tfseq.datasets.loading import load_corpus
from tfseq.datasets.mirrored_words import mirror_corpus, mirror_text8_corpus
from tfseq.datasets.multi30k import multi30k_corpus
from tfseq.datasets.pair_corpus import PairCorpus, PairSplit
from tfseq.datasets.pair_files import pair_file_corpus
from tfseq.datasets.penn_treebank import penn_treebank_corpus
from tfseq.datasets.python_code import python_code_corpus
from tfseq.datasets.python_docs import python_docs_corpus, python_prose_corpus
from tfseq.datasets.tagged_corpus import (
    TaggedCorpus,
    TaggedSentence,
    TaggedSplit,
    TaggedStream,
    TaggedText,
)
from tfseq.datasets.tagged_files import conll2000_corpus, tagged_file_corpus
from tfseq.datasets.text8 import text8_corpus
from tfseq.datasets.text_corpus import TextCorpus, TextSplit
from tfseq.datasets.text_files import text_file_corpus
from tfseq.datasets.toy_classes import toy_classes_corpus
from tfseq.datasets.toy_reviews import toy_reviews_corpus
from tfseq.datasets.wikitext2 import wikitext2_corpus

__all__ = [
    "LabelledCorpus",
    "LabelledSplit",
    "PairCorpus",
    "PairSplit",
    "TaggedCorpus",
    "TaggedSentence",
    "TaggedSplit",
    "TaggedStream",
    "TaggedText",
    "TextCorpus",
    "TextSplit",
    "cmudict_corpus",
    "conll2000_corpus",
    "imdb_backward_text_corpus",
    "imdb_reviews_corpus",
    "imdb_text_corpus",
    "labelled_file_corpus",
    "load_corpus",
    "mirror_corpus",
    "mirror_text8_corpus",
    "multi30k_corpus",
    "pair_file_corpus",
    "penn_treebank_corpus",
    "python_code_corpus",
    "python_docs_corpus",
    "python_prose_corpus",
    "tagged_file_corpus",
    "text8_corpus",
    "text_file_corpus",
    "toy_classes_corpus",
    "toy_reviews_corpus",
    "wikitext2_corpus",
]
