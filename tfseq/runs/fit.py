"""Training a run: for a command, and from any Python program."""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from absl import logging

from tfseq.datasets.in_memory import (
    check_labelled,
    check_pairs,
    check_sentences,
    check_text,
    store_labelled,
    store_pairs,
    store_sentences,
    store_text,
)
from tfseq.datasets.kept_texts import copies_of, keep_streams, naming_originals
from tfseq.errors import UsageError
from tfseq.machine.devices import (
    Devices,
    build_devices,
    configure_process,
    graph_options,
)
from tfseq.machine.hardware import choose_precision
from tfseq.machine.threads import threads_are_set
from tfseq.machine.workers import Workers
from tfseq.pipelines import reading_token_files
from tfseq.runs.caller import CALLER_USES_TENSORFLOW, kept_random_numbers
from tfseq.runs.run import Run, load
from tfseq.tasks import Settings, create_task, read_settings
from tfseq.tasks.settings import (
    fixed_settings,
    resolve_data_paths,
    same_for_workers,
    ways_to_change,
)
from tfseq.tasks.trained import find_data_files, read_run_settings
from tfseq.training.run_folder import RunFolder, package_versions
from tfseq.training.trainer import Trainer


class InMemory(NamedTuple):
    """How data in memory become those of a run.

    Attributes:
        arguments: the names of the arguments of `fit` that give them.
        dataset: the data set that their file becomes.
        check: a function of these arguments that returns the data, or raises `UsageError`.
        store: a function of a folder and the data that writes a file and returns it.
    """

    arguments: tuple[str, ...]
    dataset: str
    check: Callable[..., Any]
    store: Callable[[pathlib.Path, Any], pathlib.Path]


IN_MEMORY = {
    kind.arguments[0]: kind
    for kind in (
        InMemory(("text",), "text", check_text, store_text),
        InMemory(
            ("texts", "labels"),
            "labelled",
            check_labelled,
            lambda folder, labelled: store_labelled(folder, *labelled),
        ),
        InMemory(("sentences",), "tagged", check_sentences, store_sentences),
        InMemory(("pairs",), "pairs", check_pairs, store_pairs),
    )
}


# The settings that name data for training.
TRAINING_DATA = ("dataset", "train_file", "source_file", "target_file")


def fit(
    settings: Settings | None = None,
    /,
    *,
    text: str | None = None,
    texts: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    sentences: Sequence[Sequence[tuple[str, str]]] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    verbose: bool = True,
    **values: Any,
) -> Run:
    """Trains a run, or goes on with it, and returns it with its best weights.

    The settings are those of the train command, by keyword. Data may be given in memory:
    one text, texts with their labels, tagged sentences, or pairs; they are kept in the run
    folder.

    The program that calls stays as it is: no exit, no signal handlers, no random state.
    Threads are set only where the program has not loaded TensorFlow before tfseq; where
    it has, call `configure` before TensorFlow's first operation for full speed.

    Args:
        settings: all settings in one record; without it they are given by keyword.
        text: a text to learn to write, in the place of `dataset` and `train_file`.
        texts: texts to learn to classify.
        labels: the label of each of `texts`, strings or whole numbers: `["sport", …]`.
        sentences: sentences to learn to tag, lists of pairs of a word and its tag.
        pairs: pairs of a source and its target, which is learned to be written.
        verbose: whether progress is shown.
        **values: settings by name, such as `units=128`; see `Settings`. Without `run_dir`
            the run is trained in a new temporary folder, which stays: `run.folder.path`.

    Raises:
        UsageError: a setting, or the data, does not fit.
        DataError: data or checkpoints are damaged, or training failed.

    Example:
        run = tfseq.fit(text=open("novel.txt").read(), units=128, num_steps=300)
        print(run.evaluate("test")["perplexity"])
        for text in run.sample(prompt="The ", num_samples=3, length=100):
            print(text)
    """
    data = {
        "text": text,
        "texts": texts,
        "labels": labels,
        "sentences": sentences,
        "pairs": pairs,
    }
    given = [name for name, value in data.items() if value is not None]
    if settings is None:
        settings = _settings_with_data(values, given, data)
    elif not isinstance(settings, Settings):
        raise UsageError(
            f"`settings`: found {type(settings).__name__}, expected a record of settings; "
            "give data and settings by keyword, such as fit(text=…, units=128)"
        )
    elif values or given:
        raise UsageError(
            f"`{[*values, *given][0]}`: found beside a record of settings, expected one of "
            "them; use dataclasses.replace on the record, or keywords alone"
        )
    settings.check()
    lanes = create_task(settings).lanes
    begun_chains = read_chains(settings)
    if not CALLER_USES_TENSORFLOW:
        configure_process(settings, lanes, begun_chains=begun_chains)
    elif verbose and not threads_are_set():
        logging.warning(
            "TensorFlow was loaded before `tfseq.fit`, so its threads stay as they are; call "
            "tfseq.configure() before TensorFlow's first operation to train faster"
        )
    originals = {settings.train_file: f"`{given[0]}`"} if given else {}
    with (
        kept_random_numbers(),
        graph_options(settings),
        naming_originals(originals),
    ):
        devices = build_devices(settings, lanes, begun_chains=begun_chains)
        _train(settings, devices, verbose=verbose)
        return load(settings.run_dir)


def _settings_with_data(
    values: dict[str, Any], given: Sequence[str], data: dict[str, Any]
) -> Settings:
    """Returns the settings that are given by keyword, with the data in memory stored."""
    named = [name for name in TRAINING_DATA if values.get(name) is not None]
    if ("texts" in given) != ("labels" in given):
        raise UsageError("`texts`, `labels`: found one of them, expected both or none")
    if (named and given) or (len(given) > 1 and given != ["texts", "labels"]):
        raise UsageError(
            f"{', '.join(f'`{name}`' for name in [*given, *named])}: found more than one "
            "kind of data, expected one; leave the others out"
        )
    if given:
        kind = IN_MEMORY[given[0]]
        checked = kind.check(*(data[name] for name in kind.arguments))
        own = {"dataset": kind.dataset, "train_file": given[0]}
    else:
        own = {"dataset": "text"} if named == ["train_file"] else {}
    settings = read_settings({"run_dir": "new", **values, **own})
    # Nothing is written before the settings are known to be right.
    if "run_dir" not in values:
        folder = tempfile.mkdtemp(prefix="tfseq-")
        settings = dataclasses.replace(settings, run_dir=folder)
    if not given:
        return settings
    RunFolder(pathlib.Path(settings.run_dir)).create()
    folder = pathlib.Path(settings.run_dir).resolve() / "data"
    path = kind.store(folder, checked)
    return dataclasses.replace(settings, train_file=str(path))


def configure(settings: Settings | None = None, /, **values: Any) -> None:
    """Sets threads and memory of the process as training wants them.

    Commands do it by themselves, and `fit` does where nothing else uses TensorFlow. It
    must be called before TensorFlow's first operation; after that it warns and sets
    nothing.

    Args:
        settings: the settings of the run to come; without it they are given by keyword.
        **values: settings by name: `batch_size`, `units`, `chains`, `intra_op_threads`
            and `inter_op_threads` matter, and `run_dir` if a run there is to go on.

    Example:
        tfseq.configure(batch_size=32, units=64)  # Before anything else uses TensorFlow.
    """
    goes_on = settings is not None or "run_dir" in values
    settings = read_settings(values) if settings is None else settings
    lanes = create_task(settings).lanes
    begun_chains = read_chains(settings) if goes_on else 0
    if not configure_process(settings, lanes, begun_chains=begun_chains):
        logging.warning(
            "configure: TensorFlow has started already, so its threads stay as they are; "
            "call it before the first operation"
        )


def train(settings: Settings) -> int:
    """Trains, or goes on training, as the train command does: the process is its own.

    Threads and memory are set, and SIGINT and SIGTERM save the run before they end it.

    Args:
        settings: the settings of the run.

    Returns:
        The exit status of the command: 0, or 130 or 143 after a signal.

    Raises:
        UsageError: a setting, or the data, does not fit.
        DataError: data or checkpoints are damaged, or training failed.

    Example:
        train(Settings(dataset="python_docs", num_steps=100, run_dir="runs/docs"))
    """
    settings.check()
    lanes = create_task(settings).lanes
    # Before anything else: devices and threads are fixed by the first operation.
    begun_chains = read_chains(settings)
    configure_process(settings, lanes, begun_chains=begun_chains)
    with graph_options(settings):
        devices = build_devices(settings, lanes, begun_chains=begun_chains)
        return _train(settings, devices, handle_signals=True)


def read_chains(settings: Settings) -> int:
    """Returns the chains that the run in `run_dir` began with; 0 if there is none."""
    return RunFolder(pathlib.Path(settings.run_dir)).read_chains()


def _train(
    settings: Settings,
    devices: Devices,
    *,
    handle_signals: bool = False,
    verbose: bool = True,
) -> int:
    given = resolve_data_paths(settings)
    settings = keep_streams(given)
    with naming_originals(copies_of(given, settings)):
        return _train_on_files(
            settings, devices, handle_signals=handle_signals, verbose=verbose
        )


def _train_on_files(
    settings: Settings, devices: Devices, *, handle_signals: bool, verbose: bool
) -> int:
    folder = RunFolder(pathlib.Path(settings.run_dir))
    settings = settle_precision(settings, folder)
    if folder.config_file.exists():
        # Whether they are the run's data is seen by the fingerprint.
        settings, _ = find_data_files(settings, folder.path)
    workers = Workers(devices.strategy)
    workers.check_equal(compared_by_workers(settings))
    task = create_task(settings)
    data = workers.together(task.load_data)
    workers.check_equal({"the fingerprint of the data": data.fingerprint[:12]})

    def check_folder() -> None:
        check_same_run(settings, folder, data.fingerprint)

    # Nothing is written before the whole run is known to be right.
    workers.by_chief(check_folder)
    if data.note and verbose and workers.is_chief:
        logging.warning("%s", data.note)
    with (
        workers.watched(),
        reading_token_files(data.origin or "memory"),
        contextlib.ExitStack() as stack,
    ):
        changing = dict.fromkeys(ways_to_change(settings).values(), False)
        trainer = Trainer(
            *(task, data, dataclasses.replace(settings, **changing)),
            devices=devices,
            folder=folder,
            verbose=verbose,
        )

        def open_folder() -> None:
            folder.create()
            stack.enter_context(folder.lock())
            check_folder()

        workers.by_chief(open_folder)
        return trainer.run(handle_signals=handle_signals)


def settle_precision(settings: Settings, folder: RunFolder) -> Settings:
    """Returns the settings with a number format in the place of `auto`.

    It is that of the run in the folder, or for a new run the faster one on this machine.
    """
    if settings.precision != "auto":
        return settings
    if folder.config_file.exists():
        chosen = read_run_settings(folder).precision
    else:
        chosen = choose_precision()
    return dataclasses.replace(settings, precision=chosen)


def compared_by_workers(settings: Settings) -> dict[str, Any]:
    """Returns what must be equal on all workers: settings and versions, by names to show."""
    versions = package_versions()
    return {
        **{
            f"the version of {name}": versions[name]
            for name in ("tfseq", "tensorflow", "keras", "numpy")
        },
        **{f"`{name}`": value for name, value in same_for_workers(settings).items()},
    }


def check_same_run(settings: Settings, folder: RunFolder, fingerprint: str) -> None:
    """Compares the settings with those of the run in the folder, if there is one.

    Raises:
        UsageError: the folder holds a run that these settings do not fit, or a copy
            without what training needs, or files of another program in their place.
        DataError: its settings cannot be read.
    """
    ways = ways_to_change(settings)
    if not folder.config_file.exists():
        for name in ways.values():
            if getattr(settings, name):
                raise UsageError(
                    f"`{name}`: found no run in {folder.path}, expected one that goes on; "
                    "leave it out, or give the `run_dir` of the run"
                )
        folder.check_unused()
        return
    saved = resolve_data_paths(read_run_settings(folder))
    if folder.read_results().get("weights_only"):
        raise UsageError(
            f"`run_dir`={folder.path}: found a copy made by `save_copy`, which holds the "
            "weights alone and cannot be trained further; give the `run_dir` of the run "
            "itself, or a new one"
        )
    values = dataclasses.asdict(settings)
    written = folder.read_config()["settings"]
    kept = set(fixed_settings(saved))
    names = [name for name in fixed_settings(settings) if name in kept]
    for name in names:
        if values[name] == getattr(
            saved, name
        ):  # The same path, written in another way.
            values[name] = written.get(name)
    folder.check_settings(values, names, fingerprint, ways_to_change=ways)
