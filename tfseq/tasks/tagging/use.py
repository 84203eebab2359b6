"""Tags of any sentences by a trained tagger."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from tfseq.datasets import TaggedSentence
from tfseq.errors import UsageError
from tfseq.pipelines import SentenceEncoder, encode_sentences
from tfseq.tasks.tagging.evaluation import by_sentence, compile_answers
from tfseq.tasks.tagging.settings import PredictOptions
from tfseq.tasks.trained import Trained

SENTENCES_AT_A_TIME = 1_000
SEPARATOR = "_"


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Returns the words of texts: what white space parts, punctuation by itself.

    Marks within a word stay in it, as in `U.S.`, `don't` and `1,000`, and so does a full
    stop at its end, if another one is in it.

    Args:
        texts: strings, `[batch]`.

    Returns:
        Strings `[batch, words]`, ragged.
    """
    spaced = tf.strings.regex_replace(texts, r"[\s\p{Z}\x{0085}]+", " ")
    # Before the marks at the beginning of a word, and after those at its end.
    spaced = tf.strings.regex_replace(spaced, r"(^| )([\"'`({\[<]+)", r"\1 \2 ")
    spaced = tf.strings.regex_replace(spaced, r"([,;:!?%)\]}>\"']+)( |$)", r" \1 \2")
    spaced = tf.strings.regex_replace(spaced, r"([^. ])(\.+)([\"') ]*)$", r"\1 \2 \3")
    return tf.strings.split(spaced)


def read_sentence(
    text: str, number: int, num_columns: int, *, split: bool
) -> TaggedSentence:
    """Returns the words of a text and the values of their further columns.

    Args:
        text: the text.
        number: its number from 1, for messages.
        num_columns: number of further columns that the model reads.
        split: whether there are spaces between words already.

    Raises:
        UsageError: the text has no word, or a word has too few columns.
    """
    if not split:
        words = [word.decode("utf-8") for word in split_words([text])[0].numpy()]
        rows = [[word] for word in words]
        if num_columns:
            raise UsageError(
                f"text {number}: found raw text, expected words with the values of "
                f"{num_columns} further columns, such as In_IN; give such and `words`"
            )
    else:
        rows = [word.rsplit(SEPARATOR, num_columns) for word in text.split()]
    for row in rows:
        if len(row) != num_columns + 1 or not all(row):
            raise UsageError(
                f"text {number}: found {SEPARATOR.join(row)}, expected a word and the "
                f"values of {num_columns} further columns behind it, such as In_IN; add "
                "them"
            )
    if not rows:
        raise UsageError(
            f"text {number}: found no word in it, expected a sentence; leave it out"
        )
    words, *columns = zip(*rows, strict=True)
    return TaggedSentence(words, (), columns)


def predict_sentences(
    trained: Trained, texts: Iterable[str], options: PredictOptions
) -> Iterator[dict[str, Any]]:
    """Yields words, tags and their probabilities of each text, and the text.

    Some hundred texts are read at a time and tagged in batches of similar length. A result
    does not depend on the other texts.

    Raises:
        UsageError: a text has no word, or lacks columns that the model reads.
    """
    encoder = SentenceEncoder(trained.vocabularies)
    answer = compile_answers(trained.model)
    names = trained.vocabularies["tags"].tokens
    texts, first = iter(texts), 1
    while some := list(itertools.islice(texts, SENTENCES_AT_A_TIME)):
        sentences = [
            read_sentence(text, number, encoder.num_features, split=options.words)
            for number, text in enumerate(some, first)
        ]
        encoded = encode_sentences(sentences, encoder, None)
        answers = answer(encoded)
        parts = (
            by_sentence([names[tag] for tag in answers.tags], encoded.starts),
            by_sentence(answers.probabilities.tolist(), encoded.starts),
        )
        for text, sentence, tags, probabilities in zip(
            some, sentences, *parts, strict=True
        ):
            yield {
                "tokens": list(sentence.words),
                "tags": tags,
                "probabilities": probabilities,
                "text": text,
            }
        first += len(some)
