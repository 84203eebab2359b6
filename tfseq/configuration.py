"""Every setting of a run in one record: its default, its range and its help.

The record is the single source for the command line's flags, for `config.json` and
for the checks, so that a setting means the same thing wherever it appears.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from tfseq.errors import UsageError

CELLS = (
    "lstm_fused",
    "lstm_separate",
    "lstm_cudnn",
    "gru_fused",
    "gru_separate",
    "simple_rnn_fused",
    "simple_rnn_separate",
)
REVIEW_DATASETS = ("imdb", "toy_reviews")
SCHEDULES = ("constant", "exponential", "per_epoch", "plateau", "cosine")


def option(
    default: Any,
    description: str,
    lower: float | None = None,
    upper: float | None = None,
    choices: tuple[str, ...] | None = None,
    fixed: bool = False,
) -> Any:
    """A field with its help text, its inclusive range or its set of values.

    `fixed` marks a setting that shapes the model or the course of training: a run
    that is resumed must keep it.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": description,
            "lower": lower,
            "upper": upper,
            "choices": choices,
            "fixed": fixed,
        },
    )


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The settings of one run; field names are the names of the flags."""

    # Data
    dataset: str = option(
        "python_docs",
        "What to learn from. Texts: the language reference inside every Python, text8, "
        "ptb (Penn Treebank), the text of the imdb reviews (imdb_text), or a file of your "
        "own (text, --train_file). Reviews: imdb, or made by a small grammar "
        "(toy_reviews).",
        choices=("python_docs", "text8", "ptb", "imdb_text", "text", *REVIEW_DATASETS),
        fixed=True,
    )
    data_dir: str | None = option(
        None,
        "Folder with data sets as published, packed or unpacked; by default the "
        "environment variable TFSEQ_DATA_DIR.",
    )
    cache_dir: str | None = option(
        None,
        "Folder for downloads and encoded texts; by default tfseq in XDG_CACHE_HOME "
        "or in ~/.cache.",
    )
    train_file: str | None = option(
        None, "Text file (UTF-8) to train on, with --dataset=text."
    )
    valid_file: str | None = option(
        None, "Text file for validation; without it a part of --train_file is held out."
    )
    test_file: str | None = option(
        None, "Text file for the test; without it a part of --train_file is held out."
    )
    skip_characters: int = option(
        0,
        "Characters at the start of --train_file to leave out (a licence, say).",
        lower=0,
        fixed=True,
    )
    valid_size: int | None = option(
        None,
        "Characters held out for validation at the start of the text; by default the "
        "5 % before the test part. Of reviews: how many of them; by default a tenth.",
        lower=0,
        fixed=True,
    )
    test_size: int | None = option(
        None,
        "Characters held out for the test at the end of the text; by default 5 %, or "
        "none where --valid_size is given.",
        lower=0,
        fixed=True,
    )
    level: str | None = option(
        None,
        "What a token is; words stand between white space, and each line end is one. By "
        "default words for ptb, else characters.",
        choices=("character", "word"),
        fixed=True,
    )
    vocabulary_size: int | None = option(
        None,
        "Most words in the vocabulary, the most frequent ones; the rest is <unk>. By "
        "default all words of the training text.",
        lower=3,
        fixed=True,
    )

    max_length: int = option(
        400, "Tokens of a review that are read, its last ones.", 1, 65536, None, True
    )
    padding: str = option(
        "right",
        "Reviews of a batch: of similar length, what fills them up is never read (right); "
        "or all of --max_length, <pad> before shorter ones and read as text (left).",
        choices=("right", "left"),
        fixed=True,
    )

    # Unrollings
    batch_size: int = option(
        32,
        "Lanes: contiguous parts of the text read side by side, or reviews.",
        1,
        65536,
        None,
        True,
    )
    num_unrollings: int = option(
        50, "Time steps in one unrolling, in tokens.", 1, 65536, None, True
    )
    num_steps: int | None = option(
        None,
        "Training steps in all; the text is read in a circle and the state is never "
        "reset. Excludes --num_epochs.",
        lower=1,
    )
    num_epochs: int | None = option(
        None,
        "Passes over the text; the state is zero at the start of each. Excludes "
        "--num_steps.",
        lower=1,
    )

    # Model
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
        "Longest n-gram with a weight of its own in the softmax, or in a review's logit, "
        "beside the layers; 0: none.",
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
    dropout: float = option(
        0.0,
        "Share of activations dropped between layers and before the softmax; never "
        "on the recurrent path.",
        0.0,
        0.99,
        None,
        True,
    )
    input_dropout: float | None = option(
        None,
        "Share of the first layer's inputs dropped; by default --dropout.",
        0.0,
        0.99,
        None,
        True,
    )

    variational_dropout: bool = option(
        False,
        "Drop the same values at all time steps of an unrolling, between layers, before "
        "the first and before the softmax.",
        fixed=True,
    )
    embedding_dropout: float = option(
        0.0,
        "Share of the vocabulary left out of a step's inputs.",
        0.0,
        0.99,
        None,
        True,
    )
    recurrent_weight_dropout: float = option(
        0.0,
        "Share of the recurrent weights left out of a step.",
        0.0,
        0.99,
        None,
        True,
    )
    activation_regularization: float = option(
        0.0,
        "Weight of the mean square of the last layer's dropped outputs in the loss.",
        0.0,
        1e9,
        None,
        True,
    )
    temporal_activation_regularization: float = option(
        0.0,
        "Weight of the mean square of the last layer's change in time in the loss.",
        0.0,
        1e9,
        None,
        True,
    )

    # Optimisation
    optimizer: str = option(
        "adam", "Update rule.", choices=("sgd", "adam", "adamw"), fixed=True
    )
    learning_rate: float = option(
        0.003, "Rate of the first step.", 0.0, 1e38, None, True
    )
    ngram_learning_rate: float = option(
        0.5,
        "Rate of the first step for --ngram_features (Adagrad); it takes the course of "
        "--learning_rate.",
        0.0,
        1e38,
        None,
        True,
    )
    ngram_start_step: int = option(
        0,
        "First step in which --ngram_features learn. They know a text by heart once they "
        "have seen it: let them join for the last pass only.",
        0,
        None,
        None,
        True,
    )
    weight_decay: float = option(
        0.01, "Decoupled weight decay of adamw, a step.", 0.0, 1.0, None, True
    )
    schedule: str = option(
        "cosine",
        "Course of the learning rate: constant; exponential (times --decay_rate every "
        "--decay_steps); per_epoch (flat for --flat_epochs, then times --decay_rate an "
        "epoch); plateau (times --decay_rate after --patience validations without "
        "progress); cosine (to zero at the last step, after --warmup_steps).",
        choices=SCHEDULES,
        fixed=True,
    )
    decay_rate: float = option(
        0.1, "Factor of one decay of the learning rate.", 1e-6, 1.0, None, True
    )
    decay_steps: int = option(
        5000, "Steps between two exponential decays.", 1, None, None, True
    )
    staircase: bool = option(
        True, "Decay exponentially in jumps instead of smoothly.", fixed=True
    )
    flat_epochs: int = option(
        1, "Epochs before the per_epoch decay begins.", 0, None, None, True
    )
    patience: int = option(
        1, "Validations without progress before a plateau decay.", 1, None, None, True
    )
    warmup_steps: int = option(
        0, "Steps over which the learning rate rises from zero.", 0, None, None, True
    )
    max_gradient_norm: float = option(
        1.25,
        "Global norm that gradients are clipped to; 0: no clipping.",
        0.0,
        1e9,
        None,
        True,
    )

    loss_scale_over_time: str = option(
        "mean",
        "Loss of an unrolling: the mean over its time steps, or their sum (learning rates "
        "and clips as in older code).",
        choices=("mean", "sum"),
        fixed=True,
    )
    weight_averaging: str = option(
        "none",
        "Weights to validate and keep as the best: none (as they are), or nonmonotone "
        "(their average, from the validation on that is worse than the best of those "
        "more than --averaging_interval before it).",
        choices=("none", "nonmonotone"),
        fixed=True,
    )
    averaging_interval: int = option(
        5,
        "Validations that the trigger of averaging looks back.",
        0,
        1000000,
        None,
        True,
    )

    # Run
    run_dir: str = option(
        "runs/default", "Folder of the run: settings, checkpoints, events, results."
    )
    seed: int = option(
        0, "Seed of weights, dropout and samples.", 0, 2**31 - 1, None, True
    )
    log_every: int = option(100, "Steps between two lines on the console.", 1)
    evaluate_every: int = option(
        0, "Steps between two validations; 0: 1000 steps, or an epoch.", lower=0
    )
    early_stopping: int = option(
        0, "Validations without progress after which the run ends; 0: never.", lower=0
    )
    monitor: str = option(
        "loss",
        "Figure of a validation that tells progress and the best weights.",
        choices=("loss", "accuracy"),
        fixed=True,
    )
    sample_every: int = option(
        1000, "Steps between two sets of sampled text; 0: none.", lower=0
    )
    checkpoint_every: int = option(
        0, "Steps between two checkpoints; 0: at each validation.", lower=0
    )
    keep_checkpoints: int = option(
        3, "Latest checkpoints kept, besides the best.", 1, 1000
    )
    histograms: bool = option(
        False, "Write histograms of the weights to TensorBoard at each validation."
    )
    write_graph: bool = option(False, "Write the step's graph to TensorBoard.")
    profile_steps: str = option(
        "", "Profile for TensorBoard, from step A up to step B: A:B. Empty: none."
    )

    # Machine
    strategy: str = option(
        "none",
        "Devices: none (one), mirrored (every GPU, or --num_devices), or multi_worker (all "
        "of the workers that the environment variable TF_CONFIG names).",
        choices=("none", "mirrored", "multi_worker"),
    )
    num_devices: int = option(
        0,
        "Devices of --strategy=mirrored; 0: all. Parts of the CPU without GPU.",
        0,
        1024,
    )
    steps_per_call: int = option(
        0,
        "Most steps in one compiled call; 0: about half a second of them.",
        0,
        1000000,
    )
    chains: int = option(
        0,
        "Independent parts that a replica's batch is computed in, side by side; 0: one "
        "a processor core on CPU, one on GPU.",
        0,
        1024,
    )
    intra_op_threads: int = option(
        0, "Threads inside one operation; 0: cores divided by chains.", 0, 4096
    )
    inter_op_threads: int = option(
        0, "Operations run side by side; 0: one for each chain.", 0, 4096
    )
    precision: str = option(
        "float32",
        "Number format of the layers' arithmetic; weights stay float32.",
        choices=("float32", "bfloat16"),
        fixed=True,
    )
    eager: bool = option(False, "Run the same steps eagerly, for a debugger.")

    def __post_init__(self) -> None:
        """Settles what follows from other settings."""
        if self.level is None:
            level = "character"
            if self.dataset in ("ptb", "imdb_text", *REVIEW_DATASETS):
                level = "word"
            object.__setattr__(self, "level", level)

    @property
    def classifies_reviews(self) -> bool:
        """Whether the model is a classifier of reviews; else it is a language model."""
        return self.dataset in REVIEW_DATASETS

    def check(self) -> None:
        """Raises `UsageError` for a value out of range or settings that conflict."""
        for field in dataclasses.fields(self):
            check_value(field, getattr(self, field.name))
        if self.num_steps is not None and self.num_epochs is not None:
            raise UsageError(
                f"--num_steps={self.num_steps} and --num_epochs={self.num_epochs}: "
                "expected one of them; leave one out"
            )
        if self.dataset == "text" and not self.train_file:
            raise UsageError(
                "--train_file: found none, expected a text file with --dataset=text; "
                "give --train_file=FILE"
            )
        if self.dataset != "text":
            for name in ("train_file", "valid_file", "test_file"):
                if getattr(self, name):
                    raise UsageError(
                        f"--{name}={getattr(self, name)}: found with --dataset="
                        f"{self.dataset}, expected only with --dataset=text; add "
                        "--dataset=text or leave it out"
                    )
        if self.vocabulary_size is not None and self.level != "word":
            raise UsageError(
                f"--vocabulary_size={self.vocabulary_size}: found with --level="
                f"{self.level}, expected only with --level=word; leave it out"
            )
        reviews = self.classifies_reviews
        for name, allowed in (
            ("bidirectional", reviews),
            ("initialize_from", reviews),
            ("tie_embeddings", not reviews),
            ("softmax_cutoffs", not reviews),
        ):
            if getattr(self, name) and not allowed:
                raise UsageError(
                    f"--{name}: found with --dataset={self.dataset}, expected only for "
                    f"{'texts' if reviews else 'reviews'}; leave it out"
                )
        if self.monitor == "accuracy" and not reviews:
            raise UsageError(
                f"--monitor=accuracy: found with --dataset={self.dataset}, expected only "
                "for reviews; leave it out"
            )
        if self.tie_embeddings and not self.embedding_size:
            raise UsageError(
                "--tie_embeddings: found --embedding_size=0, expected an embedding; give "
                "--embedding_size=N"
            )
        if self.softmax_cutoffs and self.ngram_features:
            raise UsageError(
                f"--softmax_cutoffs={self.softmax_cutoffs}: found with --ngram_features, "
                "expected one of them; leave one out"
            )
        self.cutoffs()
        self.profiled_steps()
        for name in ("lazy_rows", "ngram_features"):
            if getattr(self, name) and reviews and self.strategy == "multi_worker":
                raise UsageError(
                    f"--{name}: found with --strategy=multi_worker, where batches by "
                    "length cannot exchange single rows; leave one of them out"
                )
        if self.lazy_rows and (self.optimizer != "adam" or self.tie_embeddings):
            other = "--tie_embeddings" if self.tie_embeddings else "--optimizer"
            raise UsageError(
                f"--lazy_rows: found with {other}={getattr(self, other[2:])}, expected "
                "--optimizer=adam and embeddings that are not tied; leave one out"
            )
        if self.initialize_from and self.padding == "left":
            raise UsageError(
                f"--initialize_from={self.initialize_from}: found with --padding=left, "
                "which the language model never read; leave one out"
            )
        if self.initialize_from and self.vocabulary_size is not None:
            raise UsageError(
                f"--vocabulary_size={self.vocabulary_size}: found with --initialize_from, "
                "whose vocabulary is taken; leave it out"
            )
        if self.hash_rows and self.ngram < 2:
            raise UsageError(
                f"--hash_rows={self.hash_rows}: found --ngram=1, expected 2 or more; give "
                "--ngram=2"
            )
        if self.schedule == "per_epoch" and self.num_epochs is None:
            raise UsageError(
                "--schedule=per_epoch: found no --num_epochs, expected a run counted in "
                "epochs; give --num_epochs=N"
            )

    def profiled_steps(self) -> tuple[int, int] | None:
        """The bounds in `profile_steps`; raises `UsageError` if they are none."""
        if not self.profile_steps:
            return None
        first, _, last = self.profile_steps.partition(":")
        bounds = first.isdecimal() and last.isdecimal()
        if not bounds or int(first) >= int(last):
            raise UsageError(
                f"--profile_steps={self.profile_steps}: expected two rising steps with a "
                "colon between them, such as 200:220"
            )
        return int(first), int(last)

    def cutoffs(self) -> tuple[int, ...]:
        """The numbers in `softmax_cutoffs`; raises `UsageError` if they are none."""
        parts = self.softmax_cutoffs.split(",") if self.softmax_cutoffs else []
        if not all(part.strip().isdecimal() for part in parts):
            raise UsageError(
                f"--softmax_cutoffs={self.softmax_cutoffs}: expected whole numbers with "
                "commas between them, such as 1000,3000"
            )
        return tuple(int(part) for part in parts)


def is_optional(field: dataclasses.Field) -> bool:
    """Whether a setting may be left empty (`None`)."""
    return type(None) in typing.get_args(field.type)


def value_type(field: dataclasses.Field) -> type:
    """The type of a setting's value when it is not empty: str, int, float or bool."""
    if isinstance(field.type, types.UnionType):
        return next(
            kind for kind in typing.get_args(field.type) if kind is not types.NoneType
        )
    return typing.cast(type, field.type)


def check_value(field: dataclasses.Field, value: Any) -> None:
    """Raises `UsageError` unless `value` has the setting's type and range."""
    if value is None and is_optional(field):
        return
    kind = value_type(field)
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (
        kind is not bool and isinstance(value, bool)
    ):
        raise UsageError(
            f"--{field.name}={value}: found {type(value).__name__}, expected {kind.__name__}"
        )
    choices = field.metadata["choices"]
    if choices and value not in choices:
        raise UsageError(
            f"--{field.name}={value}: expected one of {', '.join(choices)}; choose one"
        )
    lower, upper = field.metadata["lower"], field.metadata["upper"]
    if (lower is not None and not value >= lower) or (
        upper is not None and not value <= upper
    ):
        bound = f"at least {lower}" if upper is None else f"from {lower} to {upper}"
        raise UsageError(f"--{field.name}={value}: expected a number {bound}")


def from_mapping(values: Mapping[str, Any]) -> Configuration:
    """The checked record of `values`, a mapping from setting to value.

    Raises:
        UsageError: a name that is no setting, or a value out of its range.
    """
    known = {field.name for field in dataclasses.fields(Configuration)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(
            f"{unknown[0]}: found among the settings, expected a known one; use the "
            "version of the package that they were written by"
        )
    configuration = Configuration(**values)
    configuration.check()
    return configuration
