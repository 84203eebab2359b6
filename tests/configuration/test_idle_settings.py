"""Every setting acts, or is refused by its name where it would have no effect."""

import dataclasses

import pytest

from tfseq.configuration import (
    Table,
    check_steps,
    check_validation,
    choices_of,
    idle_values,
    value_type,
)
from tfseq.errors import UsageError
from tfseq.tasks import TASKS, Settings, read_settings
from tfseq.tasks.settings import fixed_settings, foreign_fields, read_saved_settings
from tfseq.tasks.task_table import options_of_uses, settings_group

TEXT = {"dataset": "text", "train_file": "a.txt"}
LABELLED = {"dataset": "labelled", "train_file": "a.csv"}
REVIEWS = {"dataset": "toy_reviews"}
TAGGED = {"dataset": "tagged", "train_file": "a.txt", "embedding_size": 8}
CHUNKS = {"dataset": "conll2000", "embedding_size": 8}
MIRROR = {"dataset": "mirror"}
PAIRS = {"dataset": "pairs", "embedding_size": 8}
TABLE = {**PAIRS, "train_file": "a.tsv"}
# Settings that have an effect beside all others.
ALWAYS = {
    *("dataset", "data_dir", "cache_dir", "level", "num_steps"),
    *("num_epochs", "strategy", "steps_per_call", "chains", "intra_op_threads"),
    *("inter_op_threads", "precision", "eager", "cell", "num_layers", "units"),
    *("embedding_size", "initializer", "optimizer"),
    *("learning_rate", "change_learning_rate", "max_gradient_norm"),
    *("dropout", "input_dropout"),
    *(
        "recurrent_weight_dropout",
        "zoneout",
        "run_dir",
        "seed",
        "log_every",
        "evaluate_every",
        "evaluate_test",
    ),
    *("checkpoint_every", "keep_checkpoints", "task"),
}
# Settings beside which one has no effect, and others beside which it has one.
IDLE = {
    "train_file": ({}, {"dataset": "text"}),
    "valid_file": ({}, TEXT),
    "test_file": ({}, TEXT),
    "text_column": (TEXT, LABELLED),
    "label_column": (TEXT, LABELLED),
    "test_rows": (TEXT, LABELLED),
    "token_column": (CHUNKS, TAGGED),
    "tag_column": (CHUNKS, TAGGED),
    "feature_columns": (CHUNKS, TAGGED),
    "source_file": (
        {"dataset": "mirror"},
        {**PAIRS, "target_file": "b.txt"},
    ),
    "target_file": (TABLE, {**PAIRS, "source_file": "a.txt"}),
    "valid_source_file": (TABLE, {**TABLE, "valid_target_file": "b.txt"}),
    "valid_target_file": (TABLE, {**TABLE, "valid_source_file": "a.txt"}),
    "test_source_file": (TABLE, {**TABLE, "test_target_file": "b.txt"}),
    "test_target_file": (TABLE, {**TABLE, "test_source_file": "a.txt"}),
    "source_language": ({"dataset": "mirror"}, {**PAIRS, "dataset": "multi30k"}),
    "stress": ({"dataset": "mirror"}, {**PAIRS, "dataset": "cmudict"}),
    "letter_embedding_size": (TAGGED, {**TAGGED, "letter_units": 4}),
    "skip_characters": ({}, TEXT),
    "valid_size": ({"dataset": "ptb"}, TEXT),
    "test_size": (REVIEWS, {"dataset": "text8"}),
    "vocabulary_size": (TEXT, {**TEXT, "level": "word"}),
    "num_devices": ({}, {"strategy": "mirrored"}),
    "embedding_scale": ({}, {"embedding_size": 8}),
    "adversarial_norm": (REVIEWS, {**REVIEWS, "embedding_size": 8}),
    "hash_rows": ({"embedding_size": 8}, {"embedding_size": 8, "ngram": 2}),
    "lazy_rows": ({"optimizer": "sgd", "embedding_size": 8}, {"embedding_size": 8}),
    "initializer_mean": ({}, {"initializer": "truncated_normal"}),
    "initializer_scale": ({}, {"initializer": "uniform"}),
    "forget_bias": ({"cell": "gru_fused"}, {"cell": "lstm_separate"}),
    "ngram_features": (CHUNKS, {}),
    "projection_size": ({}, {"cell": "projected_lstm_fused"}),
    "mogrifier_rounds": ({}, {"cell": "mogrifier_lstm_separate"}),
    "zoneout_memory": ({"cell": "min_gru_fused"}, {"cell": "coupled_lstm_fused"}),
    "residual": ({}, {"num_layers": 2}),
    "ngram_rows": ({}, {"ngram_features": 2}),
    "ngram_learning_rate": ({}, {"ngram_features": 2}),
    "ngram_start_step": ({}, {"ngram_features": 2}),
    "weight_decay": ({}, {"optimizer": "adamw"}),
    "decay_rate": ({}, {"schedule": "plateau"}),
    "decay_steps": ({"schedule": "plateau"}, {"schedule": "exponential"}),
    "staircase": ({}, {"schedule": "exponential"}),
    "flat_epochs": ({}, {"schedule": "per_epoch", "num_epochs": 2}),
    "patience": ({"schedule": "constant"}, {"schedule": "plateau"}),
    "warmup_steps": ({"schedule": "exponential"}, {"schedule": "plateau"}),
    "averaging_interval": ({}, {"weight_averaging": "nonmonotone"}),
    "loss_scale_over_time": (REVIEWS, {}),
    "monitor": ({}, REVIEWS),
    "sample_every": (REVIEWS, {}),
    "initialize_from": ({"dataset": "python_code"}, {}),
    "extend_vocabulary": ({}, {"initialize_from": "runs/other"}),
    "initialize_backward_from": (
        {**REVIEWS, "initialize_from": "runs/other"},
        {**REVIEWS, "initialize_from": "runs/other", "bidirectional": True},
    ),
    "variational_dropout": ({}, {"input_dropout": 0.5}),
    "embedding_dropout": ({}, {"embedding_size": 8}),
    "random_unrollings": ({}, {"num_epochs": 2}),
    "shuffle_lanes": ({"num_steps": 5}, {"num_epochs": 2}),
    "write_graph": ({"eager": True}, {}),
    "tie_embeddings": ({}, {"embedding_size": 256}),
    "share_embeddings": (TABLE, {**TABLE, "shared_vocabulary": True}),
    "batch_size": ({**MIRROR, "batch_tokens": 900}, MIRROR),
    "ngram": (MIRROR, {}),
    "reverse_source": ({**MIRROR, "bidirectional": True}, MIRROR),
    "input_feeding": ({**MIRROR, "attention": "none"}, MIRROR),
}
# Those that act by validations, and those that act from a step on.
VALIDATED = {
    "schedule": "plateau",
    "early_stopping": 3,
    "weight_averaging": "nonmonotone",
    "monitor": "accuracy",
    "histograms": True,
}
LATE = {
    "ngram_start_step": ({"ngram_features": 2, "ngram_start_step": 9}, 9, 10),
    "profile_steps": ({"profile_steps": "9:20"}, 9, 10),
}
OPTIONS_ALWAYS = {
    *("text_file", "data_dir", "cache_dir", "cache_size"),
    *("dynamic_search", "temperature_search"),
    *("prompt", "length", "beam_width", "reset_state", "words", "one_text"),
    *("bleu_tokenizer", "replace_unknown", "attention_image"),
}
FILE, BEAMS, GREEDY = {"text_file": "a.txt"}, {"beam_width": 3}, {"greedy": True}
OPTIONS_IDLE = {
    "split": [(FILE, {})],
    "cache_theta": [
        ({}, {"cache_size": 5}),
        ({"cache_size": 5, "cache_search": True}, {"cache_size": 5}),
    ],
    "cache_lambda": [
        ({}, {"cache_size": 5}),
        ({"cache_size": 5, "cache_search": True}, {"cache_size": 5}),
    ],
    "cache_search": [({}, {"cache_size": 5})],
    "dynamic_learning_rate": [({"dynamic_search": True}, {})],
    "dynamic_decay": [
        ({}, {"dynamic_learning_rate": 0.5}),
        ({"dynamic_search": True}, {"dynamic_learning_rate": 0.5}),
    ],
    "dynamic_unrollings": [
        ({}, {"dynamic_learning_rate": 0.5}),
        ({}, {"dynamic_search": True}),
    ],
    "num_samples": [(BEAMS, GREEDY)],
    "temperature": [
        *((BEAMS, {}), (GREEDY, {"top_k": 3})),
        ({"temperature_search": True}, {}),
    ],
    "top_k": [(BEAMS, {}), (GREEDY, {})],
    "top_p": [(BEAMS, {}), (GREEDY, {})],
    "greedy": [(BEAMS, {})],
    "seed": [(BEAMS, {}), (GREEDY, {})],
    "stop_at": [(BEAMS, GREEDY)],
    "length_penalty": [({}, BEAMS)],
    "n_best": [({}, BEAMS)],
}


def other_value(field: dataclasses.Field):
    """A value of the setting's type and range that is not its default."""
    kind, choices = value_type(field), choices_of(field)
    if choices:
        return next(name for name in choices if name != field.default)
    if kind is bool:
        return not field.default
    if kind is str:
        return "5:9" if field.name == "profile_steps" else "7"
    lower = field.metadata["lower"]
    values = (0.5, 0.25) if kind is float else (2, 3, (lower or 0) + 5)
    return next(
        value
        for value in values
        if value != field.default and (lower is None or value >= lower)
    )


def fields_of(record) -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(record)}


FIELDS = fields_of(Settings)
OWN = {
    name: row
    for row in TASKS.rows()
    for name in fields_of(settings_group(row))
    if name not in IDLE
}


def test_of_every_setting_it_is_known_when_it_acts():
    known = [ALWAYS, set(IDLE), set(VALIDATED) - set(IDLE), {"profile_steps"}, set(OWN)]
    assert set().union(*known) == set(FIELDS)
    assert sum(map(len, known)) == len(FIELDS)
    declared = {
        name
        for name, field in FIELDS.items()
        if field.metadata["needs"] or field.metadata["without"]
    }
    unused = {name for row in TASKS.rows() for name in row.unused}
    assert declared | unused == set(IDLE)


@pytest.mark.parametrize("name", IDLE)
def test_a_setting_without_effect_is_refused_by_name(name):
    beside, with_effect = IDLE[name]
    value = other_value(FIELDS[name])
    with pytest.raises(UsageError) as error:
        read_settings({**beside, name: value})
    assert str(error.value).startswith(f"`{name}`={value}: found ")
    assert "effect" in str(error.value)
    read_settings({**with_effect, name: value})
    # The default cannot be told from what was not given.
    read_settings({**beside, name: FIELDS[name].default})


def test_a_table_of_pairs_and_two_files_exclude_each_other():
    for part in ("", "valid_", "test_"):
        files = {f"{part}source_file": "a.txt", f"{part}target_file": "b.txt"}
        name = f"{part or 'train_'}file"
        with pytest.raises(UsageError) as error:
            read_settings({**TABLE, **files, name: "c.tsv"})
        assert str(error.value) == (
            f"`{part}source_file`=a.txt: found with `{name}`=c.tsv, beside which it has no "
            "effect; leave one out"
        )
    with pytest.raises(UsageError) as error:
        read_settings(PAIRS)
    assert str(error.value) == (
        "`source_file`, `train_file`: found none, expected a file with `dataset`=pairs; "
        "give `source_file`=FILE or `train_file`=FILE"
    )


@pytest.mark.parametrize("row", TASKS.rows(), ids=lambda row: row.name)
def test_settings_of_other_tasks_are_refused_by_name(row):
    datasets = {
        "text": {},
        "labelled": REVIEWS,
        "tagged": TAGGED,
        "tagged_text": {"dataset": "python_code"},
        "pairs": MIRROR,
    }
    for field in foreign_fields(row):
        with pytest.raises(UsageError, match=f"`{field.name}`=.*expected only for"):
            read_settings({**datasets[row.kind], field.name: other_value(field)})


@pytest.mark.parametrize("name", VALIDATED)
def test_what_acts_by_validations_is_refused_where_there_are_none(name):
    settings = Settings(**{name: VALIDATED[name]})
    check_validation(settings, ["valid", "test"])
    with pytest.raises(UsageError, match=f"`{name}`=.* found no part of the data for"):
        check_validation(settings, ["test"])
    check_validation(Settings(), [])
    check_validation(Settings(schedule="constant"), [])
    if FIELDS[name].metadata["fixed"]:  # Who goes on with such a run must keep it.
        check_validation(settings, [], resumed=True)


@pytest.mark.parametrize("name", LATE)
def test_what_would_act_after_the_last_step_is_refused(name):
    values, too_few, enough = LATE[name]
    settings = read_settings(values)
    check_steps(settings, enough)
    with pytest.raises(UsageError, match=f"`{name}`={values[name]}: found a run of"):
        check_steps(settings, too_few)


USES = [
    pytest.param(row, use, id=f"{row.name}-{use}")
    for row in TASKS.rows()
    for use in options_of_uses(row)
]


@pytest.mark.parametrize(("row", "use"), USES)
def test_an_option_without_effect_is_refused_by_name(row, use):
    record = options_of_uses(row)[use]
    fields = fields_of(record)
    assert set(fields) <= OPTIONS_ALWAYS | set(OPTIONS_IDLE)
    for name in fields.keys() & OPTIONS_IDLE:
        value = other_value(fields[name])
        for beside, with_effect in OPTIONS_IDLE[name]:
            if not {*beside, *with_effect} <= fields.keys():
                continue
            with pytest.raises(UsageError) as error:
                record(**{**beside, name: value})
            assert str(error.value).startswith(f"`{name}`={value}: found with ")
            assert getattr(record(**{**with_effect, name: value}), name) == value


MONITORS = [
    pytest.param(dataset, monitors, id=dataset["dataset"])
    for dataset, monitors in (
        (REVIEWS, ["loss", "accuracy"]),
        (CHUNKS, ["loss", "accuracy", "f1"]),
        ({"dataset": "python_code"}, ["loss", "accuracy"]),
    )
]


@pytest.mark.parametrize(("dataset", "monitors"), MONITORS)
def test_a_figure_that_a_task_does_not_have_is_refused_or_yields(dataset, monitors):
    for monitor in ("loss", "accuracy", "f1"):
        values = {**dataset, "monitor": monitor}
        if monitor in monitors:
            assert read_settings(values, ["monitor"]).monitor == monitor
            continue
        with pytest.raises(UsageError) as error:
            read_settings(values)
        assert str(error.value).startswith(f"`monitor`={monitor}: found for a ")
        assert str(error.value).endswith(
            f"expected {' or '.join(monitors)}; choose one"
        )
        assert read_settings(values, ["monitor"]).monitor == "loss"


def test_a_saved_run_may_have_settings_without_effect():
    values = {**dataclasses.asdict(Settings()), "weight_decay": 0.5, "patience": 7}
    saved = read_saved_settings(values)
    assert (saved.weight_decay, saved.patience) == (0.5, 7)
    assert idle_values(saved).keys() == {"weight_decay", "patience"}
    # Nobody has to give them again.
    assert "weight_decay" in fixed_settings(Settings())
    assert not {"weight_decay", "patience"} & set(fixed_settings(saved))


def test_tables_know_what_their_choices_take():
    for field in FIELDS.values():
        for need in field.metadata["needs"]:
            for name, values in need.items() if isinstance(need, dict) else ():
                names = (
                    values.taking(field.name) if isinstance(values, Table) else values
                )
                assert names, field.name
                assert set(names) <= set(choices_of(FIELDS[name]))
