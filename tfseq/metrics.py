"""Figures that say how well tokens are predicted."""

import math


def token_metrics(loss: float) -> dict[str, float]:
    """The usual forms of a mean negative log-likelihood of a token.

    perplexity = exp(loss); bits_per_character = loss / ln 2, where a token is a
    character.

    Args:
        loss: in nats.
    """
    return {
        "loss": loss,
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
        "bits_per_character": loss / math.log(2),
    }
