"""What the model is made of."""

import dataclasses

from tfseq.configuration.option import option

CELLS = (
    "lstm_fused",
    "lstm_separate",
    "lstm_cudnn",
    "gru_fused",
    "gru_separate",
    "simple_rnn_fused",
    "simple_rnn_separate",
)


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """The settings of inputs, layers and softmax."""

    cell: str = option(
        "lstm_fused",
        "Recurrent cell of each layer; lstm_cudnn is lstm_fused with NVIDIA's kernel, "
        "where there is a GPU.",
        choices=CELLS,
        fixed=True,
    )
    num_layers: int = option(1, "Recurrent layers, stacked.", 1, 64, None, True)
    units: int = option(256, "Units of each recurrent layer.", 1, 65536, None, True)
    embedding_size: int = option(
        0, "Width of the token embedding; 0 feeds one-hot tokens.", 0, 65536, None, True
    )
    embedding_scale: float = option(
        0.1, "Embeddings start uniform in plus or minus this.", 0.0, 100.0, None, True
    )
    ngram: int = option(
        1,
        "Feed each token with the n - 1 before it as one symbol (2: bigrams).",
        1,
        4,
        None,
        True,
    )
    hash_rows: int = option(
        0,
        "With --ngram=N and too many different n-grams: rows of a table of embeddings that "
        "the windows of 2 to N tokens share by hashing, added to the token's; 0: none.",
        0,
        1 << 26,
        None,
        True,
    )
    lazy_rows: bool = option(
        False,
        "With Adam: update only those rows of the embeddings that a step reads, their "
        "moments standing still meanwhile and without clipping; far faster for large ones, "
        "and not the same as Adam on all rows.",
        fixed=True,
    )
    initialize_from: str | None = option(
        None,
        "Run folder of a language model: a classifier starts with its vocabulary, "
        "embedding and cells, which must be of the same kind and size.",
        fixed=True,
    )
    initializer: str = option(
        "glorot",
        "Start of the cells' and the softmax's weights: glorot (orthogonal for "
        "recurrent ones), or truncated_normal or uniform with --initializer_mean and "
        "--initializer_scale.",
        choices=("glorot", "truncated_normal", "uniform"),
        fixed=True,
    )
    initializer_mean: float = option(
        0.0, "Centre of truncated_normal and uniform.", -100.0, 100.0, None, True
    )
    initializer_scale: float = option(
        0.1,
        "Standard deviation of truncated_normal, half width of uniform.",
        0.0,
        100.0,
        None,
        True,
    )
    forget_bias: float = option(
        1.0, "Start of the LSTM's forget gate biases.", -100.0, 100.0, None, True
    )
    bidirectional: bool = option(
        False, "Read reviews from both ends, with layers for each.", fixed=True
    )
    pooling: str = option(
        "last",
        "What of a review's outputs is classified: the last one, or mean and maximum of "
        "all.",
        choices=("last", "mean_max"),
        fixed=True,
    )
    tie_embeddings: bool = option(
        False,
        "Use the embedding as the softmax's weights too; the last layer then has "
        "--embedding_size units.",
        fixed=True,
    )
    softmax_cutoffs: str | None = option(
        None,
        "Adaptive softmax: the ranks at which clusters of rarer words begin, such as "
        "1000,3000; by default all words stand in one softmax.",
        fixed=True,
    )
    ngram_features: int = option(
        0,
        "Longest n-gram with a weight of its own: in the softmax, or in a classifier of "
        "reviews by naive Bayes ratios, whose logit is averaged with that of the layers; "
        "0: none.",
        0,
        16,
        None,
        True,
    )
    ngram_rows: int = option(
        1 << 20,
        "Rows of the table that --ngram_features share by hashing.",
        1,
        1 << 26,
        None,
        True,
    )
