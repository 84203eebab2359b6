"""The evaluation of a transducer: likelihoods of the right targets, and written ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from tfseq.decoding import Decoded, compile_decoding
from tfseq.errors import UsageError
from tfseq.machine.compiled import compiled
from tfseq.metrics import line_score, perplexity
from tfseq.pipelines import (
    ROWS_MULTIPLE,
    EncodedPairs,
    Vocabulary,
    evaluation_pairs,
    pair_order,
)
from tfseq.tasks.task import Data, Evaluation, Vocabularies
from tfseq.tasks.trained import Trained
from tfseq.tasks.transduction.attention_image import (
    attention_image,
    compile_attention,
    has_matplotlib,
    token_texts,
)
from tfseq.tasks.transduction.data import (
    PairPart,
    longest_targets,
    pairs_of_run,
    take_pairs,
)
from tfseq.tasks.transduction.settings import EvaluateOptions, ScoreOptions
from tfseq.tasks.transduction.target_metrics import (
    check_sacrebleu,
    has_sacrebleu,
    share_of_right,
    token_error_rate,
    translation_figures,
    word_accuracy,
)

EVALUATION_BATCH = 64
# Beginnings of targets that are continued at a time. With fewer each takes longer, for
# every product reads the whole kernel of the softmax.
ROWS_AT_A_TIME = 256
NUM_SAMPLES = 5
NUM_IMAGES = 3


def compile_likelihoods(model: Any) -> Callable[[EncodedPairs], np.ndarray]:
    """Compiles a function from pairs to ln p of each target, float32 `[pairs]`.

    One call of a compiled loop reads all pairs, with the weights that the model has then.
    Pairs are read in batches of similar length; a result does not depend on the other
    pairs.

    Args:
        model: the transducer.
    """

    @compiled(reduce_retracing=True)
    def read(dataset: tf.data.Dataset) -> tf.Tensor:
        array = tf.TensorArray(
            tf.float32, 0, dynamic_size=True, infer_shape=False, element_shape=[None]
        )
        index = tf.constant(0)
        for batch in dataset:
            array = array.write(index, model.log_likelihoods(batch))
            index += 1
        return array.concat()

    def likelihoods(pairs: EncodedPairs) -> np.ndarray:
        size = min(EVALUATION_BATCH, len(pairs))
        found = read(evaluation_pairs(pairs, size)).numpy()
        own = np.empty(len(pairs), np.float32)
        own[pair_order(pairs)] = found[: len(pairs)]  # The rest fills up a batch.
        return own

    return likelihoods


def writing_batch(num_texts: int, width: int) -> int:
    """Returns the number of sources in a batch whose targets are written.

    It is a power of two, so that cores may share a batch and halves of it.

    Args:
        num_texts: the number of all sources, at least one.
        width: the beginnings that are kept of each target.
    """
    wanted = min(num_texts, ROWS_AT_A_TIME // width)
    return max(1 << max(wanted - 1, 0).bit_length(), ROWS_MULTIPLE)


def compile_writing(
    model: Any,
    settings: Any,
    *,
    width: int = 1,
    num_best: int = 1,
    length_penalty: float = 0.0,
    scored: bool = True,
    forbidden: int | None = None,
) -> Callable[[tf.Tensor, tf.Tensor], Decoded]:
    """Compiles a function from sources to the targets that a model writes.

    Args:
        model: the transducer.
        settings: the settings of the run.
        width: the beginnings that beam search keeps; 1 writes the most probable token
            each time.
        num_best: the targets wanted of each source, `width` or fewer.
        length_penalty: the exponent of length normalisation.
        scored: whether log-probabilities and scores are wanted; see `compile_decoding`.
        forbidden: a token that is never written (`<unk>`), or None.

    Returns:
        A function of sources, ids `[texts, time]`, and their lengths `[texts]`.
    """
    decode = compile_decoding(
        model,
        width=width,
        num_best=num_best,
        length_penalty=length_penalty,
        scored=scored,
        forbidden=forbidden,
        num_texts=EVALUATION_BATCH,
    )

    @compiled(reduce_retracing=True)
    def write(sources: tf.Tensor, lengths: tf.Tensor) -> Decoded:
        limits = longest_targets(settings, lengths)
        return decode(model.encode(sources, lengths), limits)

    return write


def write_targets(
    write: Callable[[tf.Tensor, tf.Tensor], Decoded],
    pairs: EncodedPairs,
    vocabulary: Vocabulary,
    *,
    width: int = 1,
) -> list[str]:
    """Returns the best target of each source of some pairs.

    Args:
        write: made by `compile_writing`.
        pairs: the pairs.
        vocabulary: the tokens of targets.
        width: the beginnings that it keeps of each target.
    """
    written = [""] * len(pairs)
    places = iter(pair_order(pairs))
    for sources, lengths, *_ in evaluation_pairs(
        pairs, writing_batch(len(pairs), width)
    ):
        decoded = write(sources, lengths)
        # The rows that fill up the last batch have no place.
        rows = zip(decoded.ids.numpy(), decoded.lengths.numpy(), places, strict=False)
        for ids, counts, place in rows:
            written[place] = vocabulary.decode(ids[0, : counts[0]])
    return written


class TransducerEvaluation:
    """The evaluation of a transducer on parts of its data.

    Its figures:

    - `loss`, the mean of -ln p of a token, the end among them, in nats; `perplexity`;
    - `accuracy`, the share of targets that are written without a fault; where a source has
      several right targets, it is read once, and each of them is right;
    - `word_accuracy` for texts of characters: the share of words that are right;
    - where sources have several right targets, `word_error_rate` (1 - `accuracy`) and
      `phoneme_error_rate`, the edit distance to the nearest of them in tokens: such data
      are dictionaries of pronunciations, and these are the names of their figures in
      publications;
    - for targets of words and sub-words `bleu` and `chrf`, if they are asked for.

    Args:
        model: the transducer.
        vocabularies: its vocabularies.
        settings: the settings of the run.
        width: the beginnings that beam search keeps; 1 for none.
        length_penalty: the exponent of length normalisation.
    """

    def __init__(
        self,
        model: Any,
        vocabularies: Vocabularies,
        settings: Any,
        *,
        width: int = 1,
        length_penalty: float = 0.0,
    ):
        self.model = model
        self._vocabulary = vocabularies["tokens"]
        self._likelihoods = compile_likelihoods(model)
        self._write = compile_writing(
            model,
            settings,
            width=width,
            length_penalty=length_penalty,
            scored=width > 1,
            forbidden=self._vocabulary.unknown_id,
        )
        self._width = width

    def figures(self, part: PairPart, tokenizer: str | None = None) -> dict[str, Any]:
        """Returns the figures of a part of the data.

        Args:
            part: the part.
            tokenizer: how BLEU cuts texts, see `translation_figures`; None for no BLEU.
        """
        loss = -float(self._likelihoods(part.pairs).sum(dtype=np.float64))
        loss /= int(part.pairs.target_lengths.sum())
        places, right = part.questions()
        written = self.write(part, places)
        level = self._vocabulary.level
        figures = {
            "loss": loss,
            "perplexity": perplexity(loss),
            "accuracy": share_of_right(written, right, level),
        }
        if level == "character":
            figures["word_accuracy"] = word_accuracy(written, right)
        if part.references is not None:
            figures["word_error_rate"] = 1.0 - figures["accuracy"]
            figures["phoneme_error_rate"] = token_error_rate(written, right, level)
        if tokenizer is not None:
            first = [targets[0] for targets in right]
            figures.update(translation_figures(written, first, tokenizer))
        return figures

    def write(self, part: PairPart, places: np.ndarray) -> list[str]:
        """Returns what the model writes for the sources at these places of a part."""
        pairs = take_pairs(part.pairs, places)
        return write_targets(self._write, pairs, self._vocabulary, width=self._width)


def build_evaluations(
    evaluation: TransducerEvaluation, data: Data, settings: Any
) -> Mapping[str, Callable[[], Evaluation]]:
    """Returns functions that evaluate the model on the pairs held out."""
    tokenizer = "none" if settings.monitor == "bleu" else None

    def on(name: str) -> Callable[[], Evaluation]:
        part, images = data.splits[name], None
        if name == "valid" and evaluation.model.attends and has_matplotlib():
            images = build_images(evaluation.model, data)

        def evaluate() -> Evaluation:
            figures = evaluation.figures(part, tokenizer)
            numbers = {k: v for k, v in figures.items() if not isinstance(v, str)}
            return Evaluation(numbers, images=images() if images else {})

        return evaluate

    return {name: on(name) for name in ("valid", "test") if name in data.splits}


def build_images(model: Any, data: Data) -> Callable[[], dict[str, np.ndarray]]:
    """Returns a function that draws the attention of a few validation pairs.

    Args:
        model: the transducer, which attends.
        data: its data.
    """
    part = data.splits["valid"]
    places = some_places(part, NUM_IMAGES)
    pairs = take_pairs(part.pairs, places)
    attend = compile_attention(model)

    def draw() -> dict[str, np.ndarray]:
        images = {}
        for number, weights in enumerate(attend(pairs)):
            tokens = [
                token_texts(
                    part.texts[places[number]][side],
                    ids[starts[number] : starts[number + 1]],
                    data.vocabularies[name],
                )
                for side, name, ids, starts in (
                    (0, "sources", pairs.sources, pairs.source_starts),
                    (1, "tokens", pairs.targets, pairs.target_starts),
                )
            ]
            images[f"attention/{number}"] = attention_image(weights, *tokens)
        return images

    return draw


def build_sampler(
    evaluation: TransducerEvaluation, data: Data
) -> Callable[[int], list[str]] | None:
    """Returns a function from the step to what is written for some validation sources."""
    part = data.splits.get("valid")
    if part is None:
        return None
    places = some_places(part, NUM_SAMPLES)

    def sample(step: int) -> list[str]:
        del step  # The most probable tokens are written.
        lines = []
        for place, written in zip(places, evaluation.write(part, places), strict=True):
            source, target = part.texts[place]
            lines += [f"source   {source}", f"written  {written}", f"target   {target}"]
        return lines

    return sample


def some_places(part: PairPart, count: int) -> np.ndarray:
    """Returns the places of up to `count` pairs, equally far from each other."""
    count = min(count, len(part.pairs))
    return np.arange(count) * len(part.pairs) // count


def evaluate(trained: Trained, options: EvaluateOptions) -> dict[str, Any]:
    """Returns figures of a trained transducer, with the number of written targets.

    Raises:
        UsageError: the run's data have changed, or have no such part; BLEU is asked for
            and cannot be computed.
        DataError: data are damaged.
    """
    part = pairs_of_run(trained, options)
    evaluation = TransducerEvaluation(
        trained.model,
        trained.vocabularies,
        trained.settings,
        width=options.beam_width,
        length_penalty=options.length_penalty,
    )
    return {
        "predictions": len(part.questions()[0]),
        **evaluation.figures(part, _tokenizer(trained, part, options)),
    }


def _tokenizer(
    trained: Trained, part: PairPart, options: EvaluateOptions
) -> str | None:
    """Returns how BLEU cuts the targets; None where they are no translations."""
    level = trained.vocabulary.level
    tokenizer = options.bleu_tokenizer
    if level == "character" or part.references is not None:
        if tokenizer != "none":
            raise UsageError(
                f"`bleu_tokenizer`={tokenizer}: found targets that BLEU does not measure, "
                "characters or pronunciations; leave it out"
            )
        return None
    if tokenizer != "none":
        check_sacrebleu(f"`bleu_tokenizer`={tokenizer}")
    elif not has_sacrebleu():
        logging.warning(
            "BLEU and chrF are left out: found no package sacrebleu; install "
            "'tfseq[translation]' for them"
        )
        return None
    return tokenizer


def score_pairs(trained: Trained, options: ScoreOptions) -> Iterator[dict[str, Any]]:
    """Yields ln p of the target of each pair of a part of the run's data.

    Raises:
        UsageError: the run's data have changed, or have no such part.
        DataError: data are damaged.
    """
    part = pairs_of_run(trained, options)
    parts = (
        part.texts,
        part.pairs.numbers,
        part.pairs.target_lengths,
        compile_likelihoods(trained.model)(part.pairs),
    )
    for (source, target), number, count, likelihood in zip(*parts, strict=True):
        yield {
            **line_score(int(number) + 1, int(count), float(likelihood)),
            "text": source,
            "target": target,
        }
