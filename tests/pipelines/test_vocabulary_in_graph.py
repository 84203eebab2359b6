"""Texts to ids and back in a graph, against the same in Python."""

import os
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.pipelines import Vocabulary, graph_vocabulary
from tfseq.pipelines.byte_pairs import mark_word

MARKS = ("<unk>", "<eos>")
VOCABULARIES = {
    "character": Vocabulary(["<unk>", *"\n abé▁"], "character"),
    "word": Vocabulary([*MARKS, "a", "ab", "é", "▁"], "word"),
    "subword": Vocabulary(
        [*MARKS, *"▁abé ", "ab", "▁a", "ba", "▁ab", "aba", "abab", "▁é", "é ", "aa"],
        "subword",
    ),
}
LEVELS = st.sampled_from(sorted(VOCABULARIES))
TEXTS = st.lists(
    st.text("ab", max_size=12)
    | st.text(st.sampled_from("abéx▁ \n\t\r\xa0\u2028\x1c\x85"), max_size=12)
    | st.lists(st.sampled_from(["<unk>", "<eos>", "<pad>", "a", "<unk>a"])).map(
        " ".join
    )
    | st.text(st.characters(exclude_categories=["Cs"])),
    max_size=4,
)
GRAPHS = {level: graph_vocabulary(each) for level, each in VOCABULARIES.items()}


@given(LEVELS, TEXTS)
@settings(max_examples=100, deadline=None)
def test_graphs_encode_and_decode_as_python_does(level, texts):
    vocabulary, graph = VOCABULARIES[level], GRAPHS[level]
    expected = [vocabulary.encode(text).tolist() for text in texts]
    ids = graph.encode(tf.constant(texts, tf.string, [len(texts)]))
    assert ids.to_list() == expected
    assert ids.dtype == tf.int32
    decoded = [text.decode() for text in graph.decode(ids).numpy()]
    assert decoded == [vocabulary.decode(row) for row in expected]


@given(LEVELS, TEXTS)
@settings(max_examples=30, deadline=None)
def test_unknown_parts_are_those_that_python_names(level, texts):
    parts = GRAPHS[level].unknown_parts(tf.constant(texts, tf.string, [len(texts)]))
    found = {part.decode() for part in parts.numpy()}
    named = (VOCABULARIES[level].unknown_parts(text) for text in texts)
    assert found == set().union(*named)


@given(LEVELS, st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=3))
@settings(max_examples=30, deadline=None)
def test_any_ids_are_decoded_as_python_does(level, rows):
    ids = tf.ragged.constant(rows, tf.int32, ragged_rank=1)
    decoded = [text.decode() for text in GRAPHS[level].decode(ids).numpy()]
    assert decoded == [VOCABULARIES[level].decode(row) for row in rows]


def test_without_an_unknown_token_such_characters_have_none():
    graph = graph_vocabulary(Vocabulary(["a", "b"], "character"))
    assert graph.encode(tf.constant(["axb"])).to_list() == [[0, -1, 1]]


def test_every_level_is_saved_with_its_tables(tmp_path):
    for level, graph in GRAPHS.items():
        encode = tf.function(
            graph.encode, input_signature=[tf.TensorSpec([None], tf.string)]
        )
        module = tf.Module()
        module.graph, module.encode = graph, encode
        tf.saved_model.save(module, tmp_path / level)
        texts = tf.constant(["ab é\nabba", ""])
        loaded = tf.saved_model.load(tmp_path / level)
        assert loaded.encode(texts).to_list() == graph.encode(texts).to_list()


def test_thousands_of_published_words_are_cut_in_a_graph_as_in_python():
    folder = os.environ.get("TFSEQ_DATA_DIR")
    path = Path(folder or "", "ptb", "ptb.valid.txt")
    if not folder or not path.exists():
        pytest.skip("Penn Treebank is in the folder that TFSEQ_DATA_DIR names")
    words = sorted(set(path.read_text().split()))
    assert len(words) > 5000
    # Each beginning of a frequent word is a piece: many words are cut in many ways.
    marked = [mark_word(word) for word in words]
    pieces = dict.fromkeys(
        word[start : start + 1 + length]
        for length in range(1, 5)
        for word in marked[::7]
        for start in range(len(word) - length)
    )
    characters = sorted(set("".join(marked)) - {"z"})  # z is unknown.
    vocabulary = Vocabulary([*MARKS, *characters, *pieces], "subword")
    graph = graph_vocabulary(vocabulary)
    expected = [vocabulary.encode(word).tolist() for word in [*words, ""]]
    assert graph.encode(tf.constant([*words, ""])).to_list() == expected
