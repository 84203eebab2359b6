"""Models over recurrent cells: the language model and the classifier of reviews."""

from tfseq.models.inputs import TokenInputs, ngram_ids
from tfseq.models.language_model import LanguageModel, LanguageModelState
from tfseq.models.naive_bayes_logit import NaiveBayesLogit
from tfseq.models.ngram_logits import NgramLogits
from tfseq.models.sentiment_classifier import SentimentClassifier

__all__ = [
    "LanguageModel",
    "LanguageModelState",
    "NaiveBayesLogit",
    "NgramLogits",
    "SentimentClassifier",
    "TokenInputs",
    "ngram_ids",
]
