"""The settings of regularization: dropout."""

import dataclasses

from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class RegularizationSettings:
    """The settings of dropout."""

    dropout: float = option(
        0.0,
        "Share of activations dropped between layers and before the softmax; never "
        "on the recurrent path.",
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
        "Drop the same values at all time steps of an unrolling, between layers, before "
        "the first and before the softmax.",
        fixed=True,
    )
    embedding_dropout: float = option(
        0.0,
        "Share of the vocabulary left out of a step's inputs.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )
    recurrent_weight_dropout: float = option(
        0.0,
        "Share of the recurrent weights left out of a step.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )
