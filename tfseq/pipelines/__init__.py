"""From text to tensors: vocabularies, id files, unrollings, batches of labelled texts."""

from tfseq.pipelines.cache_folder import cache_root
from tfseq.pipelines.graph_vocabulary import GraphVocabulary, graph_vocabulary
from tfseq.pipelines.labelled_batches import (
    EncodedTexts,
    bucket_boundaries,
    count_batches,
    evaluation_batches,
    fixed_batches,
    pad_left,
    take_rows,
    training_batches,
)
from tfseq.pipelines.labelled_preparation import (
    PreparedLabelledCorpus,
    encode_texts,
    prepare_labelled_corpus,
)
from tfseq.pipelines.pair_batches import (
    ROWS_MULTIPLE,
    EncodedPairs,
    count_pair_batches,
    evaluation_pairs,
    pair_order,
    training_pairs,
)
from tfseq.pipelines.pair_preparation import PreparedPairs, prepare_pairs
from tfseq.pipelines.stored_ids import StoredIds
from tfseq.pipelines.subwords import subword_vocabulary
from tfseq.pipelines.tagged_batches import (
    EncodedSentences,
    count_sentence_batches,
    evaluation_order,
    evaluation_sentences,
    training_sentences,
)
from tfseq.pipelines.tagged_preparation import (
    LEVELS,
    PreparedTags,
    SentenceEncoder,
    encode_sentences,
    prepare_tagged_sentences,
    prepare_tagged_text,
)
from tfseq.pipelines.text_preparation import (
    PreparedCorpus,
    extended_vocabulary,
    prepare_corpus,
    text_vocabulary,
)
from tfseq.pipelines.token_file import TokenFile, reading_token_files
from tfseq.pipelines.tokenizer import TextEncoder, tokenized_lines
from tfseq.pipelines.unrollings import (
    endless_unrollings,
    epoch_unrollings,
    evaluation_unrollings,
    unrollings_per_epoch,
)
from tfseq.pipelines.varied_epochs import (
    MEAN_LENGTH,
    varied_unrollings,
    varied_unrollings_per_epoch,
)
from tfseq.pipelines.vocabulary import (
    UnknownTokenError,
    Vocabulary,
    character_vocabulary,
    escape_token,
    word_vocabulary,
)

__all__ = [
    "LEVELS",
    "MEAN_LENGTH",
    "ROWS_MULTIPLE",
    "EncodedPairs",
    "EncodedSentences",
    "EncodedTexts",
    "GraphVocabulary",
    "PreparedCorpus",
    "PreparedLabelledCorpus",
    "PreparedPairs",
    "PreparedTags",
    "SentenceEncoder",
    "StoredIds",
    "TextEncoder",
    "TokenFile",
    "UnknownTokenError",
    "Vocabulary",
    "bucket_boundaries",
    "cache_root",
    "character_vocabulary",
    "count_batches",
    "count_pair_batches",
    "count_sentence_batches",
    "encode_sentences",
    "encode_texts",
    "endless_unrollings",
    "epoch_unrollings",
    "escape_token",
    "evaluation_batches",
    "evaluation_order",
    "evaluation_pairs",
    "evaluation_sentences",
    "evaluation_unrollings",
    "extended_vocabulary",
    "fixed_batches",
    "graph_vocabulary",
    "pad_left",
    "pair_order",
    "prepare_corpus",
    "prepare_labelled_corpus",
    "prepare_pairs",
    "prepare_tagged_sentences",
    "prepare_tagged_text",
    "reading_token_files",
    "subword_vocabulary",
    "take_rows",
    "text_vocabulary",
    "tokenized_lines",
    "training_batches",
    "training_pairs",
    "training_sentences",
    "unrollings_per_epoch",
    "varied_unrollings",
    "varied_unrollings_per_epoch",
    "word_vocabulary",
]
