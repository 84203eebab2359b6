"""The settings of regularization: dropout."""

import dataclasses

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
    recurrent_weight_dropout: float = option(
        0.0,
        "Share of the recurrent weights dropped in a step.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )
