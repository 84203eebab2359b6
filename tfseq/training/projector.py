"""An embedding for TensorBoard's projector."""

import pathlib
from collections.abc import Sequence

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

from tfseq.training.run_folder import write_atomically, writing

MOST_ROWS = 5000


def write_projector(
    folder: pathlib.Path, names: Sequence[str], vectors: np.ndarray
) -> None:
    """Writes what the projector page needs to show an embedding.

    Args:
        folder: where the run's event files lie.
        names: one for each row, without tabs and line ends.
        vectors: `[rows, size]`.

    Raises:
        DataError: a file cannot be written.
    """
    vectors_file, names_file = folder / "embedding.tsv", folder / "embedding_names.tsv"
    with writing(vectors_file):
        np.savetxt(vectors_file, vectors, fmt="%.5g", delimiter="\t")
    write_atomically(names_file, "".join(f"{name}\n" for name in names))
    config = ProjectorConfig()
    config.embeddings.add(
        tensor_name="embedding",
        tensor_path=vectors_file.name,
        metadata_path=names_file.name,
    )
    write_atomically(
        folder / "projector_config.pbtxt", text_format.MessageToString(config)
    )
