"""Short texts of a small model, and the probabilities that the model gives them."""

import functools

import numpy as np
import tensorflow as tf

from tfseq.decoding import Sampling, compile_reading, compile_writing

VOCABULARY = 4
TOKENS_PER_CALL = 64
PROMPT = [1, 3, 0]
PLAIN = Sampling()


def next_logits(model, text=PROMPT):
    """The logits of the token after the text, by one call over the whole text."""
    logits, _ = model(np.array([text], np.int32), model.initial_state(1))
    return logits[0, -1].numpy()


def log_probability(model, text):
    """ln p of what follows the prompt, by one call over the whole text."""
    ids = np.array([[*PROMPT, *text]], np.int32)
    logits, _ = model(ids[:, :-1], model.initial_state(1))
    chosen = tf.nn.log_softmax(logits[0]).numpy()[len(PROMPT) - 1 :]
    return chosen[range(len(text)), text].sum()


@functools.cache
def reading(model):
    return compile_reading(model)


@functools.cache
def writing(model, rule, forbidden, count):
    return compile_writing(model, rule, forbidden, num_texts=count)


def write(model, rule=PLAIN, *, count=1, calls=1, seed=0, forbidden=None, parts=None):
    """Ids of the texts that follow the prompt, `[count, calls * TOKENS_PER_CALL]`.

    Args:
        parts: the tokens that each call is asked for, in turn; by default as many as it
            can write.
    """
    written = reading(model)(tf.constant([PROMPT] * count))
    function = writing(model, rule, forbidden, count)
    rows, place = [], 0
    for part in parts or [TOKENS_PER_CALL] * calls:
        ids, written = function(
            written, tf.constant([seed, 0]), tf.constant(place), tf.constant(part)
        )
        place += ids.shape[1]
        rows.append(ids.numpy())
    return np.concatenate(rows, axis=1)
