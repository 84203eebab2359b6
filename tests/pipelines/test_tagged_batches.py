"""Tagged sentences as ids, and their batches."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.datasets import TaggedSentence, TaggedSplit
from tfseq.pipelines import (
    SentenceEncoder,
    count_sentence_batches,
    encode_sentences,
    evaluation_order,
    evaluation_sentences,
    prepare_tagged_sentences,
    training_sentences,
)

RNG = np.random.default_rng(0)
WORDS = ["In", "in", "IN", "a", "1999", "2001", "Zürich", "x" * 50]


def sentence(length):
    words = RNG.choice(WORDS, length).tolist()
    pos = RNG.choice(["NN", "IN"], length).tolist()
    shape = RNG.choice(["a", "b", "<unk>"], length).tolist()
    tags = RNG.choice(["O", "B-X"], length).tolist()
    return TaggedSentence(words, tags, (pos, shape))


TRAIN = [sentence(length) for length in RNG.integers(1, 12, 50)]
HELD_OUT = [
    TaggedSentence(["in", "unseen"], ["O", "rare"], (["JJ", "NN"], ["a", "a"])),
    sentence(3),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    splits = {"train": TaggedSplit("t", TRAIN), "test": TaggedSplit("u", HELD_OUT)}
    folder = tmp_path_factory.mktemp("cache")
    first = prepare_tagged_sentences(splits, "digest", folder)
    again = prepare_tagged_sentences({"train": None, "test": None}, "digest", folder)
    assert again.vocabularies == first.vocabularies
    return again


def test_vocabularies(prepared):
    tokens, letters, features, tags = (
        prepared.vocabularies[name].tokens
        for name in ("tokens", "letters", "features", "tags")
    )
    assert tokens[:2] == ("<pad>", "<unk>")
    assert set(tokens[2:]) == {"in", "a", "0000", "zürich", "x" * 50}
    assert letters[0] == "<unk>" and letters[1:] == tuple(sorted("IN129a0Zürichnx"))
    assert features[0] == "<pad>" and set(features[1:]) == {
        "0:<unk>", "0:NN", "0:IN", "1:<unk>", "1:a", "1:b"
    }  # fmt: skip
    assert set(tags) == {"O", "B-X", "rare"} and tags[-1] == "rare"


def test_ids_are_those_of_the_words(prepared):
    encoded = prepared.splits["test"]
    tokens = prepared.vocabularies["tokens"].tokens
    features = prepared.vocabularies["features"].tokens
    words = [tokens[each] for each in encoded.word_ids[encoded.spellings]]
    assert words[:2] == ["in", "<unk>"]
    assert [features[each] for each in encoded.features[:2, 0]] == ["0:<unk>", "0:NN"]
    assert encoded.starts.tolist() == [0, 2, 5]
    counts = prepared.splits["train"].word_counts(len(tokens))
    texts = [word.lower() for each in TRAIN for word in each.words]
    assert counts[tokens.index("in")] == texts.count("in")
    assert counts[tokens.index("0000")] == texts.count("1999") + texts.count("2001")


def test_a_long_word_keeps_its_last_letters(prepared):
    encoder = SentenceEncoder(prepared.vocabularies)
    letters = encoder.letters(tf.constant(["x" * 50 + "a", "é"])).to_list()
    names = prepared.vocabularies["letters"].tokens
    assert letters == [[1 + names.index("x")] * 39 + [1 + names.index("a")], [1]]


def rows(batch):
    """The sentences of a batch as tuples, padding checked and removed."""
    words, spellings, letters, features, lengths, tags = (
        part.numpy() for part in batch
    )
    found = []
    for row, length in enumerate(lengths):
        for part in (words, letters, features, tags):
            assert not part[row, length:].any()
        if length:
            spelled = [tuple(word[word > 0]) for word in letters[row, :length]]
            parts = (words[row], features[row], tags[row], spellings[row])
            parts = [tuple(part[:length].ravel().tolist()) for part in parts]
            found.append((*parts, tuple(spelled)))
    return found


@pytest.mark.parametrize("batch_size", [1, 8])
def test_every_sentence_is_once_in_an_epoch_whole(prepared, batch_size):
    train = prepared.splits["train"]
    count = count_sentence_batches(train, batch_size)
    batches = training_sentences(train, batch_size, seed=3)
    epoch = [row for batch in batches.take(count) for row in rows(batch)]
    once = [row for batch in evaluation_sentences(train, 7) for row in rows(batch)]
    assert len(epoch) == len(TRAIN) and sorted(epoch) == sorted(once)
    letters = prepared.vocabularies["letters"].tokens
    for place, row in zip(evaluation_order(train), once, strict=True):
        spelled = ["".join(letters[each - 1] for each in word) for word in row[4]]
        assert spelled == [word[-40:] for word in TRAIN[place].words]
    seeds = [training_sentences(train, batch_size, seed=s).take(count) for s in (3, 4)]
    orders = [[row for batch in each for row in rows(batch)] for each in seeds]
    assert orders[0] == epoch and orders[1] != epoch


def test_batches_go_on_from_any_step(prepared):
    train = prepared.splits["train"]
    count = count_sentence_batches(train, 8)
    whole = list(training_sentences(train, 8, seed=3).take(2 * count + 3))
    for step in (1, count, 2 * count + 1):
        later = training_sentences(train, 8, seed=3, first_step=step).take(2)
        for one, other in zip(later, whole[step:], strict=False):
            for part, same in zip(one, other, strict=True):
                assert part.numpy().tolist() == same.numpy().tolist()


def test_a_text_of_rare_letters_has_no_letter_of_its_own(tmp_path):
    split = TaggedSplit("t", [TaggedSentence(["The", "cat"], ["DET", "NOUN"])])
    prepared = prepare_tagged_sentences({"train": split}, "rare", tmp_path)
    assert prepared.vocabularies["letters"].tokens == ("<unk>",)
    letters = SentenceEncoder(prepared.vocabularies).letters(tf.constant(["cat"]))
    np.testing.assert_array_equal(letters.to_tensor(), [[1, 1, 1]])


def test_sentences_without_tags(prepared):
    encoder = SentenceEncoder(prepared.vocabularies)
    encoded = encode_sentences(HELD_OUT, encoder, None)
    assert not encoded.tags.any()
    same = prepared.splits["test"]
    assert encoded.word_ids[encoded.spellings].tolist() == (
        same.word_ids[same.spellings].tolist()
    )
