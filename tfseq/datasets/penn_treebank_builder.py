"""Penn Treebank as a TensorFlow Datasets builder.

    import tensorflow_datasets as tfds
    import tfseq.datasets.penn_treebank_builder  # Registers "penn_treebank".

    train = tfds.load("penn_treebank", split="train")

Only the builders' modules import tensorflow_datasets; nothing else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow_datasets as tfds

from tfseq.datasets.builder_files import builder_file
from tfseq.datasets.penn_treebank import (
    ARCHIVE,
    FILE_NAMES,
    URL,
    penn_treebank_from_file,
)
from tfseq.datasets.text_corpus import TextSplit

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

_SPLIT_NAMES = {"train": "train", "valid": "validation", "test": "test"}


class PennTreebank(tfds.core.GeneratorBasedBuilder):
    """Penn Treebank, sentence by sentence and in order.

    The files are looked for in the manual folder (`DownloadConfig(manual_dir=…)`), in
    the folder that the environment variable TFSEQ_DATA_DIR names, and then downloaded;
    size and MD5 checksum of the archive must be the published ones.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS
    # Otherwise looked up with importlib_resources, which may not be installed.
    code_path = tfds.core.as_path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
            homepage="https://www.rnnlm.org",
            citation=_CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        path = builder_file(dl_manager, FILE_NAMES, "ptb", ARCHIVE)
        corpus = penn_treebank_from_file(path)
        return {
            _SPLIT_NAMES[name]: self._generate_examples(split)
            for name, split in corpus.splits.items()
        }

    def _generate_examples(self, split: TextSplit) -> Iterator[tuple[int, dict]]:
        for index, sentence in enumerate(cut_sentences(split.read())):
            yield index, {"text": sentence}


def cut_sentences(chunks: Iterator[str]) -> Iterator[str]:
    """Yields the lines of a text in pieces, without the white space around them."""
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            yield line.strip()
    if rest:
        yield rest.strip()
