"""The search for how a language model adapts best; what it finds is kept in the run folder."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.errors import DataError, UsageError
from tfseq.files import check_writable, write_atomically, writing
from tfseq.metrics import format_figure, perplexity
from tfseq.pipelines import (
    TokenFile,
    evaluation_unrollings,
    reading_token_files,
)
from tfseq.strict_json import read_json, write_json
from tfseq.tasks.language_modeling.adapted_evaluation import (
    ADAPTED_TIME,
    AdaptedEvaluation,
    compile_adapted_evaluation,
)
from tfseq.tasks.language_modeling.data import encode_text, part_of_run
from tfseq.tasks.language_modeling.dynamic_rule import DynamicRule
from tfseq.tasks.language_modeling.gradient_statistics import (
    root_mean_squares,
    weights_digest,
)
from tfseq.tasks.language_modeling.settings import EvaluateOptions
from tfseq.tasks.trained import Trained
from tfseq.training.console import ProgressBar, format_duration, note

FILE_NAME = "adaptation.json"
# Every second rate is tried first, until the next ones on both sides are worse.
START = 0.0005
RATES = tuple(START * 2 ** (power / 2) for power in range(-10, 21))
DECAYS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
TEMPERATURES = tuple(round(0.8 + 0.05 * place, 2) for place in range(13))
THETAS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
SHARES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
# Predictions of the validation text, at most, that are read in each try of dynamic evaluation,
# first and when rates are refined; and in the search for cache and temperature, whose
# settings are all tried at once.
COARSE, FINE = 10_000, 25_000
OTHERS = 100_000
SEARCHES = ("dynamic_search", "cache_search", "temperature_search")


def search_adaptation(trained: Trained, options: EvaluateOptions) -> EvaluateOptions:
    """Returns the options with the values that the searches find in their places.

    Dynamic evaluation comes first. Then one reading of the validation text, with the weights
    adapting as was found, tells the best settings of cache and temperature together. No
    other part of the data is read, but the training text for the statistics of gradients.

    Args:
        trained: the trained run.
        options: the options; they may ask for no search.

    Raises:
        UsageError: the run has no text for validation.
        DataError: data or what was kept are damaged.
    """
    kept = KeptSearches(trained)
    if options.dynamic_search:
        found = kept.result(
            ("dynamic_learning_rate", "dynamic_decay"),
            {"dynamic_unrollings": options.dynamic_unrollings},
            lambda: _search_dynamic(trained, options),
        )
        options = dataclasses.replace(options, dynamic_search=False, **found)
    names = ("temperature",) * options.temperature_search
    names += ("cache_theta", "cache_lambda") * options.cache_search
    if names:
        beside = {
            name: value
            for name, value in adaptation_of(options).items()
            if name not in names
        }
        found = kept.result(names, beside, lambda: _search_others(trained, options))
        options = dataclasses.replace(
            options, cache_search=False, temperature_search=False, **found
        )
    return options


def adaptation_of(options: EvaluateOptions) -> dict[str, float]:
    """Returns the options by name that say how the model adapts, but for searches."""
    names: tuple[str, ...] = ()
    if options.dynamic_learning_rate:
        names += ("dynamic_learning_rate", "dynamic_decay", "dynamic_unrollings")
    if options.cache_size:
        names += ("cache_size", "cache_theta", "cache_lambda")
    if options.temperature != 1 or options.temperature_search:
        names += ("temperature",)
    return {name: getattr(options, name) for name in names}


def unrolling_length(options: EvaluateOptions) -> int:
    """Returns the tokens that are read between two steps of dynamic evaluation, or at once."""
    if options.dynamic_learning_rate:
        return options.dynamic_unrollings
    return ADAPTED_TIME


def dynamic_rule(trained: Trained, options: EvaluateOptions) -> DynamicRule | None:
    """Returns the rule of dynamic evaluation; None if the weights do not adapt."""
    if not (options.dynamic_search or options.dynamic_learning_rate):
        return None
    return DynamicRule(trained.model, root_mean_squares(trained, options))


class KeptSearches:
    """The results of searches in a run folder, each for the weights that it was made with.

    Args:
        trained: the trained run.
    """

    def __init__(self, trained: Trained):
        self.path = trained.folder.path / FILE_NAME
        self._model = trained.model

    def result(
        self,
        names: Sequence[str],
        beside: Mapping[str, float],
        search: Callable[[], tuple[dict[str, float], float, int]],
    ) -> dict[str, float]:
        """Returns what a search finds, or has found before, by the names of options.

        Args:
            names: the options that are searched.
            beside: the options that the result depends on.
            search: returns the values by name, their loss and the number of predictions.

        Raises:
            DataError: the file is damaged or cannot be written.
        """
        key = {
            "weights": weights_digest(self._model),
            "searched": list(names),
            "beside": dict(beside),
        }
        entries = self._read()
        for entry in entries:
            if {name: entry[name] for name in key} == key:
                self._tell("found before", entry)
                return dict(entry["found"])
        with writing(self.path):
            check_writable(self.path.parent)  # Now, not after minutes of search.
        start = time.monotonic()
        found, loss, predictions = search()
        entry = {
            **key,
            "found": found,
            "valid_perplexity": perplexity(loss),
            "valid_predictions": predictions,
        }
        seconds = format_duration(time.monotonic() - start)
        self._tell(f"found in {seconds}", entry)
        write_atomically(self.path, write_json([*self._read(), entry], indent=2) + "\n")
        return found

    def _tell(self, how: str, entry: Mapping[str, Any]) -> None:
        note(
            f"{how}: {_as_text(entry['found'])}; perplexity "
            f"{format_figure(float(entry['valid_perplexity']), 3)} on "
            f"{entry['valid_predictions']:,} predictions of the validation text; kept in "
            f"{self.path}"
        )

    def _read(self) -> list[dict[str, Any]]:
        """Returns the entries of the file; none if it is not there."""
        try:
            entries = read_json(self.path.read_bytes())
            for entry in entries:
                numbers = [entry["found"][name] for name in entry["searched"]]
                numbers += [
                    float(entry["valid_perplexity"]),
                    entry["valid_predictions"],
                ]
                if not all(isinstance(number, int | float) for number in numbers):
                    raise TypeError("no number")
                if not {"weights", "beside"} <= entry.keys():
                    raise KeyError
                if entry["found"].keys() != set(entry["searched"]):
                    raise KeyError
                EvaluateOptions(cache_size=1, **entry["found"])  # Their ranges.
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.path}: {type(error).__name__}, expected the results of searches as "
                "JSON; remove the file, then they are searched anew"
            ) from None
        return entries


def _as_text(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:.4g}" for name, value in values.items())


def _search_dynamic(
    trained: Trained, options: EvaluateOptions
) -> tuple[dict[str, float], float, int]:
    """Finds learning rate and decay of dynamic evaluation, one after the other."""
    tokens = _validation(trained, options)
    rule = dynamic_rule(trained, options)
    evaluate_text = compile_adapted_evaluation(trained.model, rule=rule)
    losses: dict[tuple[int, float, float], float] = {}

    def loss_of(most: int, rate: float, decay: float) -> float:
        """Returns the loss on the first predictions; a try is made once."""
        dataset, count = _beginning(tokens, options.dynamic_unrollings, most)
        if (count, rate, decay) not in losses:
            values = {"dynamic_learning_rate": rate, "dynamic_decay": decay}
            title = f"try {len(losses) + 1}: {_as_text(values)}"
            rates = {"learning_rate": rate, "decay": decay}
            start = time.monotonic()
            found = read_with_bar(title, evaluate_text, tokens, dataset, **rates)
            # Weights that have left all bounds predict nothing.
            loss = float(np.nan_to_num(found, nan=np.inf).squeeze())
            losses[count, rate, decay] = loss
            seconds = format_duration(time.monotonic() - start)
            note(
                f"{title}: perplexity {_shown(loss)} on {count:,} predictions ({seconds})"
            )
        return losses[count, rate, decay]

    decay = options.dynamic_decay
    rate = climb(RATES[::2], START, lambda rate: loss_of(COARSE, rate, decay))
    decay = climb(DECAYS, decay, lambda decay: loss_of(COARSE, rate, decay))
    # The longer the text, the lower the best rate.
    rate = climb(RATES, rate, lambda rate: loss_of(FINE, rate, decay))
    found = {"dynamic_learning_rate": rate, "dynamic_decay": decay}
    _, count = _beginning(tokens, options.dynamic_unrollings, FINE)
    return found, loss_of(FINE, rate, decay), count


def _search_others(
    trained: Trained, options: EvaluateOptions
) -> tuple[dict[str, float], float, int]:
    """Finds the settings of the cache, the temperature, or both in one reading."""
    grid = {
        "temperatures": (options.temperature,),
        "thetas": (options.cache_theta,),
        "shares": (options.cache_lambda,),
    }
    names = []
    if options.temperature_search:
        grid["temperatures"] = TEMPERATURES
        names.append("temperature")
    if options.cache_search:
        grid.update(thetas=THETAS, shares=SHARES)
        names += ["cache_theta", "cache_lambda"]
    tokens = _validation(trained, options)
    most = FINE if options.dynamic_learning_rate else OTHERS
    dataset, predictions = _beginning(tokens, unrolling_length(options), most)
    evaluate_text = compile_adapted_evaluation(
        trained.model,
        rule=dynamic_rule(trained, options),
        cache_size=options.cache_size,
        **grid,
    )
    title = (
        f"{' and '.join(names)}: {math.prod(map(len, grid.values()))} settings at once"
    )
    note(f"{title}, on {predictions:,} predictions of the validation text")
    losses = read_adapting(title, evaluate_text, tokens, dataset, options=options)
    losses = np.nan_to_num(losses, nan=np.inf)
    best = np.unravel_index(losses.argmin(), losses.shape)
    values = {
        "temperature": grid["temperatures"][best[0]],
        "cache_theta": grid["thetas"][best[1]],
        "cache_lambda": grid["shares"][best[2]],
    }
    _note_best_of_each(losses, grid)
    return {name: values[name] for name in names}, float(losses[best]), predictions


def _note_best_of_each(losses: np.ndarray, grid: Mapping[str, Sequence[float]]) -> None:
    """Prints the best perplexity with each value that was tried of each setting."""
    for axis, (name, values) in enumerate(grid.items()):
        if len(values) > 1:
            others = tuple(other for other in range(3) if other != axis)
            best = losses.min(axis=others)
            shown = ", ".join(
                f"{value:g}: {_shown(loss)}"
                for value, loss in zip(values, best, strict=True)
            )
            note(f"best perplexity with each of the {name}: {shown}")


def _shown(loss: float) -> str:
    return format_figure(perplexity(loss), 3)


def _beginning(
    tokens: TokenFile, time_steps: int, most: int
) -> tuple[tf.data.Dataset, int]:
    """Returns the unrollings that hold a text's first `most` predictions, and their number."""
    dataset = evaluation_unrollings(tokens, 1, time_steps).take(-(-most // time_steps))
    return dataset, min(int(dataset.cardinality()) * time_steps, tokens.num_tokens - 1)


def _validation(trained: Trained, options: EvaluateOptions) -> TokenFile:
    search = next(name for name in SEARCHES if getattr(options, name))
    text = part_of_run(trained, options, "valid", search=search)
    return encode_text(trained, options, text)


def read_with_bar(
    title: str,
    evaluate_text: AdaptedEvaluation,
    tokens: TokenFile,
    dataset: tf.data.Dataset,
    **rates: float,
) -> np.ndarray:
    """Returns the losses of an evaluation, with a progress bar meanwhile."""
    total = int(dataset.cardinality())
    with (
        reading_token_files(tokens.path.parent),
        ProgressBar(title, total, unit="unrolling") as bar,
    ):
        return evaluate_text(dataset, advance=bar.advance, **rates)


def read_adapting(
    title: str,
    evaluate_text: AdaptedEvaluation,
    tokens: TokenFile,
    dataset: tf.data.Dataset,
    *,
    options: EvaluateOptions,
) -> np.ndarray:
    """Returns the losses of an evaluation with the rates of the options.

    Raises:
        UsageError: weights that adapt have left all bounds.
    """
    rates = {
        "learning_rate": options.dynamic_learning_rate,
        "decay": options.dynamic_decay,
    }
    losses = read_with_bar(title, evaluate_text, tokens, dataset, **rates)
    if options.dynamic_learning_rate and np.isnan(losses).all():
        raise UsageError(
            f"`dynamic_learning_rate`={options.dynamic_learning_rate:g}: found weights that "
            "grow beyond all bounds on this text, expected predictions; give a lower one, "
            "or `dynamic_search`"
        )
    return losses


def climb(
    ladder: Sequence[float], start: float, loss_of: Callable[[float], float]
) -> float:
    """Returns a value of a ladder that is better than both of its neighbours.

    Of values that are equally good the lower one is better.

    Args:
        ladder: the values, rising.
        start: the value to begin with; it may lie between two of the ladder.
        loss_of: the loss of a value; low is better.
    """
    ladder = sorted({*ladder, start})
    place = ladder.index(start)

    def rank(place: int) -> tuple[float, float]:
        return loss_of(ladder[place]), ladder[place]

    for direction in (1, -1):
        while 0 <= place + direction < len(ladder):
            if rank(place + direction) > rank(place):
                break
            place += direction
    return ladder[place]
