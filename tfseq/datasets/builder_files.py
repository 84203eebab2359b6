"""Where a TensorFlow Datasets builder finds its published file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfseq.datasets.sources import PublishedFile, check_file, find_file

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


def builder_file(
    dl_manager: tfds.download.DownloadManager,
    names: tuple[str, ...],
    folder: str,
    published: PublishedFile,
) -> Path:
    """Returns one of the files `names`, downloading the published one if need be.

    Looked at first are the manual folder and the one that `TFSEQ_DATA_DIR` names, each
    with its `folder`; what is found there is not compared with `published`.

    Raises:
        DataError: The download is not the published file.
    """
    try:
        manual_dir = Path(dl_manager.manual_dir)
    except AssertionError:  # There is no manual folder, or it is empty.
        manual_dir = None
    path = manual_dir and find_file(names, folder, manual_dir, "manual_dir")
    path = path or find_file(names, folder, None, "")
    if path is None:
        path = Path(dl_manager.download(published.url))
        check_file(published, path)
    return path
