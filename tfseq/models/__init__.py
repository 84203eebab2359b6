"""Models: token inputs and the language model over recurrent cells."""

from tfseq.models.inputs import TokenInputs, ngram_ids
from tfseq.models.language_model import LanguageModel

__all__ = ["LanguageModel", "TokenInputs", "ngram_ids"]
