"""What keeps the model from learning the text by heart."""

import dataclasses

from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class RegularizationSettings:
    """The settings of dropout and penalties."""

    dropout: float = option(
        0.0,
        "Share of activations dropped between layers and before the softmax; never "
        "on the recurrent path.",
        0.0,
        0.99,
        None,
        True,
    )
    input_dropout: float | None = option(
        None,
        "Share of the first layer's inputs dropped; by default --dropout.",
        0.0,
        0.99,
        None,
        True,
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
        0.0,
        0.99,
        None,
        True,
    )
    recurrent_weight_dropout: float = option(
        0.0,
        "Share of the recurrent weights left out of a step.",
        0.0,
        0.99,
        None,
        True,
    )
    activation_regularization: float = option(
        0.0,
        "Weight of the mean square of the last layer's dropped outputs in the loss.",
        0.0,
        1e9,
        None,
        True,
    )
    temporal_activation_regularization: float = option(
        0.0,
        "Weight of the mean square of the last layer's change in time in the loss.",
        0.0,
        1e9,
        None,
        True,
    )
