"""Texts that a trained language model writes: by sampling or by beam search."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from absl import logging

from tfseq.decoding import (
    Greedy,
    Rule,
    Sampling,
    compile_beam_search,
    compile_reading,
    compile_sampling,
    compile_writing,
    tokens_per_call,
)
from tfseq.errors import UsageError
from tfseq.pipelines import TokenFile, Vocabulary, fit_text
from tfseq.pipelines.byte_pairs import WORD_MARK
from tfseq.tasks.language_modeling.model import LanguageModel
from tfseq.tasks.language_modeling.settings import SampleOptions
from tfseq.tasks.trained import Trained

NUM_SAMPLES = 5
# Tokens of a sample and of the prompt at its beginning.
CHARACTERS, WORDS = (80, 10), (40, 3)
SEARCHED_TOKENS = 1 << 16  # For places at which samples may begin.
PART_SECONDS = 0.1  # The most that a part of a text takes which is shown at once.
MOST_LOGITS = 1 << 26  # Of one token of all texts: 256 MB of float32.
MOST_FOUND = 1 << 26  # Tokens of all beginnings of a beam search, held to its end.


def build_sampler(
    model: LanguageModel, vocabulary: Vocabulary, text: TokenFile, seed: int
) -> Callable[[int], list[str]]:
    """Returns a function from the step to a few texts; equal steps give equal texts.

    Args:
        model: the language model.
        vocabulary: its vocabulary.
        text: the text from which the beginnings are taken, the same at all steps.
        seed: the seed of the choice.
    """
    length, prompted = CHARACTERS if vocabulary.level == "character" else WORDS
    prompts = find_beginnings(text, vocabulary, prompted)
    sample = compile_sampling(
        model,
        NUM_SAMPLES,
        length - prompts.shape[1],
        forbidden=vocabulary.unknown_id,
        prompts=prompts,
    )

    def sample_at(step: int) -> list[str]:
        rows = sample(tf.constant([seed, step], tf.int32), tf.constant(1.0)).numpy()
        rows = np.concatenate([prompts, rows], axis=1)
        return [vocabulary.decode(row).replace("\n", "\u23ce") for row in rows]

    return sample_at


def find_beginnings(text: TokenFile, vocabulary: Vocabulary, length: int) -> np.ndarray:
    """Returns the first tokens of some lines of a text, of those that are long enough.

    Where it has too few such lines, they begin words, and where it has too few words, they
    begin anywhere.

    Args:
        text: the text.
        vocabulary: its vocabulary.
        length: tokens of a beginning; a text that is shorter gives fewer.

    Returns:
        Ids `[NUM_SAMPLES, length]`.
    """
    ids = text.read(0, min(text.num_tokens, SEARCHED_TOKENS)).astype(np.int32)
    length = min(length, len(ids))
    windows = np.lib.stride_tricks.sliding_window_view(ids, length)
    marks = [vocabulary.line_end_id, vocabulary.unknown_id]
    whole = ~np.isin(windows, [mark for mark in marks if mark is not None]).any(axis=1)
    # The first window is left out: the part may begin in the middle of a word.
    before, whole = ids[: len(windows) - 1], whole[1:]
    if vocabulary.level == "character":
        spaces = [i for i, token in enumerate(vocabulary.tokens) if token.isspace()]
        begins_word = np.isin(before, spaces)
    else:
        begins_word = vocabulary.begins_word[ids[1 : len(windows)]]
    for found in (before == vocabulary.line_end_id, begins_word):
        places = np.flatnonzero(found & whole) + 1
        if len(places) >= NUM_SAMPLES:
            break
    else:
        places = np.arange(len(windows))
    return windows[places[np.linspace(0, len(places) - 1, NUM_SAMPLES).astype(int)]]


def encode_prompt(vocabulary: Vocabulary, prompt: str) -> list[int]:
    """Returns the ids of a prompt.

    What is not in the vocabulary is read as `<unk>`, or left out where there is none, with
    a warning. An empty prompt has the id of a line end, or of the first token if the
    vocabulary has no line end.
    """
    fitted, note = fit_text(prompt, vocabulary, "prompt")
    if note:
        logging.warning("%s", note)
    ids = vocabulary.encode(fitted, "`prompt`").tolist()
    return ids or [vocabulary.line_end_id or 0]


def last_written(prompt: str, ids: list[int]) -> list[int]:
    """Returns the token that a text goes on behind; none where no space is missing.

    Args:
        prompt: the prompt.
        ids: its tokens.
    """
    return ids[-1:] if prompt and not prompt[-1].isspace() else []


def continuation(vocabulary: Vocabulary, before: list[int], row: list[int]) -> str:
    """Returns the text of tokens that follow others.

    Args:
        vocabulary: the vocabulary.
        before: ids of the tokens before them, which decide whether a space comes first.
        row: ids of the tokens.
    """
    return vocabulary.decode([*before, *row])[len(vocabulary.decode(before)) :]


def write_texts(trained: Trained, options: SampleOptions) -> Iterator[list[str]]:
    """Yields the next part of each of `num_samples` texts.

    Of a single text the first part is one token, and the others take about a tenth of a
    second at most. Equal seeds give equal texts, and a text depends neither on the number
    of texts nor on where parts end. A text ends where `stop_at` occurs in it. Writing ends
    when all texts have ended.

    Raises:
        UsageError: the prompt does not fit, or the texts need too much memory.
    """
    vocabulary, num_samples = trained.vocabulary, options.num_samples
    ids = encode_prompt(vocabulary, options.prompt)
    check_memory("num_samples", num_samples, vocabulary)
    rule = Greedy()
    if not options.greedy:
        rule = Sampling(
            temperature=options.temperature, top_k=options.top_k, top_p=options.top_p
        )
    read, write = _compile_once(trained.model, rule, vocabulary.unknown_id, num_samples)
    prompted = read(tf.constant([ids], tf.int32))
    written = tf.nest.map_structure(
        lambda part: tf.repeat(part, num_samples, axis=0), prompted
    )
    before = last_written(options.prompt, ids)
    spellings = [Spelling(vocabulary, before) for _ in range(num_samples)]
    endings = [Ending(options.stop_at) for _ in range(num_samples)]
    seed, place = tf.constant([options.seed, 0]), 0
    shown = num_samples == 1  # Only a single text is shown while it is written.
    count = 1 if shown else tokens_per_call(len(vocabulary))
    while place < options.length:
        start = time.monotonic()
        count = min(count, options.length - place)
        more, written = write(written, seed, tf.constant(place), tf.constant(count))
        rows = more.numpy().tolist()
        place += len(rows[0])
        if shown:
            count = next_count(count, time.monotonic() - start, len(vocabulary))
        is_last = place == options.length
        yield [
            ending.cut(spelling.add(row, is_last=is_last))
            for ending, spelling, row in zip(endings, spellings, rows, strict=True)
        ]
        if all(ending.reached for ending in endings):
            return


def next_count(count: int, seconds: float, vocabulary_size: int) -> int:
    """Returns how many tokens the next part of a text has, so that its reader need not wait.

    Args:
        count: tokens of the last part.
        seconds: the time that it took.
        vocabulary_size: tokens that the model knows.
    """
    if seconds > PART_SECONDS:
        return max(count // 2, 1)
    if seconds < PART_SECONDS / 2:
        return min(2 * count, tokens_per_call(vocabulary_size))
    return count


@functools.lru_cache(maxsize=1)
def _compile_once(
    model: LanguageModel, rule: Rule, forbidden: int | None, num_texts: int
) -> tuple[Callable, Callable]:
    """Compiles reading and writing; again only for another model or other options."""
    write = compile_writing(model, rule, forbidden, num_texts=num_texts)
    return compile_reading(model), write


def check_memory(name: str, texts: int, vocabulary: Vocabulary) -> None:
    """Raises `UsageError` if so many texts are more than memory should hold side by side.

    Args:
        name: of the option that says how many.
        texts: the number of texts.
        vocabulary: the vocabulary.
    """
    most = MOST_LOGITS // len(vocabulary)
    if texts > most:
        raise UsageError(
            f"`{name}`={texts}: found a vocabulary of {len(vocabulary):,}, expected at most "
            f"{most:,} texts side by side; ask for fewer"
        )


class Spelling:
    """Spells a text that is written part by part, the same wherever its parts end.

    Args:
        vocabulary: the vocabulary.
        before: ids of the tokens before the text, as `last_written` returns them.
    """

    def __init__(self, vocabulary: Vocabulary, before: list[int]):
        self._vocabulary = vocabulary
        self._before = before
        self._held: list[int] = []

    def add(self, row: list[int], *, is_last: bool) -> str:
        """Returns the text of the next tokens, some of which may wait for the next part.

        Args:
            row: ids of the tokens.
            is_last: whether no others follow.
        """
        ids, count = [*self._held, *row], 0
        if self._vocabulary.level == "subword" and not is_last:
            # A space is spelled when it is known that no line end follows, which takes it.
            tokens = self._vocabulary.tokens
            while count < len(ids) and tokens[ids[-count - 1]] == WORD_MARK:
                count += 1
        shown, self._held = ids[: len(ids) - count], ids[len(ids) - count :]
        text = continuation(self._vocabulary, self._before, shown)
        self._before = shown[-1:] or self._before
        return text


class Ending:
    """Finds the end of a text that is written part by part: where a string occurs in it.

    Args:
        stop_at: the string, or None for no end.

    Attributes:
        reached: whether the text has ended.
    """

    def __init__(self, stop_at: str | None):
        self.stop_at = stop_at
        self.reached = False
        self._text = ""

    def cut(self, part: str) -> str:
        """Returns the next part, cut off at the end of the text."""
        if self.reached or not self.stop_at:
            return "" if self.reached else part
        before = len(self._text)
        self._text += part
        place = self._text.find(self.stop_at, max(before - len(self.stop_at), 0))
        if place < 0:
            return part
        self.reached = True
        return self._text[before : place + len(self.stop_at)]


def search_texts(trained: Trained, options: SampleOptions) -> list[tuple[str, float]]:
    """Returns the most probable continuations by beam search, with ln p of each.

    Raises:
        UsageError: the prompt does not fit, or there is no `beam_width`.
    """
    if not options.beam_width:
        raise UsageError("`beam_width`=0: expected at least 1; give `beam_width`=10")
    vocabulary = trained.vocabulary
    ids = encode_prompt(vocabulary, options.prompt)
    check_memory("beam_width", options.beam_width, vocabulary)
    most = MOST_FOUND // options.beam_width
    if options.length > most:
        raise UsageError(
            f"`length`={options.length}: found `beam_width`={options.beam_width}, expected "
            f"at most {most:,} tokens beside it; lower one of them"
        )
    written = compile_reading(trained.model)(tf.constant([ids], tf.int32))
    search = compile_beam_search(
        trained.model,
        options.beam_width,
        options.length,
        forbidden=vocabulary.unknown_id,
    )
    rows, scores = (part.numpy() for part in search(written))
    last = last_written(options.prompt, ids)
    return [
        (continuation(vocabulary, last, row.tolist()), float(score))
        for row, score in zip(rows, scores, strict=True)
        if np.isfinite(score)
    ]
