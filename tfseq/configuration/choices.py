"""The tables of choices: cells, data sets, optimizers, schedules and strategies.

A new one is a row here and the code that the row names. Rows name code by where it is,
"module:attribute", so that reading a table loads nothing; `Table.add` also takes the
object itself, for choices from outside of the package.
"""

from tfseq.configuration.table import Table

# options: arguments beside the units and the initializers, by the names of settings.
# reads: settings that are read for what is around it. recurrent_weights: whether the state
# is multiplied by weights, which may be dropped.
CELLS = Table("cell", options=(), reads=(), recurrent_weights=True)
CELLS.add(
    "lstm_fused",
    "tfseq.cells.lstm:FusedGateLSTMCell",
    "LSTM, one kernel for all gates",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "lstm_separate",
    "tfseq.cells.lstm:SeparateGateLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "layer_norm_lstm_fused",
    "tfseq.cells.layer_norm_lstm:FusedGateLayerNormLSTMCell",
    "layer-normalised LSTM",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "layer_norm_lstm_separate",
    "tfseq.cells.layer_norm_lstm:SeparateGateLayerNormLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "peephole_lstm_fused",
    "tfseq.cells.peephole_lstm:FusedGatePeepholeLSTMCell",
    "LSTM whose gates see the memory",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "peephole_lstm_separate",
    "tfseq.cells.peephole_lstm:SeparateGatePeepholeLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "coupled_lstm_fused",
    "tfseq.cells.coupled_lstm:FusedGateCoupledLSTMCell",
    "LSTM that takes in as much as it forgets",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "coupled_lstm_separate",
    "tfseq.cells.coupled_lstm:SeparateGateCoupledLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias",),
    reads=("zoneout_memory",),
)
CELLS.add(
    "projected_lstm_fused",
    "tfseq.cells.projected_lstm:FusedGateProjectedLSTMCell",
    "LSTM whose outputs are projected to `projection_size`",
    options=("forget_bias", "projection_size"),
    reads=("zoneout_memory",),
)
CELLS.add(
    "projected_lstm_separate",
    "tfseq.cells.projected_lstm:SeparateGateProjectedLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias", "projection_size"),
    reads=("zoneout_memory",),
)
CELLS.add(
    "mogrifier_lstm_fused",
    "tfseq.cells.mogrifier_lstm:FusedGateMogrifierLSTMCell",
    "LSTM whose inputs and state scale each other in `mogrifier_rounds`",
    options=("forget_bias", "mogrifier_rounds"),
    reads=("zoneout_memory",),
)
CELLS.add(
    "mogrifier_lstm_separate",
    "tfseq.cells.mogrifier_lstm:SeparateGateMogrifierLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias", "mogrifier_rounds"),
    reads=("zoneout_memory",),
)
CELLS.add(
    "gru_fused",
    "tfseq.cells.gru:FusedGateGRUCell",
    "GRU, one kernel for all gates",
)
CELLS.add(
    "gru_separate",
    "tfseq.cells.gru:SeparateGateGRUCell",
    "the same, a kernel for each gate",
)
CELLS.add(
    "min_gru_fused",
    "tfseq.cells.minimal_cells:FusedGateMinGRUCell",
    "minGRU, whose gates do not see the state",
    recurrent_weights=False,
)
CELLS.add(
    "min_gru_separate",
    "tfseq.cells.minimal_cells:SeparateGateMinGRUCell",
    "the same, a kernel for each gate",
    recurrent_weights=False,
)
CELLS.add(
    "min_lstm_fused",
    "tfseq.cells.minimal_cells:FusedGateMinLSTMCell",
    "minLSTM, whose gates do not see the state",
    options=("forget_bias",),
    recurrent_weights=False,
)
CELLS.add(
    "min_lstm_separate",
    "tfseq.cells.minimal_cells:SeparateGateMinLSTMCell",
    "the same, a kernel for each gate",
    options=("forget_bias",),
    recurrent_weights=False,
)
CELLS.add(
    "simple_rnn_fused",
    "tfseq.cells.simple_rnn:FusedSimpleRNNCell",
    "simple recurrent cell, one kernel for inputs and state",
)
CELLS.add(
    "simple_rnn_separate",
    "tfseq.cells.simple_rnn:SeparateSimpleRNNCell",
    "the same, a kernel for each",
)

# kind: the kind of data, which says what tasks can read it. level: the level of its
# tokens, where the settings name none. target_level: that of the targets of pairs, where
# it is another. takes: the settings that it understands, which
# are the keyword arguments of the function that loads it. needs: those that must be given.
# needs_one: those of which one must be given.
DATASETS = Table(
    "dataset",
    kind="text",
    level="character",
    target_level=None,
    takes=(),
    needs=(),
    needs_one=(),
)
DATASETS.add(
    "python_docs",
    "tfseq.datasets.python_docs:python_docs_corpus",
    "the language reference inside every Python",
    kind="text",
    level="character",
    takes=("valid_size", "test_size"),
)
DATASETS.add(
    "python_prose",
    "tfseq.datasets.python_docs:python_prose_corpus",
    "its paragraphs, with capitals and punctuation",
    kind="text",
    level="character",
    takes=("valid_size", "test_size"),
)
DATASETS.add(
    "text8",
    "tfseq.datasets.text8:text8_corpus",
    "text8, the first characters of Wikipedia",
    kind="text",
    level="character",
    takes=("data_dir", "cache_dir", "valid_size", "test_size"),
)
DATASETS.add(
    "ptb",
    "tfseq.datasets.penn_treebank:penn_treebank_corpus",
    "Penn Treebank",
    kind="text",
    level="word",
    takes=("data_dir", "cache_dir"),
)
DATASETS.add(
    "wikitext2",
    "tfseq.datasets.wikitext2:wikitext2_corpus",
    "WikiText-2, articles of Wikipedia",
    kind="text",
    level="word",
    takes=("data_dir", "cache_dir"),
)
DATASETS.add(
    "imdb_text",
    "tfseq.datasets.imdb_reviews:imdb_text_corpus",
    "the text of the IMDb reviews",
    kind="text",
    level="word",
    takes=("data_dir", "cache_dir", "valid_size"),
)
DATASETS.add(
    "imdb_text_backward",
    "tfseq.datasets.imdb_reviews:imdb_backward_text_corpus",
    "the same text, each review's words in reverse order",
    kind="text",
    level="word",
    takes=("data_dir", "cache_dir", "valid_size"),
)
DATASETS.add(
    "text",
    "tfseq.datasets.text_files:text_file_corpus",
    "a file of your own, `train_file`",
    kind="text",
    level="character",
    takes=(
        "train_file",
        "valid_file",
        "test_file",
        "skip_characters",
        "valid_size",
        "test_size",
        "data_dir",
    ),
    needs=("train_file",),
)
DATASETS.add(
    "imdb",
    "tfseq.datasets.imdb_reviews:imdb_reviews_corpus",
    "the IMDb reviews with their labels",
    kind="labelled",
    level="word",
    takes=("data_dir", "cache_dir", "valid_size"),
)
DATASETS.add(
    "toy_reviews",
    "tfseq.datasets.toy_reviews:toy_reviews_corpus",
    "reviews made by a small grammar, with labels",
    kind="labelled",
    level="word",
    takes=("valid_size",),
)
DATASETS.add(
    "toy_classes",
    "tfseq.datasets.toy_classes:toy_classes_corpus",
    "texts of three kinds made by a small grammar",
    kind="labelled",
    level="word",
    takes=("valid_size",),
)
DATASETS.add(
    "labelled",
    "tfseq.datasets.labelled_files:labelled_file_corpus",
    "labelled texts of your own, `train_file`: a table, JSON lines or a folder",
    kind="labelled",
    level="word",
    takes=(
        "train_file",
        "valid_file",
        "test_file",
        "text_column",
        "label_column",
        "valid_size",
        "test_size",
        "test_rows",
        "data_dir",
    ),
    needs=("train_file",),
)
DATASETS.add(
    "tagged",
    "tfseq.datasets.tagged_files:tagged_file_corpus",
    "sentences of your own with a tag for each word, `train_file` of columns",
    kind="tagged",
    level="word",
    takes=(
        "train_file",
        "valid_file",
        "test_file",
        "valid_size",
        "test_size",
        "token_column",
        "tag_column",
        "feature_columns",
        "data_dir",
    ),
    needs=("train_file",),
)
DATASETS.add(
    "conll2000",
    "tfseq.datasets.tagged_files:conll2000_corpus",
    "the chunks of CoNLL-2000",
    kind="tagged",
    level="word",
    takes=("data_dir", "valid_size"),
)
DATASETS.add(
    "python_code",
    "tfseq.datasets.python_code:python_code_corpus",
    "the source of Python's standard library, each character with its kind of token",
    kind="tagged_text",
    level="character",
)
DATASETS.add(
    "pairs",
    "tfseq.datasets.pair_files:pair_file_corpus",
    "pairs of texts of your own, `source_file` and `target_file` line by line, or a table "
    "of both as `train_file`",
    kind="pairs",
    level="word",
    takes=(
        *("source_file", "target_file", "train_file"),
        *("valid_source_file", "valid_target_file", "valid_file"),
        *("test_source_file", "test_target_file", "test_file"),
        *("valid_size", "test_size", "data_dir"),
    ),
    needs_one=("source_file", "train_file"),
)
DATASETS.add(
    "mirror",
    "tfseq.datasets.mirrored_words:mirror_corpus",
    "sentences of the language reference inside every Python, each word mirrored",
    kind="pairs",
    level="character",
)
DATASETS.add(
    "mirror_text8",
    "tfseq.datasets.mirrored_words:mirror_text8_corpus",
    "the same of words of text8",
    kind="pairs",
    level="character",
    takes=("data_dir", "cache_dir"),
)
DATASETS.add(
    "cmudict",
    "tfseq.datasets.cmudict:cmudict_corpus",
    "the CMU Pronouncing Dictionary, spellings and their phonemes",
    kind="pairs",
    level="character",
    target_level="word",
    takes=("data_dir", "stress"),
)
DATASETS.add(
    "multi30k",
    "tfseq.datasets.multi30k:multi30k_corpus",
    "Multi30k, descriptions of images in English and German",
    kind="pairs",
    level="word",
    takes=("data_dir", "source_language"),
)

# takes: settings that the function is given beside the learning rate.
OPTIMIZERS = Table("optimizer", takes=())
OPTIMIZERS.add(
    "sgd", "tfseq.training.optimizers:FusedSGD", "gradient descent", takes=()
)
OPTIMIZERS.add("adam", "tfseq.training.optimizers:FusedAdam", "Adam", takes=())
OPTIMIZERS.add(
    "adamw",
    "tfseq.training.optimizers:FusedAdam",
    "Adam with `weight_decay`",
    takes=("weight_decay",),
)

# takes: what the function that builds a schedule is given beside the learning rate,
# settings or the lengths of the run and of an epoch in steps. reads: settings that the
# trainer reads for it.
SCHEDULES = Table("schedule", takes=(), reads=())
SCHEDULES.add(
    "constant",
    "tfseq.training.schedules:ConstantRate",
    "flat",
    takes=("warmup_steps",),
)
SCHEDULES.add(
    "exponential",
    "tfseq.training.schedules:exponential_decay",
    "times `decay_rate` every `decay_steps`",
    takes=("decay_rate", "decay_steps", "staircase"),
)
SCHEDULES.add(
    "per_epoch",
    "tfseq.training.schedules:PerEpochDecay",
    "flat for `flat_epochs`, then times `decay_rate` an epoch",
    takes=("decay_rate", "flat_epochs", "steps_per_epoch"),
)
SCHEDULES.add(
    "plateau",
    "tfseq.training.schedules:ConstantRate",
    "times `decay_rate` after `patience` validations without progress",
    takes=("warmup_steps",),
    reads=("decay_rate", "patience"),
)
SCHEDULES.add(
    "cosine",
    "tfseq.training.schedules:cosine_decay",
    "to zero at the last step, after `warmup_steps`; a run that is given more steps goes on "
    "at the rate of a run of that length",
    takes=("total_steps", "warmup_steps"),
)

STRATEGIES = Table("strategy")
STRATEGIES.add("none", "tfseq.machine.devices:one_device", "one device")
STRATEGIES.add(
    "mirrored",
    "tfseq.machine.devices:mirrored",
    "every GPU of the machine, or `num_devices`",
)
STRATEGIES.add(
    "multi_worker",
    "tfseq.machine.devices:multi_worker",
    "all workers that the environment variable TF_CONFIG names",
)
