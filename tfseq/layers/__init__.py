"""The parts of models beside cells: inputs, softmaxes, n-grams, fields, penalties.

The examples of this room need `import keras, tensorflow as tf, tfseq`, and the names of this
package, of `tfseq.cells` and of `tfseq`.
"""

from tfseq.layers.adaptive_softmax import (
    adaptive_log_probabilities,
    adaptive_softmax_loss,
)
from tfseq.layers.bidirectional_stack import BidirectionalStack
from tfseq.layers.conditional_random_field import ConditionalRandomField
from tfseq.layers.letter_inputs import LetterInputs
from tfseq.layers.ngrams import NaiveBayesLogit, NgramLogits, ngram_rows
from tfseq.layers.penalties import activation_penalty, temporal_activation_penalty
from tfseq.layers.recurrent import (
    build_cells,
    build_initializers,
    build_inputs,
    layer_precision,
)
from tfseq.layers.recurrent_layers import GRU, LSTM, Recurrent, SimpleRNN
from tfseq.layers.sequence_model import Losses, SequenceModel, as_predictions
from tfseq.layers.softmax import Softmax
from tfseq.layers.softmax_loss import smoothed_softmax_loss, softmax_loss
from tfseq.layers.token_inputs import TokenInputs, ngram_ids

__all__ = [
    "GRU",
    "LSTM",
    "BidirectionalStack",
    "ConditionalRandomField",
    "LetterInputs",
    "Losses",
    "NaiveBayesLogit",
    "NgramLogits",
    "Recurrent",
    "SequenceModel",
    "SimpleRNN",
    "Softmax",
    "TokenInputs",
    "activation_penalty",
    "adaptive_log_probabilities",
    "adaptive_softmax_loss",
    "as_predictions",
    "build_cells",
    "build_initializers",
    "build_inputs",
    "layer_precision",
    "ngram_ids",
    "ngram_rows",
    "smoothed_softmax_loss",
    "softmax_loss",
    "temporal_activation_penalty",
]
