"""From text to tensors: vocabularies, token files and unrollings."""

from tfseq.pipelines.preparation import PreparedCorpus, prepare_corpus
from tfseq.pipelines.token_file import TokenFile
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
    "PreparedCorpus",
    "TokenFile",
    "Vocabulary",
    "character_vocabulary",
    "endless_unrollings",
    "epoch_unrollings",
    "evaluation_unrollings",
    "prepare_corpus",
    "unrollings_per_epoch",
    "word_vocabulary",
]
