"""The work of the sides of translation: sizes, made-up pairs and the first weights.

The sizes are those of the recipe `multi30k_en_de`, and the lengths of the pairs are spread
like those of its data.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from sides.workloads import SEED, draw_tokens
from tfseq.pipelines import EncodedPairs, count_pair_batches, training_pairs

END, FIRST_TOKEN = 1, 2  # 0 is the unknown token; words begin at 2.


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of a model and of its work, and what makes its training harder.

    Attributes:
        tokens: tokens of each of the two vocabularies.
        embedding: width of both embeddings.
        units: units of the decoder and of each direction of the encoder.
        dropout: share of what the softmax reads that training drops.
        smoothing: share of a label's probability that training spreads over all tokens.
        pairs: pairs of the training data.
        batch: tokens of a training step on the longer side, padding included.
        steps: training steps in a turn.
        sentences: sentences that are decoded in a turn.
        decoded: sentences that are decoded at a time.
    """

    tokens: int = 8_000
    embedding: int = 256
    units: int = 256
    dropout: float = 0.4
    smoothing: float = 0.1
    pairs: int = 29_000
    batch: int = 1_280
    steps: int = 10
    sentences: int = 1_000
    decoded: int = 128


SIZES = Sizes()
RATE, CLIP, LENGTH_PENALTY = 0.001, 1.0, 0.6


class LSTMWeights(NamedTuple):
    """The weights of an LSTM layer, as Keras has them.

    Attributes:
        kernel: `[features, 4 * units]`.
        recurrent: `[units, 4 * units]`.
        bias: `[4 * units]`.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class Weights(NamedTuple):
    """The weights that every side starts from, kernels as Keras has them.

    Attributes:
        source_embedding: `[tokens, embedding]`.
        target_embedding: `[tokens, embedding]`, the kernel of the softmax too.
        ahead: the encoder's layer that reads from the left.
        back: the encoder's layer that reads from the right.
        decoder: the decoder's layer.
        bridge: from the last outputs of both to the decoder's first output and cell,
            `[2 * units, 2 * units]`.
        key_kernel: of the general score, `[2 * units, units]`.
        attended_kernel: from context and output to what the softmax reads,
            `[3 * units, embedding]`.
    """

    source_embedding: np.ndarray
    target_embedding: np.ndarray
    ahead: LSTMWeights
    back: LSTMWeights
    decoder: LSTMWeights
    bridge: np.ndarray
    key_kernel: np.ndarray
    attended_kernel: np.ndarray


def first_weights(sizes: Sizes) -> Weights:
    """Returns the first weights: uniform in ± 1 / sqrt(units), embeddings in ± 0.1.

    Biases are zero.
    """
    rng = np.random.default_rng(SEED)
    units = sizes.units

    def uniform(*shape: int, bound: float = units**-0.5) -> np.ndarray:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    def lstm() -> LSTMWeights:
        width = 4 * units
        kernels = uniform(sizes.embedding, width), uniform(units, width)
        return LSTMWeights(*kernels, np.zeros(width, np.float32))

    return Weights(
        uniform(sizes.tokens, sizes.embedding, bound=0.1),
        uniform(sizes.tokens, sizes.embedding, bound=0.1),
        lstm(),
        lstm(),
        lstm(),
        uniform(2 * units, 2 * units),
        uniform(2 * units, units),
        uniform(3 * units, sizes.embedding),
    )


def make_pairs(sizes: Sizes) -> EncodedPairs:
    """Returns pairs; each token of a target is a function of the source's token there.

    The lengths of sources are distributed as those of Multi30k's English sentences, and
    the quotients of both lengths as those of its pairs.
    """
    rng = np.random.default_rng(SEED)
    sources = rng.lognormal(2.52, 0.296, sizes.pairs)
    targets = sources * rng.lognormal(-0.059, 0.171, sizes.pairs)
    lengths = [np.rint(each).astype(int).clip(3, 40) for each in (sources, targets)]
    words = sizes.tokens - FIRST_TOKEN
    follower = FIRST_TOKEN + rng.permutation(words)
    tokens = draw_tokens(rng, words, (sizes.pairs, 40))
    ids, starts = [], []
    for own, length in zip(
        (FIRST_TOKEN + tokens, follower[tokens]), lengths, strict=True
    ):
        ended = np.pad(own, ((0, 0), (0, 1)))
        ended[np.arange(sizes.pairs), length] = END
        ids.append(ended[np.arange(41) <= length[:, np.newaxis]].astype(np.int32))
        starts.append(np.append(0, np.cumsum(length + 1)))
    numbers = np.arange(sizes.pairs, dtype=np.int32)
    return EncodedPairs(ids[0], starts[0], ids[1], starts[1], numbers)


def training_batches(sizes: Sizes) -> list[list[np.ndarray]]:
    """Returns the batches of the first epoch: sources, lengths, targets, lengths."""
    pairs = make_pairs(sizes)
    count = count_pair_batches(pairs, batch_tokens=sizes.batch)
    batches = training_pairs(pairs, batch_tokens=sizes.batch, seed=SEED).take(count)
    found = []
    for parts in batches.as_numpy_iterator():
        inside = parts[1] > 0  # Rows that fill up a batch are left out.
        found.append([part[inside] for part in parts])
    return found


class Sentences(NamedTuple):
    """Sentences to translate, as ids padded with zeros.

    Attributes:
        sources: `[sentences, time]`.
        lengths: tokens of each source, `[sentences]`.
        limits: the most tokens of each target, `[sentences]`.
    """

    sources: np.ndarray
    lengths: np.ndarray
    limits: np.ndarray


def decoding_batches(sizes: Sizes) -> list[Sentences]:
    """Returns the sentences to translate, in batches of similar length.

    Untrained models do not end their targets, so each target is written to the length that
    its translation has.
    """
    pairs = make_pairs(dataclasses.replace(sizes, pairs=sizes.sentences))
    order = np.argsort(pairs.source_lengths, kind="stable")
    batches = []
    for first in range(0, sizes.sentences, sizes.decoded):
        places = order[first : first + sizes.decoded]
        lengths = pairs.source_lengths[places].astype(np.int32)
        sources = np.zeros([len(places), lengths.max()], np.int32)
        for row, place in enumerate(places):
            start, end = pairs.source_starts[place : place + 2]
            sources[row, : end - start] = pairs.sources[start:end]
        limits = pairs.target_lengths[places].astype(np.int32)
        batches.append(Sentences(sources, lengths, limits))
    return batches
