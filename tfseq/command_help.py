"""What a command says of its flags: help by topic, and advice on words it does not know."""

import dataclasses
import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from absl import flags

from tfseq.configuration import SharedSettings
from tfseq.tasks import TASKS
from tfseq.tasks.task_table import options_of_uses, settings_group

COLUMNS = 100
NAME_COLUMNS = 30
CHOICES_COLUMNS = 16  # Of a list of choices that stands beside the name.
ADDED_BY_ABSL = re.compile(
    r"^<[^>]*>: |; repeat this option to specify a list of values$"
)
FIRST = "Used first"
OTHERS = "Others"
# Words of other programs for the flags here, or for what takes their place.
WORDS_FROM_ELSEWHERE = {
    "batch": "batch_size",
    "bptt": "num_unrollings",
    "bs": "batch_size",
    "checkpoint_dir": "run_dir",
    "clip": "max_gradient_norm",
    "clip_norm": "max_gradient_norm",
    "clipnorm": "max_gradient_norm",
    "cuda": "strategy",
    "d": "dataset",
    "data": "train_file",
    "data_path": "data_dir",
    "device": "strategy",
    "embed_size": "embedding_size",
    "embedding_dim": "embedding_size",
    "emsize": "embedding_size",
    "epoch": "num_epochs",
    "epochs": "num_epochs",
    "gpus": "num_devices",
    "grad_clip": "max_gradient_norm",
    "hidden": "units",
    "hidden_dim": "units",
    "hidden_size": "units",
    "input": "file",
    "interval": "log_every",
    "iterations": "num_steps",
    "layers": "num_layers",
    "log_dir": "run_dir",
    "log_interval": "log_every",
    "logdir": "run_dir",
    "lr": "learning_rate",
    "lr_scheduler": "schedule",
    "max_epochs": "num_epochs",
    "max_iters": "num_steps",
    "max_len": "max_length",
    "max_steps": "num_steps",
    "model": "cell",
    "model_dir": "run_dir",
    "n_layers": "num_layers",
    "nhid": "units",
    "nlayers": "num_layers",
    "num_hidden": "units",
    "num_tokens": "length",
    "num_words": "length",
    "optim": "optimizer",
    "output": "run_dir",
    "output_dir": "run_dir",
    "recipe": "flagfile",
    "rnn_size": "units",
    "rnn_type": "cell",
    "save": "run_dir",
    "save_dir": "run_dir",
    "seq_len": "num_unrollings",
    "seq_length": "num_unrollings",
    "sequence_length": "num_unrollings",
    "start": "prompt",
    "steps": "num_steps",
    "temp": "temperature",
    "tied": "tie_embeddings",
    "tie_weights": "tie_embeddings",
    "tokens": "length",
    "vocab_size": "vocabulary_size",
    "wd": "weight_decay",
    "wdecay": "weight_decay",
}


def similar_word(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is meant by another one; None where none is like it.

    Args:
        word: what was given.
        known: the words that there are.
    """
    known = list(known)
    meant = WORDS_FROM_ELSEWHERE.get(word.lower().replace("-", "_"))
    if meant == "run_dir" and word.startswith(("output", "save")):
        meant = next((name for name in ("export_dir", meant) if name in known), None)
    if meant in known:
        return meant
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def help_text(
    document: str,
    known: Mapping[str, flags.Flag],
    first: Sequence[str],
    *,
    use: str,
    everything: bool,
) -> str:
    """Returns the help of a command.

    Args:
        document: what the command does, with examples.
        known: the flags to explain, by name.
        first: the names of those that people use first, in order.
        use: the name of the command.
        everything: whether the other flags are explained too, by topic.
    """
    groups: dict[str, list[str]] = {FIRST: list(first)}
    if everything:
        topics = topics_of(use)
        order = [*dict.fromkeys(topics.values()), OTHERS]
        groups |= {topic: [] for topic in order}
        for name in sorted(known):
            if name not in groups[FIRST]:
                groups[topics.get(name, OTHERS)].append(name)
    parts = [document.strip()]
    for topic, members in groups.items():
        if members:
            explained = [explain(known[name], not everything) for name in members]
            parts.append("\n".join([f"{topic}:", *explained]))
    if not everything and set(known) - set(first):
        parts.append("--help explains all flags.")
    return "\n\n".join(parts)


def topics_of(use: str) -> dict[str, str]:
    """Returns the topics of the flags of a command, by name, in the order of topics.

    Args:
        use: the name of the command.
    """
    topics = {}
    if use == "train":
        for group in reversed(SharedSettings.__bases__):
            for field in dataclasses.fields(group):
                topics[field.name] = group.__name__.removesuffix("Settings")
        records = {row: settings_group(row) for row in TASKS.rows()}
    else:
        records = {row: options_of_uses(row).get(use) for row in TASKS.rows()}
    owners: dict[str, list[str]] = {}
    for row, record in records.items():
        for field in dataclasses.fields(record) if record else ():
            owners.setdefault(field.name, []).append(row.data)
    having = sum(record is not None for record in records.values())
    for name, data in owners.items():
        if len(data) < having:
            topics[name] = f"For {', '.join(data)}"
    return topics


def explain(flag: flags.Flag, briefly: bool = False) -> str:
    """Returns name, help, default and range of a flag, in lines.

    Args:
        flag: the flag.
        briefly: whether the explanations of choices are left out.
    """
    parser = flag.parser
    choices = getattr(parser, "enum_values", None)
    help_line = ADDED_BY_ABSL.sub("", " ".join((flag.help or "").split()))
    notes = [] if flag.default in (None, "") else [f"default {shown(flag.default)}"]
    if choices and briefly and len("|".join(choices)) > CHOICES_COLUMNS:
        help_line, explains, _ = help_line.partition(":")
        help_line += f": {', '.join(choices)}." if explains else ""
        notes[:0] = [] if explains else [", ".join(choices)]
    lower, upper = (
        getattr(parser, bound, None) for bound in ("lower_bound", "upper_bound")
    )
    if upper is not None:
        notes.append(f"{shown(lower)} to {shown(upper)}")
    elif lower is not None:
        notes.append(f"at least {shown(lower)}")
    if notes:
        help_line += f" ({'; '.join(notes)})"
    name = spell(flag)
    lines = textwrap.wrap(
        help_line,
        COLUMNS,
        initial_indent=" " * NAME_COLUMNS,
        subsequent_indent=" " * NAME_COLUMNS,
        break_on_hyphens=False,
    )
    if len(name) + 3 <= NAME_COLUMNS and lines:
        lines[0] = f"  {name}".ljust(NAME_COLUMNS) + lines[0][NAME_COLUMNS:]
        return "\n".join(lines)
    return "\n".join([f"  {name}", *lines])


def spell(flag: flags.Flag) -> str:
    """Returns a flag as it is given, with a word for its value."""
    if flag.boolean:
        return f"--[no]{flag.name}"
    kinds: Mapping[type, str] = {
        flags.EnumParser: "NAME",
        flags.IntegerParser: "N",
        flags.FloatParser: "X",
    }
    kind = next(
        (word for each, word in kinds.items() if isinstance(flag.parser, each)), "TEXT"
    )
    choices = "|".join(getattr(flag.parser, "enum_values", None) or ())
    if choices and len(choices) <= CHOICES_COLUMNS:
        kind = choices
    for ending, word in (("dir", "FOLDER"), ("from", "FOLDER"), ("file", "FILE")):
        kind = word if flag.name.endswith(ending) else kind
    return f"--{flag.name}={kind}"


def shown(value: Any) -> str:
    """Returns a default or a bound as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
