"""The evaluation of a language model: loss, perplexity and bits per character of a text.

The perplexity of sub-words is that of a piece. `word_perplexity` has the same sum of losses
over the number of words, and `character_perplexity` over that of characters, so that they can
be compared with the perplexities of words and of characters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfseq.machine.compiled import compiled
from tfseq.metrics import perplexity, token_metrics
from tfseq.pipelines import (
    TokenFile,
    Vocabulary,
    evaluation_unrollings,
    reading_token_files,
)
from tfseq.tasks.language_modeling.adaptation_search import (
    adaptation_of,
    dynamic_rule,
    read_adapting,
    search_adaptation,
    unrolling_length,
)
from tfseq.tasks.language_modeling.adapted_evaluation import (
    compile_adapted_evaluation,
)
from tfseq.tasks.language_modeling.data import (
    bits_per_byte,
    count_predicted_bytes,
    count_spelled,
    encode_text,
    text_to_read,
)
from tfseq.tasks.language_modeling.settings import EvaluateOptions
from tfseq.tasks.task import Evaluation
from tfseq.tasks.trained import Trained
from tfseq.training.console import format_duration, note

# The length of an unrolling. Each reads the kernel of the softmax once, and short ones would
# spend a fifth of their time on that. More than 128 steps are a while loop, which takes
# hardly longer than steps laid out in the graph and is compiled sooner.
EVALUATION_TIME = 400
# Unrollings that may be computed at the same time: a layer begins the next unrolling while
# the layers above it still compute this one.
PARALLEL_UNROLLINGS = 4

LanguageModelEvaluation = Callable[[tf.data.Dataset], dict[str, float]]


def compile_evaluation(
    model: Any, level: str, batch_size: int = 1
) -> LanguageModelEvaluation:
    """Compiles the evaluation of a language model on a whole text.

    The state starts at zero and is carried from unrolling to unrolling. One call of a
    compiled loop reads the whole text, with the weights that the model has then.

    Args:
        model: the language model.
        level: the kind of token, `character`, `word` or `subword`.
        batch_size: lanes of the data sets that will be given.

    Returns:
        A function of a data set of `(inputs, labels, weights)`, each `[batch, time]`,
        weight 1 on each token to predict and 0 on padding, that returns what
        `token_metrics` describes.
    """

    @compiled(reduce_retracing=True)
    def read(iterator: tf.data.Iterator) -> tuple[tf.Tensor, tf.Tensor]:
        state = model.initial_state(batch_size)
        total = tf.zeros([], tf.float64)
        count = tf.zeros([], tf.float64)
        for inputs, labels, weights in iterator:
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=PARALLEL_UNROLLINGS
            )
            losses = model.losses((inputs, labels, weights), state)
            state = losses.state
            total += tf.cast(losses.loss, tf.float64)
            count += tf.cast(losses.count, tf.float64)
        return total, count

    def evaluate(dataset: tf.data.Dataset) -> dict[str, float]:
        # A loop over the data set itself would not compute unrollings side by side.
        total, count = read(iter(dataset))
        return token_metrics(float(total) / max(float(count), 1.0), level)

    return evaluate


def build_evaluations(
    model: Any, texts: Mapping[str, TokenFile], vocabulary: Vocabulary
) -> Mapping[str, Callable[[], Evaluation]]:
    """Returns functions that evaluate the model on the texts held out, at batch 1."""
    evaluate_text = compile_evaluation(model, vocabulary.level)

    def on(split: str) -> Callable[[], Evaluation]:
        dataset = evaluation_unrollings(texts[split], 1, EVALUATION_TIME)
        spelled = _count_spelled(texts[split], vocabulary)

        def evaluation() -> Evaluation:
            figures = evaluate_text(dataset)
            figures.update(_spelled_figures(figures["loss"], texts[split], spelled))
            return Evaluation(figures)

        return evaluation

    return {split: on(split) for split in ("valid", "test") if split in texts}


def evaluate(trained: Trained, options: EvaluateOptions) -> dict[str, float]:
    """Returns metrics of a trained language model, with the number of predictions.

    The text is read at batch 1, and the state is carried on. For characters there are also
    bits per byte of UTF-8, by which texts in different scripts can be compared; for sub-words
    the numbers of words and characters and the perplexities of a word and of a character.

    Raises:
        UsageError: there is no such text, or it does not fit.
        DataError: data are damaged.
    """
    options = search_adaptation(trained, options)
    text = text_to_read(trained, options)
    tokens = encode_text(trained, options, text)
    figures = {"predictions": tokens.num_tokens - 1}
    with reading_token_files(tokens.path.parent):
        figures.update(_evaluate_tokens(trained, tokens, options))
    if trained.settings.level == "character":
        figures["bits_per_byte"] = bits_per_byte(
            figures["loss"] * figures["predictions"],
            count_predicted_bytes(text.splits[options.split].read()),
        )
    spelled = _count_spelled(tokens, trained.vocabulary)
    figures.update({f"{part}s": count for part, count in spelled.items()})
    figures.update(_spelled_figures(figures["loss"], tokens, spelled))
    return figures


def _count_spelled(text: TokenFile, vocabulary: Vocabulary) -> dict[str, int]:
    """Returns how many of each are predicted piece by piece; none at other levels."""
    if vocabulary.level != "subword":
        return {}
    return dict(
        zip(("word", "character"), count_spelled(text, vocabulary), strict=True)
    )


def _spelled_figures(
    loss: float, text: TokenFile, spelled: Mapping[str, int]
) -> dict[str, float]:
    """Returns the perplexity of a word and of a character, where pieces spell them.

    Args:
        loss: the mean loss of a piece.
        text: the text.
        spelled: how many words and characters there are; none is left out.
    """
    nats = loss * (text.num_tokens - 1)
    return {
        f"{part}_perplexity": perplexity(nats / count)
        for part, count in spelled.items()
        if count
    }


def _evaluate_tokens(
    trained: Trained, tokens: TokenFile, options: EvaluateOptions
) -> dict[str, float]:
    """Returns metrics of the model on a text, after the settings by which it adapts."""
    level, adaptation = trained.settings.level, adaptation_of(options)
    if not adaptation:
        evaluate_text = compile_evaluation(trained.model, level)
        return evaluate_text(evaluation_unrollings(tokens, 1, EVALUATION_TIME))
    evaluate_text = compile_adapted_evaluation(
        trained.model,
        rule=dynamic_rule(trained, options),
        cache_size=options.cache_size,
        temperatures=[options.temperature],
        thetas=[options.cache_theta],
        shares=[options.cache_lambda],
    )
    dataset = evaluation_unrollings(tokens, 1, unrolling_length(options))
    start = time.monotonic()
    losses = read_adapting(
        "adapted evaluation", evaluate_text, tokens, dataset, options=options
    )
    seconds = format_duration(time.monotonic() - start)
    note(f"adapted evaluation: {tokens.num_tokens - 1:,} predictions in {seconds}")
    return {**adaptation, **token_metrics(float(losses.squeeze()), level)}
