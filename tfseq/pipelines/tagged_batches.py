"""Tagged sentences as ids, and how they are dealt into batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfseq.pipelines.labelled_batches import (
    bucket_boundaries,
    count_batches,
    read_ahead,
    training_places,
)


@dataclass(frozen=True)
class EncodedSentences:
    """Tagged sentences as ids, one sentence after the other.

    A spelling is a word as it is written; different spellings may have one id, as unknown
    words and those of another case.

    Attributes:
        starts: the position where each sentence begins, int64 `[sentences + 1]`; the last
            one is the end of all.
        spellings: the number of each word's spelling, int32 `[words]`.
        tags: the tag of each word, int32 `[words]`; 0 where there is none.
        features: ids of further columns, int32 `[words, columns]`; one column of zeros
            where there are none.
        word_ids: the id of each spelling, int32 `[spellings]`.
        letters: the letters of all spellings, int32 `[letters]`, from 1 on.
        letter_starts: the position where each spelling begins, int64 `[spellings + 1]`.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        prepared.splits["train"].starts  # [0, 2]
    """

    starts: np.ndarray
    spellings: np.ndarray
    tags: np.ndarray
    features: np.ndarray
    word_ids: np.ndarray
    letters: np.ndarray
    letter_starts: np.ndarray

    def __len__(self) -> int:
        """Returns the number of sentences."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """The number of words of each sentence, int64 `[sentences]`."""
        return np.diff(self.starts)

    @property
    def num_words(self) -> int:
        """The number of all words."""
        return len(self.spellings)

    def word_counts(self, vocabulary_size: int) -> np.ndarray:
        """Returns how often each id occurs, `[vocabulary]`."""
        return np.bincount(self.word_ids[self.spellings], minlength=vocabulary_size)


def count_sentence_batches(sentences: EncodedSentences, batch_size: int) -> int:
    """Returns the number of batches of an epoch of `training_sentences`.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        count_sentence_batches(prepared.splits["train"], 32)  # 1
    """
    lengths = sentences.lengths
    return count_batches(lengths, bucket_boundaries(lengths, lengths.max()), batch_size)


@tf.autograph.experimental.do_not_convert
def training_sentences(
    sentences: EncodedSentences, batch_size: int, *, seed: int, first_step: int = 0
) -> tf.data.Dataset:
    """Returns endless batches of sentences of similar length, in a new order each epoch.

    The order of an epoch is a function of (seed, epoch) alone; every sentence occurs once
    in it. A bucket's last batch of an epoch is filled up with sentences of length 0.

    Args:
        sentences: the sentences.
        batch_size: the rows of a batch.
        seed: the seed of the order.
        first_step: the index of the first batch.

    Returns:
        Elements, all int32 and padded with zeros on the right:

        - words `[batch, time]`, their ids;
        - spellings `[batch, time]`;
        - letters `[batch, time, letters]`;
        - features `[batch, time, columns]`;
        - lengths `[batch]`;
        - tags `[batch, time]`.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        batches = training_sentences(prepared.splits["train"], 32, seed=0)
        words, *_, lengths, tags = next(iter(batches))
    """
    lengths = sentences.lengths
    places = training_places(
        lengths, batch_size, int(lengths.max()), seed=seed, first_step=first_step
    )
    return _read(places, sentences, batch_size)


@tf.autograph.experimental.do_not_convert
def evaluation_sentences(
    sentences: EncodedSentences, batch_size: int
) -> tf.data.Dataset:
    """Returns every sentence once, in batches by length, the shortest first.

    Args:
        sentences: the sentences.
        batch_size: the rows of a batch.

    Returns:
        Elements as those of `training_sentences`; the sentences are in the order of
        `evaluation_order`.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        batch = next(iter(evaluation_sentences(prepared.splits["train"], 32)))
    """
    places = tf.data.Dataset.from_tensor_slices(evaluation_order(sentences))
    return _read(places.batch(batch_size), sentences, batch_size)


def evaluation_order(sentences: EncodedSentences) -> np.ndarray:
    """Returns the places of the sentences, the shortest first, int64 `[sentences]`.

    Example:
        split = TaggedSplit("mine", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
        prepared = prepare_tagged_sentences({"train": split}, "two words")
        evaluation_order(prepared.splits["train"])  # [0]
    """
    return np.argsort(sentences.lengths, kind="stable")


def _read(
    places: tf.data.Dataset, sentences: EncodedSentences, batch_size: int
) -> tf.data.Dataset:
    """Returns batches of places as batches of sentences, filled up and read ahead."""
    starts = tf.constant(sentences.starts)
    letter_starts = tf.constant(sentences.letter_starts)
    # A spelling without letters stands at the places after the end of a sentence.
    empty = len(sentences.word_ids)
    letter_starts = tf.concat([letter_starts, letter_starts[-1:]], axis=0)
    word_ids = tf.constant(np.append(sentences.word_ids, np.int32(0)))
    letters = tf.constant(np.append(sentences.letters, np.int32(0)))
    of_words = [
        tf.constant(part)
        for part in (sentences.spellings, sentences.tags, sentences.features)
    ]

    def read(places: tf.Tensor) -> tuple[tf.Tensor, ...]:
        places = tf.boolean_mask(places, places >= 0)
        missing = batch_size - tf.shape(places)[0]
        begins = tf.pad(tf.gather(starts, places), [[0, missing]])
        lengths = tf.pad(tf.gather(starts, places + 1), [[0, missing]]) - begins
        spellings, tags, features = (
            _gather_padded(part, begins, lengths) for part in of_words
        )
        inside = tf.sequence_mask(lengths, tf.shape(tags)[1])
        spellings = tf.where(inside, spellings, empty)
        first = tf.gather(letter_starts, spellings)
        counts = tf.gather(letter_starts, spellings + 1) - first
        spelled = _gather_padded(letters, first, counts)
        words = tf.gather(word_ids, spellings)
        lengths = tf.cast(lengths, tf.int32)
        parts = (words, spellings, spelled, features, lengths, tags)
        return tuple(
            tf.ensure_shape(part, [batch_size, *part.shape[1:]]) for part in parts
        )

    return read_ahead(places.map(read))


def _gather_padded(
    values: tf.Tensor, begins: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    """Returns stretches of values, with zeros after the shorter ones.

    Args:
        values: `[positions, …]`.
        begins: where each stretch begins, `[…]`.
        lengths: its length, `[…]`.

    Returns:
        `[…, longest, …]`.
    """
    steps = tf.range(tf.reduce_max(lengths))
    inside = steps < lengths[..., tf.newaxis]
    positions = tf.where(inside, begins[..., tf.newaxis] + steps, 0)
    found = tf.gather(values, positions)
    more = found.shape.rank - inside.shape.rank
    inside = tf.reshape(inside, tf.concat([tf.shape(inside), [1] * more], axis=0))
    return tf.where(inside, found, 0)
