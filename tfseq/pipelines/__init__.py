"""From text to tensors: vocabularies, id files, unrollings, batches of reviews."""

from tfseq.pipelines.preparation import PreparedCorpus, prepare_corpus
from tfseq.pipelines.review_batches import (
    EncodedReviews,
    bucket_boundaries,
    count_batches,
    evaluation_batches,
    fixed_batches,
    take_rows,
    training_batches,
)
from tfseq.pipelines.review_preparation import (
    PreparedReviews,
    encode_reviews,
    prepare_reviews,
)
from tfseq.pipelines.review_text import review_lines
from tfseq.pipelines.review_tokenizer import ReviewEncoder
from tfseq.pipelines.token_escapes import escape_token
from tfseq.pipelines.token_file import TokenFile, reading_token_files
from tfseq.pipelines.unrollings import (
    endless_unrollings,
    epoch_unrollings,
    evaluation_unrollings,
    unrollings_per_epoch,
)
from tfseq.pipelines.vocabulary import (
    Vocabulary,
    character_vocabulary,
    word_vocabulary,
)

__all__ = [
    "EncodedReviews",
    "PreparedCorpus",
    "PreparedReviews",
    "ReviewEncoder",
    "TokenFile",
    "Vocabulary",
    "bucket_boundaries",
    "character_vocabulary",
    "count_batches",
    "encode_reviews",
    "endless_unrollings",
    "epoch_unrollings",
    "escape_token",
    "evaluation_batches",
    "evaluation_unrollings",
    "fixed_batches",
    "prepare_corpus",
    "prepare_reviews",
    "reading_token_files",
    "review_lines",
    "take_rows",
    "training_batches",
    "unrollings_per_epoch",
    "word_vocabulary",
]
