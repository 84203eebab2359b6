"""text8 as a TensorFlow Datasets builder.

    import tensorflow_datasets as tfds
    import tfseq.datasets.text8_builder  # Registers the name "text8".

    train = tfds.load("text8", split="train")

Only the builders' modules import tensorflow_datasets; nothing else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfseq.datasets.text8 import ARCHIVE, FILE_NAMES, URL, text8_from_file
from tfseq.datasets.text_builder import TextBuilder
from tfseq.datasets.text_corpus import TextCorpus

EXAMPLE_CHARACTERS = 100_000
"""The length of an example; only the last of a split is shorter."""

_DESCRIPTION = """\
text8 is the first 100,000,000 characters of cleaned English Wikipedia, from the dump of
3 March 2006: lower-case a to z and single spaces, digits spelled out. The splits are the
usual first 90, then 5, then 5 million characters for training, validation and test; an
example is the next 100,000 characters of its split, in the order of the text.
"""

_CITATION = """\
@misc{mahoney2011text8,
  author = {Matt Mahoney},
  title = {Large Text Compression Benchmark: About the Test Data},
  year = {2011},
  url = {http://mattmahoney.net/dc/textdata.html},
}
"""

_INSTRUCTIONS = f"""\
Nothing to do where the network is open. Elsewhere fetch {URL} and put it, or the file
text8 in it, into the manual folder or into the one that TFSEQ_DATA_DIR names.
"""


class Text8(TextBuilder):
    """text8, character for character and in order.

    The file is looked for in the manual folder (`DownloadConfig(manual_dir=…)`), in
    the folder that the environment variable TFSEQ_DATA_DIR names, and then downloaded;
    size and SHA-1 checksum must be the published ones (text8.zip: 31,344,016 bytes). A
    shorter file is accepted with a warning and cut in the same proportions.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS
    DESCRIPTION = _DESCRIPTION
    CITATION = _CITATION
    HOMEPAGE = "http://mattmahoney.net/dc/textdata.html"
    FILE_NAMES = FILE_NAMES
    FOLDER = "text8"
    PUBLISHED = ARCHIVE

    def read_corpus(self, path: Path) -> TextCorpus:
        """Returns training, validation and test text."""
        return text8_from_file(path)

    def cut(self, chunks: Iterator[str]) -> Iterator[str]:
        """Yields the text in pieces of equal length."""
        return cut_examples(chunks, EXAMPLE_CHARACTERS)


def cut_examples(chunks: Iterator[str], num_characters: int) -> Iterator[str]:
    """Yields the text of `chunks` in pieces of `num_characters`, the rest last."""
    rest = ""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % num_characters
        for start in range(0, whole, num_characters):
            yield rest[start : start + num_characters]
        rest = rest[whole:]
    if rest:
        yield rest
