"""An embedding for TensorBoard's projector."""

import pathlib
from collections.abc import Sequence

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

MOST_ROWS = 5000


def write_projector(
    folder: pathlib.Path, names: Sequence[str], vectors: np.ndarray
) -> None:
    """Writes what the projector page needs to show an embedding.

    Args:
        folder: where the run's event files lie.
        names: one for each row, without tabs and line ends.
        vectors: `[rows, size]`.
    """
    vectors_file, names_file = folder / "embedding.tsv", folder / "embedding_names.tsv"
    np.savetxt(vectors_file, vectors, fmt="%.5g", delimiter="\t")
    names_file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    config = ProjectorConfig()
    config.embeddings.add(
        tensor_name="embedding",
        tensor_path=vectors_file.name,
        metadata_path=names_file.name,
    )
    (folder / "projector_config.pbtxt").write_text(text_format.MessageToString(config))
