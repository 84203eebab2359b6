"""Writing tokens: one token loop, the rules that choose tokens, and beam search.

The examples of this room need `import tensorflow as tf`, the names of this package, a
built `tfseq.LanguageModel` as `model` and a built `tfseq.Transducer` as `transducer`, whose
`sources` are ids `[texts, time]` of the given `lengths`.
"""

from tfseq.decoding.beam_search import BeamSearch, compile_beam_search
from tfseq.decoding.rules import Choice, Greedy, Rule, Sampling, restrict
from tfseq.decoding.targets import Decoded, compile_decoding
from tfseq.decoding.token_loop import (
    Written,
    compile_reading,
    compile_sampling,
    compile_writing,
    tokens_per_call,
    write_tokens,
)

__all__ = [
    "BeamSearch",
    "Choice",
    "Decoded",
    "Greedy",
    "Rule",
    "Sampling",
    "Written",
    "compile_beam_search",
    "compile_decoding",
    "compile_reading",
    "compile_sampling",
    "compile_writing",
    "restrict",
    "tokens_per_call",
    "write_tokens",
]
