"""Models: token inputs and the language model over recurrent cells."""

from tfseq.models.inputs import TokenInputs, ngram_ids
from tfseq.models.language_model import LanguageModel, LanguageModelState
from tfseq.models.ngram_logits import NgramLogits

__all__ = [
    "LanguageModel",
    "LanguageModelState",
    "NgramLogits",
    "TokenInputs",
    "ngram_ids",
]
