"""From text to tensors: vocabularies, id files, unrollings, batches of labelled texts.

The names are loaded when they are first used: a vocabulary needs no TensorFlow.
The examples of this room need `import numpy as np, tensorflow as tf` and the names of this
package and of `tfseq.datasets`.
"""

import importlib
from typing import Any

# The public names and their modules.
_HOMES = {
    "EncodedPairs": "pair_batches",
    "EncodedSentences": "tagged_batches",
    "EncodedTexts": "labelled_batches",
    "GraphVocabulary": "vocabulary_in_graph",
    "LEVELS": "tagged_preparation",
    "MEAN_LENGTH": "varied_epochs",
    "PreparedCorpus": "text_preparation",
    "PreparedLabelledCorpus": "labelled_preparation",
    "PreparedPairs": "pair_preparation",
    "PreparedTags": "tagged_preparation",
    "ROWS_MULTIPLE": "pair_batches",
    "SentenceEncoder": "tagged_preparation",
    "StoredIds": "stored_ids",
    "TextEncoder": "tokenizer",
    "TokenFile": "token_file",
    "UnknownTokenError": "vocabulary",
    "Vocabulary": "vocabulary",
    "bucket_boundaries": "labelled_batches",
    "cache_root": "cache_folder",
    "character_vocabulary": "vocabulary",
    "count_batches": "labelled_batches",
    "count_pair_batches": "pair_batches",
    "count_sentence_batches": "tagged_batches",
    "encode_sentences": "tagged_preparation",
    "encode_texts": "labelled_preparation",
    "endless_unrollings": "unrollings",
    "epoch_unrollings": "unrollings",
    "escape_token": "vocabulary",
    "evaluation_batches": "labelled_batches",
    "evaluation_order": "tagged_batches",
    "evaluation_pairs": "pair_batches",
    "evaluation_sentences": "tagged_batches",
    "evaluation_unrollings": "unrollings",
    "extended_vocabulary": "text_preparation",
    "fit_text": "known_text",
    "fixed_batches": "labelled_batches",
    "graph_vocabulary": "vocabulary_in_graph",
    "pad_left": "labelled_batches",
    "pair_order": "pair_batches",
    "prepare_corpus": "text_preparation",
    "prepare_labelled_corpus": "labelled_preparation",
    "prepare_pairs": "pair_preparation",
    "prepare_tagged_sentences": "tagged_preparation",
    "prepare_tagged_text": "tagged_preparation",
    "reading_token_files": "token_file",
    "subword_vocabulary": "subwords",
    "take_rows": "labelled_batches",
    "text_vocabulary": "text_preparation",
    "tokenized_lines": "tokenizer",
    "training_batches": "labelled_batches",
    "training_pairs": "pair_batches",
    "training_sentences": "tagged_batches",
    "unrollings_per_epoch": "unrollings",
    "varied_unrollings": "varied_epochs",
    "varied_unrollings_per_epoch": "varied_epochs",
    "word_vocabulary": "vocabulary",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Loads a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Lists the public names."""
    return __all__
