"""Text that a language model writes after a prompt, in compiled calls of many tokens."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfseq.cells.lanes import join_lanes, split_lanes
from tfseq.hardware import count_cores, finds_gpu

# Random values drawn at a time, for one text.
NOISE_VALUES = 1 << 14
SMALL_VOCABULARY = 1000
# Tokens of a prompt that are read at a time, whose logits are held.
PROMPT_STEPS = 500
# Fewer texts on a core are not worth a loop of their own.
TEXTS_OF_A_PART = 8


class Rule(NamedTuple):
    """How the next token is chosen from the logits.

    Attributes:
        temperature: logits are divided by it; below 1 the likely gets likelier.
        top_k: only the k most probable tokens; 0 for all.
        top_p: only the most probable tokens that together reach this probability
            (Holtzman et al. 2020, https://arxiv.org/abs/1904.09751); 1 for all.
        greedy: always the most probable token.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    greedy: bool = False


class Written(NamedTuple):
    """Where a text stands.

    Attributes:
        logits: of the next token, `[texts, vocabulary]`.
        state: the model's state, a nest of `[texts, …]`.
    """

    logits: tf.Tensor
    state: Any


def restrict(logits: tf.Tensor, rule: Rule) -> tf.Tensor:
    """Logits after the rule's temperature, top k and top p: -inf for excluded tokens.

    Tokens that are as probable as the last one admitted are admitted too.

    Args:
        logits: `[texts, vocabulary]`.
        rule: the rule.
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


def gumbel_noise(shape: Any, seed: tf.Tensor) -> tf.Tensor:
    """Noise whose sum with logits has its maximum at a draw from their softmax."""
    uniform = tf.random.stateless_uniform(shape, seed, minval=1e-38)
    return -tf.math.log(-tf.math.log(uniform))


def barrier_against(forbidden: int | None, vocabulary_size: int) -> tf.Tensor:
    """What to add to logits so that a token is never chosen, `[vocabulary]`."""
    if forbidden is None:
        return tf.zeros([vocabulary_size])
    return tf.one_hot(forbidden, vocabulary_size, -float("inf"), 0.0)


def tokens_per_call(vocabulary_size: int) -> int:
    """Tokens of a text that one call writes; it depends on the vocabulary alone."""
    return max(NOISE_VALUES // vocabulary_size, 4)


def count_parts(num_texts: int | None) -> int:
    """Parts of the texts that are written side by side, one a core.

    Small products do not scale over cores, but loops of them do.
    """
    cores = count_cores()
    if finds_gpu() or not num_texts or num_texts % cores:
        return 1
    return cores if num_texts >= TEXTS_OF_A_PART * cores else 1


def compile_reading(model: Any) -> Callable[[tf.Tensor], Written]:
    """A function that reads prompts `[texts, time]` from state zero."""

    @tf.function(reduce_retracing=True)
    def read_on(tokens: tf.Tensor, state: Any) -> Written:
        logits, state = model(tokens, state)
        return Written(logits[:, -1], state)

    def read(tokens: tf.Tensor) -> Written:
        written = Written(tf.zeros([]), model.initial_state(tokens.shape[0]))
        for first in range(0, tokens.shape[1], PROMPT_STEPS):
            part = tokens[:, first : first + PROMPT_STEPS]
            written = read_on(part, written.state)
        return written

    return read


def compile_writing(
    model: Any, rule: Rule, forbidden: int | None = None, num_texts: int | None = None
) -> Callable[[Written, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Written]]:
    """A function that writes `tokens_per_call` more tokens of some texts.

    A token is argmax(restricted logits + Gumbel noise), which draws from their softmax
    (Gumbel 1954). The noise of a text is a function of seed, call and the text's row,
    so that a text does not depend on how many others are written beside it.

    Args:
        model: the language model.
        rule: how tokens are chosen.
        forbidden: a token that is never written (`<unk>`), or None.
        num_texts: how many texts there will be, where it is known.

    Returns:
        A function of where the texts stand, of the seed, `[2]` int32, and of the number
        of the call, that returns ids `[texts, tokens]` and where the texts then stand.
    """
    size = model.vocabulary_size
    count = tokens_per_call(size)

    # The operations are so small that starting them takes most of the time; XLA makes
    # one loop of them. At the product of a large vocabulary it is slower.
    small = size <= SMALL_VOCABULARY
    parts = count_parts(num_texts)

    @tf.function(reduce_retracing=True, jit_compile=small or None)
    def choose_and_read(
        written: Written, noise: tf.Tensor
    ) -> tuple[tf.Tensor, Written]:
        logits, state = written
        barrier = barrier_against(forbidden, size)
        ids = tf.TensorArray(tf.int32, count, element_shape=[None])
        # A loop takes the lists of a nest for tensors.
        flat_state = tuple(tf.nest.flatten(state))
        for position in tf.range(count):
            shown = logits + barrier
            shown = shown if rule.greedy else restrict(shown, rule) + noise[position]
            tokens = tf.argmax(shown, axis=-1, output_type=tf.int32)
            ids = ids.write(position, tokens)
            state = tf.nest.pack_sequence_as(written.state, flat_state)
            next_logits, state = model(tokens[:, tf.newaxis], state)
            logits = next_logits[:, 0]
            flat_state = tuple(tf.nest.flatten(state))
        state = tf.nest.pack_sequence_as(written.state, flat_state)
        return tf.transpose(ids.stack()), Written(logits, state)

    @tf.function(reduce_retracing=True)
    def write(
        written: Written, seed: tf.Tensor, call: tf.Tensor
    ) -> tuple[tf.Tensor, Written]:
        if rule.greedy:
            noise = [tf.zeros([count, 1, 1])] * parts
        else:
            texts = tf.shape(written.logits)[0]
            # XLA has random numbers of its own, so these are drawn outside of it.
            call_seed = tf.random.experimental.stateless_fold_in(seed, call)
            noise = gumbel_noise([texts, count, size], call_seed)
            noise = tf.split(tf.transpose(noise, [1, 0, 2]), parts, axis=1)
        return join_lanes(
            [
                choose_and_read(part, values)
                for part, values in zip(split_lanes(written, parts), noise, strict=True)
            ]
        )

    return write
