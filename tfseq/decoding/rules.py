"""Rules: how the next token of each text is chosen from its logits.

The token loop hands a rule the logits of all rows and what the rule itself carries, and
gets back the tokens. A new rule is a class with the methods of `Rule`.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfseq.errors import UsageError


class Choice(NamedTuple):
    """The next token of each row.

    Attributes:
        tokens: ids, `[rows]` int32.
        parents: for each row the row whose text it continues, `[rows]` int32; None where
            each row continues its own.

    Example:
        Choice(tf.constant([3, 1]), parents=tf.constant([0, 0]))
    """

    tokens: tf.Tensor
    parents: tf.Tensor | None = None


class Rule:
    """Base of the rules.

    Attributes:
        draws: whether `choose` needs noise.
        reorders: whether its choices have parents.
        finishes: whether `finished` may end a text before its last token.

    Example:
        class Last(Rule):
            def choose(self, logits, state, *, barrier, noise=None):
                return Choice(tf.fill(logits.shape[:1], logits.shape[1] - 1)), state
    """

    draws = False
    reorders = False
    finishes = False

    def initial_state(self, num_rows: tf.Tensor) -> Any:
        """Returns what the rule carries before the first token: a nest of tensors."""
        del num_rows
        return ()

    def choose(
        self,
        logits: tf.Tensor,
        state: Any,
        *,
        barrier: tf.Tensor,
        noise: tf.Tensor | None = None,
    ) -> tuple[Choice, Any]:
        """Chooses the next tokens.

        Args:
            logits: of the next token, `[rows, vocabulary]`.
            state: what `initial_state` or the call before returned.
            barrier: -inf for the forbidden token and 0 for all others, `[vocabulary]`.
            noise: Gumbel noise, `[rows, vocabulary]`; None for rules that do not draw.

        Returns:
            The choice and the rule's new state.
        """
        raise NotImplementedError

    def finished(self, state: Any) -> tf.Tensor:
        """Returns whether nothing is left to choose, a boolean scalar.

        Args:
            state: what `initial_state` or `choose` has returned last.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Greedy(Rule):
    """Takes the most probable token each time.

    Example:
        write = compile_writing(model, Greedy())
    """

    def choose(
        self,
        logits: tf.Tensor,
        state: Any,
        *,
        barrier: tf.Tensor,
        noise: tf.Tensor | None = None,
    ) -> tuple[Choice, Any]:
        """Returns argmax(logits); arguments and results are those of `Rule.choose`."""
        del noise
        return Choice(_argmax(logits + barrier)), state


@dataclasses.dataclass(frozen=True)
class Sampling(Rule):
    """Draws each token from the model's probabilities.

    The token is argmax(restricted logits + Gumbel noise), which is a draw from the
    softmax of the restricted logits (Gumbel 1954).

    Example:
        write = compile_writing(model, Sampling(temperature=0.8, top_k=40))

    Args:
        temperature: logits are divided by it; below 1 probable tokens get more probable.
            A number above 0, or a scalar tensor.
        top_k: only the k most probable tokens are drawn; 0 for all.
        top_p: only the fewest most probable tokens that together reach this probability
            are drawn (Holtzman et al. 2020, https://arxiv.org/abs/1904.09751); 1 for all.

    Raises:
        UsageError: an argument is out of its range.
    """

    temperature: float | tf.Tensor = 1.0
    top_k: int = 0
    top_p: float = 1.0

    draws = True

    def __post_init__(self):
        if not tf.is_tensor(self.temperature) and not 0 < self.temperature < math.inf:
            raise UsageError(
                f"`temperature`={self.temperature}: expected a finite number above 0; "
                "for the most probable token use the greedy rule"
            )
        if self.top_k < 0 or self.top_k != int(self.top_k):
            raise UsageError(
                f"`top_k`={self.top_k}: expected a whole number of tokens, or 0 for all"
            )
        if not 0 < self.top_p <= 1:
            raise UsageError(
                f"`top_p`={self.top_p}: expected a probability above 0, at most 1; give "
                "1 for all tokens"
            )

    def choose(
        self,
        logits: tf.Tensor,
        state: Any,
        *,
        barrier: tf.Tensor,
        noise: tf.Tensor | None = None,
    ) -> tuple[Choice, Any]:
        """Returns a draw; arguments and results are those of `Rule.choose`."""
        return Choice(_argmax(restrict(logits + barrier, self) + noise)), state


def _argmax(logits: tf.Tensor) -> tf.Tensor:
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


def restrict(logits: tf.Tensor, rule: Sampling) -> tf.Tensor:
    """Applies the rule's temperature, top k and top p.

    Tokens that are as probable as the last one admitted are admitted too.

    Args:
        logits: `[texts, vocabulary]`.
        rule: the rule.

    Returns:
        Logits `[texts, vocabulary]`, -inf for the tokens that are not admitted.

    Example:
        restrict(tf.constant([[0.1, 2.0, 0.3]]), Sampling(top_k=1))  # [[-inf, 2, -inf]]
    """
    logits = logits / rule.temperature
    lowest = tf.constant(-float("inf"), logits.dtype)
    if 0 < rule.top_k < logits.shape[-1]:
        smallest = tf.math.top_k(logits, rule.top_k).values[:, -1:]
        logits = tf.where(logits >= smallest, logits, lowest)
    if rule.top_p < 1:
        ranked = tf.sort(logits, direction="DESCENDING")
        probabilities = tf.nn.softmax(ranked)
        before = tf.cumsum(probabilities, axis=-1, exclusive=True)
        admitted = tf.where(before < rule.top_p, ranked, -lowest)
        smallest = tf.reduce_min(admitted, axis=-1, keepdims=True)
        logits = tf.where(logits >= smallest, logits, lowest)
    return logits


def gumbel_noise(shape: Sequence[int] | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws noise whose sum with logits has its maximum at a draw from their softmax.

    The values of a row depend on the seed and the row alone, not on the number of rows.

    Args:
        shape: of the noise, `[rows, …]`.
        seed: `[2]` int32.
    """
    uniform = tf.random.stateless_uniform(shape, seed, minval=1e-38)
    return -tf.math.log(-tf.math.log(uniform))


def barrier_against(forbidden: int | None, vocabulary_size: int) -> tf.Tensor:
    """Returns what to add to logits so that a token is never chosen, `[vocabulary]`.

    Args:
        forbidden: the token, or None for no token.
        vocabulary_size: number of tokens.
    """
    if forbidden is None:
        return tf.zeros([vocabulary_size])
    return tf.one_hot(forbidden, vocabulary_size, -float("inf"), 0.0)
