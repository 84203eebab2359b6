"""The composition: from the settings of a run to its data, model and trainer."""

import dataclasses
import os
import pathlib
from typing import Any

import keras
import tensorflow as tf

from tfseq import cells
from tfseq.configuration import Configuration
from tfseq.datasets import (
    TextCorpus,
    python_docs_corpus,
    text8_corpus,
    text_file_corpus,
)
from tfseq.datasets.sources import DATA_DIR_VARIABLE
from tfseq.errors import UsageError
from tfseq.inference import compile_evaluation, compile_sampling
from tfseq.models import LanguageModel, TokenInputs
from tfseq.pipelines import (
    PreparedCorpus,
    Vocabulary,
    endless_unrollings,
    epoch_unrollings,
    evaluation_unrollings,
    prepare_corpus,
    unrollings_per_epoch,
)
from tfseq.training.checkpoints import Checkpoints
from tfseq.training.memory import keep_freed_memory
from tfseq.training.optimizers import build_optimizer
from tfseq.training.plan import Parts, Plan
from tfseq.training.run_folder import RunFolder
from tfseq.training.schedules import Plateau, ScaledRate, build_schedule
from tfseq.training.steps import compile_steps
from tfseq.training.strategies import (
    build_strategy,
    choose_chains,
    gather_lanes,
    scatter_lanes,
    set_threads,
)
from tfseq.training.summaries import Summaries
from tfseq.training.trainer import Trainer

DEFAULT_STEPS = 2000
DEFAULT_EVALUATE_EVERY = 1000
NUM_SAMPLES = 5
SAMPLE_LENGTH = 80
CELLS = {
    "lstm_fused": cells.FusedGateLSTMCell,
    "lstm_separate": cells.SeparateGateLSTMCell,
    "gru_fused": cells.FusedGateGRUCell,
    "gru_separate": cells.SeparateGateGRUCell,
    "simple_rnn_fused": cells.FusedSimpleRNNCell,
    "simple_rnn_separate": cells.SeparateSimpleRNNCell,
}


def cache_folder(configuration: Configuration) -> pathlib.Path:
    """Where downloads and encoded texts lie."""
    if configuration.cache_dir:
        return pathlib.Path(configuration.cache_dir)
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "tfseq"


def locate(path: str | None, data_dir: str | None) -> str | None:
    """A text file named by a flag: as it is, or else inside the data folder."""
    data_dir = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not path or not data_dir or os.path.exists(path):
        return path
    inside = os.path.join(data_dir, path)
    return inside if os.path.exists(inside) else path


def build_corpus(configuration: Configuration) -> TextCorpus:
    """The text to learn, cut into training, validation and test."""
    data_dir = configuration.data_dir
    sizes = {
        "valid_size": configuration.valid_size,
        "test_size": configuration.test_size,
    }
    if configuration.dataset == "text8":
        return text8_corpus(
            data_dir=data_dir,
            cache_dir=str(cache_folder(configuration)),
            **sizes,
        )
    if configuration.dataset == "text":
        return text_file_corpus(
            locate(configuration.train_file, data_dir),
            valid_file=locate(configuration.valid_file, data_dir),
            test_file=locate(configuration.test_file, data_dir),
            skip_characters=configuration.skip_characters,
            **sizes,
        )
    return python_docs_corpus(**sizes)


def prepare(configuration: Configuration, corpus: TextCorpus) -> PreparedCorpus:
    """The corpus as id files in the cache, with its vocabulary."""
    return prepare_corpus(
        corpus.splits,
        fingerprint=corpus.fingerprint,
        alphabet=corpus.alphabet,
        level=configuration.level,
        cache_dir=str(cache_folder(configuration)),
    )


def build_initializers(configuration: Configuration) -> tuple[Any, Any]:
    """Initializers of the cells' kernels (and the softmax), and of recurrent kernels."""
    seed = keras.random.SeedGenerator(configuration.seed)
    mean, scale = configuration.initializer_mean, configuration.initializer_scale
    if configuration.initializer == "truncated_normal":
        initializer = keras.initializers.TruncatedNormal(mean, scale, seed)
        return initializer, initializer
    if configuration.initializer == "uniform":
        initializer = keras.initializers.RandomUniform(mean - scale, mean + scale, seed)
        return initializer, initializer
    return keras.initializers.GlorotUniform(seed), keras.initializers.Orthogonal(
        seed=seed
    )


def build_model(configuration: Configuration, vocabulary_size: int) -> LanguageModel:
    """The built language model that the settings describe."""
    kernel, recurrent = build_initializers(configuration)
    options = {"kernel_initializer": kernel, "recurrent_initializer": recurrent}
    if configuration.cell.startswith("lstm"):
        options["forget_bias"] = configuration.forget_bias
    input_dropout = configuration.input_dropout
    if input_dropout is None:
        input_dropout = configuration.dropout
    layers = []
    for index in range(configuration.num_layers):
        layer = CELLS[configuration.cell](configuration.units, **options)
        rate = configuration.dropout if index else input_dropout
        layers.append(cells.DropoutCell(layer, rate) if rate else layer)
    model = LanguageModel(
        TokenInputs(
            vocabulary_size,
            configuration.embedding_size,
            configuration.ngram,
            configuration.embedding_scale,
            configuration.seed,
        ),
        cells.StackedCell(layers) if len(layers) > 1 else layers[0],
        vocabulary_size,
        configuration.dropout,
        kernel,
    )
    model.build()
    return model


def configure_machine(
    configuration: Configuration,
) -> tuple[tf.distribute.Strategy, int]:
    """Sets threads, memory, precision; the strategy and the number of chains."""
    keep_freed_memory()
    replicas = (
        max(configuration.num_devices, 1) if configuration.strategy != "none" else 1
    )
    chains = choose_chains(
        configuration.chains, max(configuration.batch_size // replicas, 1)
    )
    set_threads(configuration.intra_op_threads, configuration.inter_op_threads, chains)
    keras.config.set_dtype_policy(
        "mixed_bfloat16" if configuration.precision == "bfloat16" else "float32"
    )
    tf.config.run_functions_eagerly(configuration.eager)
    strategy = build_strategy(configuration.strategy, configuration.num_devices)
    replicas = strategy.num_replicas_in_sync
    if configuration.batch_size % replicas:
        raise UsageError(
            f"--batch_size={configuration.batch_size}: found {replicas} devices, expected "
            "a batch that they divide evenly; change --batch_size or --num_devices"
        )
    if configuration.chains == 0:
        chains = choose_chains(0, configuration.batch_size // replicas)
    return strategy, chains


def build_plan(configuration: Configuration, num_tokens: int) -> Plan:
    """When things happen, in steps."""
    batch, time = configuration.batch_size, configuration.num_unrollings
    per_epoch = max(unrollings_per_epoch(num_tokens, batch, time), 1)
    if configuration.num_epochs:
        total = configuration.num_epochs * per_epoch
        evaluate_every = configuration.evaluate_every or per_epoch
    else:
        total = configuration.num_steps or DEFAULT_STEPS
        evaluate_every = configuration.evaluate_every or DEFAULT_EVALUATE_EVERY
    return Plan(
        total_steps=total,
        steps_per_epoch=per_epoch if configuration.num_epochs else None,
        tokens_per_step=batch * time,
        log_every=configuration.log_every,
        evaluate_every=evaluate_every,
        sample_every=configuration.sample_every,
        checkpoint_every=configuration.checkpoint_every or evaluate_every,
        steps_per_call=configuration.steps_per_call,
    )


def build_trainer(
    configuration: Configuration, folder: RunFolder, prepared: PreparedCorpus
) -> Trainer:
    """Model, optimizer, step loop and everything else that a run needs."""
    strategy, chains = configure_machine(configuration)
    vocabulary, texts = prepared.vocabulary, prepared.token_files
    batch, time = configuration.batch_size, configuration.num_unrollings
    plan = build_plan(configuration, texts["train"].num_tokens)
    read = epoch_unrollings if configuration.num_epochs else endless_unrollings
    read(texts["train"], batch, time)  # Refuses a text that is too short at once.
    schedule = build_schedule(
        configuration.schedule,
        configuration.learning_rate,
        plan.total_steps,
        plan.steps_per_epoch or plan.total_steps,
        configuration.decay_rate,
        configuration.decay_steps,
        configuration.staircase,
        configuration.flat_epochs,
        configuration.warmup_steps,
    )
    keras.utils.set_random_seed(configuration.seed)
    with strategy.scope():
        scale = tf.Variable(1.0, trainable=False)
        model = build_model(configuration, len(vocabulary))
        optimizer = build_optimizer(
            configuration.optimizer,
            ScaledRate(schedule, scale),
            configuration.weight_decay,
        )
        optimizer.build(model.trainable_variables)
    initial_state = model.initial_state(batch)

    def unrollings(step: int) -> Any:
        return strategy.experimental_distribute_dataset(
            read(texts["train"], batch, time, first_step=step)
        )

    evaluation = compile_evaluation(model)

    def evaluate(split: str) -> Any:
        if split not in texts or texts[split].num_tokens < 2:
            return None
        dataset = evaluation_unrollings(texts[split], 1, time)
        return lambda: evaluation(dataset)

    parts = Parts(
        model=model,
        step_loop=compile_steps(
            model,
            optimizer,
            strategy,
            batch,
            time,
            configuration.max_gradient_norm,
            configuration.seed,
            chains,
        ),
        unrollings=unrollings,
        initial_state=lambda: scatter_lanes(strategy, initial_state),
        gather_state=lambda state: gather_lanes(strategy, state),
        scatter_state=lambda state: scatter_lanes(strategy, state),
        learning_rate=lambda step: float(schedule(step)),
        scale=scale,
        plateau=Plateau(configuration.decay_rate, configuration.patience)
        if configuration.schedule == "plateau"
        else None,
        validate=evaluate("valid"),
        test=evaluate("test"),
        sample=build_sampler(model, vocabulary, configuration.seed)
        if configuration.sample_every
        else None,
        histograms=configuration.histograms,
        write_graph=configuration.write_graph and not configuration.eager,
    )
    checkpoints = Checkpoints(
        folder.checkpoints,
        model,
        optimizer,
        initial_state,
        configuration.keep_checkpoints,
    )
    settings = dataclasses.asdict(configuration)
    return Trainer(
        plan,
        parts,
        folder,
        checkpoints,
        lambda step: Summaries(folder.path, step, settings),
    )


def build_sampler(model: LanguageModel, vocabulary: Vocabulary, seed: int) -> Any:
    """A function from the step to a few sampled texts; the same step, the same texts."""
    sample = compile_sampling(model, NUM_SAMPLES, SAMPLE_LENGTH, vocabulary.unknown_id)

    def sample_at(step: int) -> list[str]:
        rows = sample(tf.constant([seed, step], tf.int32), tf.constant(1.0)).numpy()
        return [vocabulary.decode(row).replace("\n", "\u23ce") for row in rows]

    return sample_at


def train(configuration: Configuration) -> int:
    """Trains, or goes on training, in the configuration's run folder.

    Returns:
        The exit status of the command: 0, or 130 or 143 after a signal.

    Raises:
        UsageError: a setting, or the text, does not fit.
        DataError: data or checkpoints are damaged, or training failed.
    """
    configuration.check()
    folder = RunFolder(pathlib.Path(configuration.run_dir))
    corpus = build_corpus(configuration)
    folder.create()
    with folder.lock():
        settings = dataclasses.asdict(configuration)
        fixed = [
            field.name
            for field in dataclasses.fields(configuration)
            if field.metadata["fixed"]
        ]
        if folder.config_file.exists():
            folder.check_settings(settings, fixed, corpus.fingerprint)
        prepared = prepare(configuration, corpus)
        folder.write_config(settings, corpus.fingerprint)
        prepared.vocabulary.save(folder.vocabulary_file)
        return build_trainer(configuration, folder, prepared).run()
