"""Penn Treebank as a TensorFlow Datasets builder.

    import tensorflow_datasets as tfds
    import tfseq.datasets.penn_treebank_builder  # Registers "penn_treebank".

    train = tfds.load("penn_treebank", split="train")

Only the builders' modules import tensorflow_datasets; nothing else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfseq.datasets.penn_treebank import ARCHIVE, FILE_NAMES, SPLITS, URL
from tfseq.datasets.published_splits import corpus_from_file
from tfseq.datasets.text_builder import TextBuilder
from tfseq.datasets.text_corpus import TextCorpus

_DESCRIPTION = """\
The Wall Street Journal part of the Penn Treebank as preprocessed by Tomas Mikolov, the
usual benchmark of word language models: lower case, no punctuation, numbers as N, words
beyond the most frequent ones as <unk>; 10,000 types with the end of sentence. An example
is a sentence, in the order of the text.

The archive says that it should be free for research purposes; the text underlies the
Linguistic Data Consortium's agreement for Treebank-3 (LDC99T42). Do not redistribute it.
"""

_CITATION = """\
@article{marcus1993building,
  author = {Mitchell P. Marcus and Beatrice Santorini and Mary Ann Marcinkiewicz},
  title = {Building a Large Annotated Corpus of {E}nglish: The {P}enn {T}reebank},
  journal = {Computational Linguistics},
  volume = {19},
  number = {2},
  pages = {313--330},
  year = {1993},
}
@inproceedings{mikolov2010recurrent,
  author = {Tomas Mikolov and Martin Karafi{\'a}t and Lukas Burget and
            Jan {\v{C}}ernock{\'y} and Sanjeev Khudanpur},
  title = {Recurrent Neural Network Based Language Model},
  booktitle = {Interspeech},
  year = {2010},
}
"""

_INSTRUCTIONS = f"""\
Nothing to do where the network is open. Elsewhere fetch {URL} and put it, or the files
ptb.train.txt, ptb.valid.txt and ptb.test.txt in it, into the manual folder or into the
one that TFSEQ_DATA_DIR names.
"""


class PennTreebank(TextBuilder):
    """Penn Treebank, sentence by sentence and in order.

    The files are looked for in the manual folder (`DownloadConfig(manual_dir=…)`), in
    the folder that the environment variable TFSEQ_DATA_DIR names, and then downloaded;
    size and MD5 checksum of the archive must be the published ones.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS
    DESCRIPTION = _DESCRIPTION
    CITATION = _CITATION
    HOMEPAGE = "https://www.rnnlm.org"
    FILE_NAMES = FILE_NAMES
    FOLDER = "ptb"
    PUBLISHED = ARCHIVE

    def read_corpus(self, path: Path) -> TextCorpus:
        """Returns training, validation and test text."""
        return corpus_from_file(path, SPLITS)

    def cut(self, chunks: Iterator[str]) -> Iterator[str]:
        """Yields the sentences."""
        return cut_sentences(chunks)


def cut_sentences(chunks: Iterator[str]) -> Iterator[str]:
    """Yields the lines of a text in pieces, without the white space around them."""
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            yield line.strip()
    if rest:
        yield rest.strip()
