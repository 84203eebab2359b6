"""Figures that say how well tokens are predicted."""

import math


def token_metrics(loss: float, level: str) -> dict[str, float]:
    """The usual forms of a mean negative log-likelihood of a token.

    perplexity = exp(loss); where a token is a character also
    bits_per_character = loss / ln 2.

    Args:
        loss: in nats.
        level: what a token is, `character` or `word`.
    """
    figures = {
        "loss": loss,
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
    }
    if level == "character":
        figures["bits_per_character"] = loss / math.log(2)
    return figures
