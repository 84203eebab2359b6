"""The token loop: all texts that a model writes come from `write_tokens`.

A token is chosen by a rule (`decoding/rules.py`), the model reads it, and the state goes
from step to step:

    choice, rule_state = rule.choose(logits, rule_state)
    logits, state = step(choice.tokens, state)

Everything random is a function of the seed, the position and the row.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.cells.lanes import join_lanes, split_lanes
from tfseq.decoding.rules import Rule, Sampling, barrier_against, gumbel_noise
from tfseq.machine.compiled import compiled
from tfseq.machine.hardware import count_cores, finds_gpu

# `(tokens [rows, 1], state) -> (logits [rows, 1, vocabulary], state)`: a language model.
Step = Callable[[tf.Tensor, Any], tuple[tf.Tensor, Any]]

# Random values drawn at a time, for one text.
NOISE_VALUES = 1 << 14
SMALL_VOCABULARY = 1000
# Tokens of a prompt that are read at a time, whose logits are held.
PROMPT_STEPS = 500
# Fewer texts on a core are not worth a loop of their own.
TEXTS_OF_A_PART = 8


class Written(NamedTuple):
    """Where texts stand.

    Attributes:
        logits: of the next token, `[texts, vocabulary]`.
        state: the model's state, a nest of `[texts, …]`.

    Example:
        written = compile_reading(model)(tf.constant([[1, 2, 3]]))
        written.logits.shape  # [1, vocabulary]
    """

    logits: tf.Tensor
    state: Any


# Reading source text to convert loops would take longer than all else before a first token.
@tf.autograph.experimental.do_not_convert
def write_tokens(
    step: Step,
    rule: Rule,
    written: Written,
    *,
    length: int | tf.Tensor,
    end: tf.Tensor | None = None,
    forbidden: int | None = None,
    noise: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tuple[tf.Tensor, Written, Any]:
    """Writes `length` more tokens of each row; to be called in a `tf.function`.

    A rule that has finished before ends the loop. The tokens that it has chosen last are
    not read then.

    Args:
        step: what reads the chosen tokens: `(tokens [rows, 1], state) -> (logits
            [rows, 1, vocabulary], state)`. The state is a nest of tuples.
        rule: how tokens are chosen.
        written: where the rows stand.
        length: number of tokens.
        end: number of tokens after which the loop ends, where that is known only when it
            runs: what XLA compiles has results of one shape. The ids behind it are 0.
        forbidden: a token that is never written (`<unk>`), or None.
        noise: for a rule that draws, a function from the position, 0 … length - 1, to
            Gumbel noise `[rows, vocabulary]`.

    Returns:
        Ids `[rows, tokens written]`; where the rows then stand, or stood before their
        last tokens if the rule has finished; and the rule's state.

    Example:
        written = compile_reading(model)(tf.constant([[1, 2, 3]]))
        ids, written, _ = write_tokens(model, Greedy(), written, length=5)
    """
    logits, state = written
    barrier = barrier_against(forbidden, logits.shape[-1])
    rule_state = rule.initial_state(tf.shape(logits)[0])
    # Only an array that knows the shape of its elements can be stacked without elements.
    tokens = tf.TensorArray(tf.int32, length, element_shape=logits.shape[:1])
    if rule.finishes or end is not None:
        tokens = tokens.unstack(tf.zeros([length, tf.shape(logits)[0]], tf.int32))
    # A loop variable may be an empty tuple, but not None.
    parents = tokens if rule.reorders else ()

    def goes_on(position, logits, state, tokens, parents, rule_state):
        del logits, state, tokens, parents
        within = position < (length if end is None else end)
        return within & ~rule.finished(rule_state) if rule.finishes else within

    def write_one(position, logits, state, tokens, parents, rule_state):
        choice, rule_state = rule.choose(
            logits,
            rule_state,
            barrier=barrier,
            noise=noise(position) if rule.draws else None,
        )
        tokens = tokens.write(position, choice.tokens)
        if rule.reorders:
            parents = parents.write(position, choice.parents)
            state = gather_rows(state, choice.parents)

        def read():
            next_logits, new = step(choice.tokens[:, tf.newaxis], state)
            return next_logits[:, 0], new

        if rule.finishes:
            before = logits, state
            flat = tf.cond(
                rule.finished(rule_state),
                lambda: tf.nest.flatten(before),
                lambda: tf.nest.flatten(read()),
            )
            logits, state = tf.nest.pack_sequence_as(before, flat)
        else:
            logits, state = read()
        return position + 1, logits, state, tokens, parents, rule_state

    start = (tf.constant(0), logits, state, tokens, parents, rule_state)
    position, logits, state, tokens, parents, rule_state = tf.while_loop(
        goes_on, write_one, start
    )
    tokens, parents = tokens.stack(), parents.stack() if rule.reorders else ()
    if rule.finishes:
        tokens, parents = tf.nest.map_structure(
            lambda rows: rows[:position], (tokens, parents)
        )
    ids = follow_parents(tokens, parents) if rule.reorders else tf.transpose(tokens)
    return ids, Written(logits, state), rule_state


@tf.autograph.experimental.do_not_convert
def gather_rows(nest: Any, rows: tf.Tensor) -> Any:
    """Returns the nest of the given rows of a nest of tensors `[rows, …]`."""
    return tf.nest.map_structure(lambda part: tf.gather(part, rows), nest)


@tf.autograph.experimental.do_not_convert
def repeat_rows(nest: Any, count: int) -> Any:
    """Returns a nest with each row of a nest of tensors `[rows, …]` `count` times."""
    return tf.nest.map_structure(lambda part: tf.repeat(part, count, axis=0), nest)


def follow_parents(tokens: tf.Tensor, parents: tf.Tensor) -> tf.Tensor:
    """Reads the texts of the last rows, from their ends back to their beginnings.

    Args:
        tokens: the token that each row got at each position, `[length, rows]`.
        parents: the row, one position before, that it continued, `[length, rows]`.

    Returns:
        Ids `[rows, length]`.
    """
    length = tf.shape(tokens)[0]
    rows = tf.range(tf.shape(tokens)[1])
    # An empty array has no shape to be stacked, so it has one element more.
    ids = tf.TensorArray(tf.int32, length + 1, element_shape=[None])

    def step_back(position, rows, ids):
        ids = ids.write(position, tf.gather(tokens[position], rows))
        return position - 1, tf.gather(parents[position], rows), ids

    _, _, ids = tf.while_loop(
        lambda position, *_: position >= 0,
        step_back,
        (length - 1, rows, ids.write(length, rows)),
    )
    return tf.transpose(ids.stack()[:length])


def tokens_per_call(vocabulary_size: int) -> int:
    """Returns the most tokens of a text that one call of `compile_writing` writes.

    Example:
        calls = -(-500 // tokens_per_call(27))  # Calls for 500 tokens.
    """
    return max(NOISE_VALUES // vocabulary_size, 4)


def count_parts(num_texts: int | None) -> int:
    """Returns into how many parts texts are divided, to be written one part a core.

    Small products do not scale over cores, but loops of them do.
    """
    cores = count_cores()
    if finds_gpu() or not num_texts or num_texts % cores:
        return 1
    return cores if num_texts >= TEXTS_OF_A_PART * cores else 1


def compile_reading(model: Any) -> Callable[[tf.Tensor], Written]:
    """Compiles the reading of prompts.

    Args:
        model: the language model.

    Returns:
        A function of ids `[texts, time]` that reads them from state zero and returns
        where the texts stand.

    Example:
        written = compile_reading(model)(tf.constant([[1, 2, 3]]))
    """

    @compiled(reduce_retracing=True, autograph=False)
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
    model: Any,
    rule: Rule,
    forbidden: int | None = None,
    *,
    num_texts: int | None = None,
) -> Callable[[Written, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Written]]:
    """Compiles the writing of texts, up to `tokens_per_call` tokens at a time.

    The noise of a token is a function of the seed, its place in the text and the text's
    row. So a text depends neither on how many others are written beside it nor on how many
    tokens a call writes.

    Example:
        read, write = compile_reading(model), compile_writing(model, Sampling())
        written = read(prompt)  # Ids [texts, time].
        for place in range(0, 100, 10):
            ids, written = write(written, tf.constant([seed, 0]), *tf.constant([place, 10]))

    Args:
        model: the language model.
        rule: how tokens are chosen; one that carries nothing and keeps the order of the
            texts.
        forbidden: a token that is never written (`<unk>`), or None.
        num_texts: how many texts there will be, where it is known.

    Returns:
        A function of where the texts stand, of the seed, `[2]` int32, of the number of
        tokens that have been written before, and of the number of tokens to write. It
        returns ids `[texts, tokens]`, fewer of them where a multiple of `tokens_per_call`
        is reached, and where the texts then stand.
    """
    size = model.vocabulary_size
    most = tokens_per_call(size)
    # The operations are so small that starting them takes most of the time; XLA makes
    # one loop of them. For the product with a large vocabulary XLA is slower.
    small = size <= SMALL_VOCABULARY
    parts = count_parts(num_texts)

    @compiled(reduce_retracing=True, jit_compile=small or None, autograph=False)
    def write_part(
        written: Written, noise: Any, count: tf.Tensor
    ) -> tuple[tf.Tensor, Written]:
        ids, written, _ = write_tokens(
            model,
            rule,
            written,
            length=most,
            end=count,
            forbidden=forbidden,
            noise=lambda position: noise[position],
        )
        return ids, written

    @compiled(reduce_retracing=True, autograph=False)
    def write(
        written: Written, seed: tf.Tensor, place: tf.Tensor, count: tf.Tensor
    ) -> tuple[tf.Tensor, Written]:
        first = place % most
        count = tf.minimum(count, most - first)
        noise_of_parts = [()] * parts
        if rule.draws:
            texts = tf.shape(written.logits)[0]
            # XLA has random numbers of its own, so these are drawn outside of it.
            drawn = tf.random.experimental.stateless_fold_in(seed, place // most)
            noise = gumbel_noise([texts, most, size], drawn)
            # That of the next token comes first.
            noise = tf.roll(tf.transpose(noise, [1, 0, 2]), -first, axis=0)
            noise_of_parts = tf.split(noise, parts, axis=1)
        ids, written = join_lanes(
            [
                write_part(part, noise, count)
                for part, noise in zip(
                    split_lanes(written, parts), noise_of_parts, strict=True
                )
            ]
        )
        return ids[:, :count], written

    return write


def compile_sampling(
    model: Any,
    num_samples: int,
    length: int,
    *,
    forbidden: int | None = None,
    prompts: np.ndarray | None = None,
) -> Callable[[tf.Tensor, float], tf.Tensor]:
    """Compiles the writing of `num_samples` texts, from prompts or from anywhere.

    Each token is drawn from softmax(logits / temperature). Without prompts the first one
    is drawn evenly from the vocabulary. The state starts at zero.

    Example:
        sample = compile_sampling(model, 5, 80)
        ids = sample(tf.constant([seed, step]), tf.constant(1.0))

    Args:
        model: the language model.
        num_samples: texts, the batch.
        length: tokens in each text.
        forbidden: a token that is never written (`<unk>`), or None.
        prompts: ids that the texts begin with, `[num_samples, time]`, or None.

    Returns:
        A function of a seed, `[2]` int32, and a temperature that returns the ids that
        follow the prompts, `[num_samples, length]`. The same seed writes the same texts.
    """
    size = model.vocabulary_size

    @compiled(autograph=False)
    def sample(seed: tf.Tensor, temperature: float = 1.0) -> tf.Tensor:
        def noise(position: tf.Tensor) -> tf.Tensor:
            position_seed = tf.random.experimental.stateless_fold_in(seed, position)
            return gumbel_noise([num_samples, size], position_seed)

        # Equal logits: the first token is drawn evenly.
        start = Written(tf.zeros([num_samples, size]), model.initial_state(num_samples))
        if prompts is not None:
            logits, state = model(tf.constant(prompts, tf.int32), start.state)
            start = Written(logits[:, -1], state)
        rule = Sampling(temperature=temperature)
        ids, _, _ = write_tokens(
            model, rule, start, length=length, forbidden=forbidden, noise=noise
        )
        return ids

    return sample
