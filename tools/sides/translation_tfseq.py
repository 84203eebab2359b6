"""Translation with tfseq: training steps of the train command, and decoding."""

import tensorflow as tf

from sides.translation_work import (
    CLIP,
    LENGTH_PENALTY,
    RATE,
    SIZES,
    Sizes,
    Weights,
    decoding_batches,
    first_weights,
    make_pairs,
)
from sides.turns import take_turns
from sides.workloads import LOSS_STEPS
from tfseq import cells
from tfseq.decoding import compile_decoding
from tfseq.machine.compiled import compiled
from tfseq.machine.devices import configure_evaluation, configure_machine
from tfseq.pipelines import Vocabulary
from tfseq.tasks import Data, Settings, Task, create_task
from tfseq.tasks.transduction.data import PairPart
from tfseq.tasks.transduction.model import Transducer
from tfseq.training.learner import Learner
from tfseq.training.plan import build_plan
from tfseq.training.steps import no_totals


def build_task(sizes: Sizes) -> Task:
    """Returns the task of the recipe, in these sizes."""
    return create_task(
        Settings(
            dataset="multi30k",
            shared_vocabulary=True,
            batch_tokens=sizes.batch,
            units=sizes.units,
            embedding_size=sizes.embedding,
            bidirectional=True,
            tie_embeddings=True,
            dropout=sizes.dropout,
            label_smoothing=sizes.smoothing,
            optimizer="adam",
            learning_rate=RATE,
            max_gradient_norm=CLIP,
            schedule="constant",
        )
    )


def vocabularies_of(sizes: Sizes) -> dict[str, Vocabulary]:
    """Returns two vocabularies whose ids are those of the made-up pairs."""
    words = [f"w{number}" for number in range(sizes.tokens - 2)]
    vocabulary = Vocabulary(["<unk>", "<eos>", *words], "word")
    return {"tokens": vocabulary, "sources": vocabulary}


def set_weights(model: Transducer, weights: Weights) -> None:
    """Sets the weights that all sides start from."""
    for variable, values in (
        (model.source_inputs.embedding, weights.source_embedding),
        (model.inputs_layer.embedding, weights.target_embedding),
        (model.bridge, weights.bridge),
        (model.cell.key_kernel, weights.key_kernel),
        (model.cell.kernel, weights.attended_kernel),
    ):
        variable.assign(values)
    for cell, layer in (
        (model.encoder.cells[0], weights.ahead),
        (model.encoder.backward_cells[0], weights.back),
        (model.cell.cell, weights.decoder),
    ):
        cells.set_lstm_weights(cell, [cells.LayerWeights(*layer)])
    for bias in (model.bridge_bias, model.softmax.bias):
        bias.assign(tf.zeros_like(bias))


def build_model(sizes: Sizes) -> Transducer:
    """Returns the model with the first weights."""
    model = build_task(sizes).build_model(vocabularies_of(sizes))
    set_weights(model, first_weights(sizes))
    return model


def run(width: int | None) -> None:
    """Trains, or with a `width` translates by beam search."""
    if width is None:
        _train()
    else:
        _translate(width)


def _train() -> None:
    task = build_task(SIZES)
    devices = configure_machine(task.settings, task.lanes)
    train_part = PairPart(make_pairs(SIZES), None)
    data = Data("", vocabularies_of(SIZES), {"train": train_part})
    plan = build_plan(task.settings, task, data)
    learner = Learner(task, data, task.settings, devices=devices, plan=plan)
    set_weights(learner.model, first_weights(SIZES))
    iterator, state, step = iter(learner.batches(0)), learner.initial_state(), 0

    def train(count: int) -> dict:
        nonlocal state, step
        state, totals = learner.train(
            iterator, state, no_totals(), step=step, count=count
        )
        step += count
        tokens = float(totals.count)
        return {"tokens": tokens, "loss": float(totals.loss) / tokens}

    train(LOSS_STEPS)
    facts = {"loss": train(LOSS_STEPS)["loss"]}
    take_turns(lambda: train(SIZES.steps), **facts)


def _translate(width: int) -> None:
    configure_evaluation()
    model = build_model(SIZES)
    # The greedy loop of the others computes no probabilities either.
    decode = compile_decoding(
        model,
        width=width,
        length_penalty=LENGTH_PENALTY,
        scored=width > 1,
        num_texts=SIZES.decoded,
    )

    @compiled(reduce_retracing=True)
    def translate(sources, lengths, limits):
        return decode(model.encode(sources, lengths), limits)

    batches = decoding_batches(SIZES)

    def turn() -> dict:
        for batch in batches:
            translate(*batch).ids.numpy()
        return {"tokens": sum(int(batch.limits.sum()) for batch in batches)}

    turn()
    take_turns(turn)
