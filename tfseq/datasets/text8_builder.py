"""text8 as a TensorFlow Datasets builder.

    import tensorflow_datasets as tfds
    import tfseq.datasets.text8_builder  # Registers the name "text8".

    train = tfds.load("text8", split="train")

Only the builders' modules import tensorflow_datasets; nothing else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow_datasets as tfds

from tfseq.datasets.builder_files import builder_file
from tfseq.datasets.text8 import ARCHIVE, FILE_NAMES, URL, text8_from_file
from tfseq.datasets.text_corpus import TextSplit

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

_SPLIT_NAMES = {"train": "train", "valid": "validation", "test": "test"}


class Text8(tfds.core.GeneratorBasedBuilder):
    """text8, character for character and in order.

    The file is looked for in the manual folder (`DownloadConfig(manual_dir=…)`), in
    the folder that the environment variable TFSEQ_DATA_DIR names, and then downloaded;
    size and SHA-1 checksum must be the published ones (text8.zip: 31,344,016 bytes). A
    shorter file is accepted with a warning and cut in the same proportions.
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
            homepage="http://mattmahoney.net/dc/textdata.html",
            citation=_CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        corpus = text8_from_file(builder_file(dl_manager, FILE_NAMES, "text8", ARCHIVE))
        return {
            _SPLIT_NAMES[name]: self._generate_examples(split)
            for name, split in corpus.splits.items()
        }

    def _generate_examples(self, split: TextSplit) -> Iterator[tuple[int, dict]]:
        for index, text in enumerate(cut_examples(split.read(), EXAMPLE_CHARACTERS)):
            yield index, {"text": text}


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
