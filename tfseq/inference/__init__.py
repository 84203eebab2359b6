"""What a trained model is used for: evaluation and sampling."""

from tfseq.inference.beam_search import compile_beam_search
from tfseq.inference.dynamic_evaluation import compile_dynamic_evaluation
from tfseq.inference.evaluation import compile_evaluation
from tfseq.inference.generation import (
    Rule,
    compile_reading,
    compile_writing,
    tokens_per_call,
)
from tfseq.inference.line_scores import compile_line_scores
from tfseq.inference.neural_cache import compile_cache_evaluation
from tfseq.inference.review_evaluation import (
    compile_predictions,
    compile_review_evaluation,
)
from tfseq.inference.sampling import compile_sampling
from tfseq.inference.serving import (
    ServedClassifier,
    ServedLanguageModel,
    SteppedLanguageModel,
)

__all__ = [
    "Rule",
    "ServedClassifier",
    "ServedLanguageModel",
    "SteppedLanguageModel",
    "compile_beam_search",
    "compile_cache_evaluation",
    "compile_dynamic_evaluation",
    "compile_evaluation",
    "compile_line_scores",
    "compile_predictions",
    "compile_reading",
    "compile_review_evaluation",
    "compile_sampling",
    "compile_writing",
    "tokens_per_call",
]
