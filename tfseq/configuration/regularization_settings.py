"""The settings of regularization: dropout."""

import dataclasses

from tfseq.configuration.choices import CELLS
from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class RegularizationSettings:
    """The settings of dropout."""

    dropout: float = option(
        0.0,
        "Share of the values dropped between layers and before the softmax; never on the "
        "recurrent path.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )
    input_dropout: float | None = option(
        None,
        "Share of the first layer's inputs dropped; by default `dropout`.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )

    variational_dropout: bool = option(
        False,
        "Drop the same values at all time steps of an unrolling: before the first layer, "
        "between layers and before the softmax.",
        fixed=True,
        needs=[("dropout", "input_dropout")],
    )
    embedding_dropout: float = option(
        0.0,
        "Share of the vocabulary whose embeddings are dropped in a step.",
        lower=0.0,
        upper=0.99,
        fixed=True,
        needs=["embedding_size"],
    )
    zoneout: float = option(
        0.0,
        "Share of the values of the layers' states that stay as they are in a step.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )
    zoneout_memory: float | None = option(
        None,
        "The same for the memory of LSTMs alone; by default `zoneout`.",
        lower=0.0,
        upper=0.99,
        fixed=True,
        needs=[{"cell": CELLS}],
    )
    recurrent_weight_dropout: float = option(
        0.0,
        "Share of the recurrent weights dropped in a step.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )
