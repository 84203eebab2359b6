"""The base of the TensorFlow Datasets builders of published texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from tfseq.datasets.sources import PublishedFile, check_file, find_file
from tfseq.datasets.text_corpus import TextCorpus, TextSplit

_SPLIT_NAMES = {"train": "train", "valid": "validation", "test": "test"}


class TextBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base of the builders of texts, whose examples are pieces of text in order.

    The file is looked for in the manual folder (`DownloadConfig(manual_dir=…)`), in the
    folder that the environment variable TFSEQ_DATA_DIR names, and then downloaded.

    Attributes:
        DESCRIPTION, CITATION, HOMEPAGE: the content of the builder's page.
        FILE_NAMES: the publisher's names of the file, packed or unpacked.
        FOLDER: a folder that it may lie in.
        PUBLISHED: the file to download.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    # Otherwise looked up with importlib_resources, which may not be installed.
    code_path = tfds.core.as_path(__file__)

    DESCRIPTION: str
    CITATION: str
    HOMEPAGE: str
    FILE_NAMES: tuple[str, ...]
    FOLDER: str
    PUBLISHED: PublishedFile

    def read_corpus(self, path: Path) -> TextCorpus:
        """Returns the splits of the text in a file that was found."""
        raise NotImplementedError

    def cut(self, chunks: Iterator[str]) -> Iterator[str]:
        """Yields the examples of a split, whose text comes in chunks."""
        raise NotImplementedError

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.DESCRIPTION,
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
            homepage=self.HOMEPAGE,
            citation=self.CITATION,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        path = builder_file(
            dl_manager, self.FILE_NAMES, folder=self.FOLDER, published=self.PUBLISHED
        )
        return {
            _SPLIT_NAMES[name]: self._generate_examples(split)
            for name, split in self.read_corpus(path).splits.items()
        }

    def _generate_examples(self, split: TextSplit) -> Iterator[tuple[int, dict]]:
        for index, text in enumerate(self.cut(split.read())):
            yield index, {"text": text}


def builder_file(
    dl_manager: tfds.download.DownloadManager,
    names: tuple[str, ...],
    *,
    folder: str,
    published: PublishedFile,
) -> Path:
    """Returns one of the files `names`, downloading the published one if need be.

    The manual folder and the one that `TFSEQ_DATA_DIR` names are searched first, each
    with its `folder`. A file that is found there is not compared with `published`.

    Args:
        dl_manager: the download manager of TensorFlow Datasets.
        names: the file names, the preferred one first.
        folder: the name of a folder that may hold them.
        published: the file to download.

    Raises:
        DataError: the download is not the published file.
    """
    try:
        manual_dir = Path(dl_manager.manual_dir)
    except AssertionError:  # There is no manual folder, or it is empty.
        manual_dir = None
    path = manual_dir and find_file(names, folder, manual_dir, argument="manual_dir")
    path = path or find_file(names, folder, None)
    if path is None:
        path = Path(dl_manager.download(published.url))
        check_file(published, path)
    return path
