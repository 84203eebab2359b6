"""Random input of every kind: never a traceback, never another run than the one asked."""

import dataclasses
import json
import math
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable

import pytest
from absl import flags
from finished_runs import finished_runs
from forked_commands import run_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tfseq import command_line
from tfseq.datasets import text_file_corpus
from tfseq.errors import DataError, UsageError
from tfseq.pipelines import Vocabulary, prepare_corpus
from tfseq.tasks import Settings, read_settings
from tfseq.tasks.trained import read_run_settings
from tfseq.training.run_folder import RunFolder

pytestmark = pytest.mark.faults

FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
# A tenth of the examples; all of them where there is time.
each_share = pytest.mark.parametrize(
    "share",
    [
        pytest.param(0.1, id="tenth"),
        pytest.param(1.0, id="all", marks=pytest.mark.slow),
    ],
)

plain_text = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=9
)
numbers = st.one_of(
    st.integers(-5, 2**40), st.floats(), st.sampled_from([0, 1, 2, 0.5, 1e-3])
)
values = st.one_of(
    numbers.map(str),
    plain_text,
    st.sampled_from(["true", "false", "sgd", "word", "text8", "lstm_fused", "none"]),
)
given_flags = st.lists(st.tuples(st.sampled_from(sorted(FIELDS)), values), max_size=6)


def try_all(check: Callable[..., None], *, share: float, most: int, **drawn) -> None:
    """Calls a check with drawn values.

    Args:
        check: takes the values by name.
        share: of the examples that are tried.
        most: number of all examples.
        drawn: the strategy of each value.
    """
    limits = settings(
        max_examples=math.ceil(share * most),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    limits(given(**drawn)(check))()


@pytest.fixture(name="parser", scope="module")
def fixture_parser():
    """The train command's flags, apart from those of this process."""
    parser = flags.FlagValues()
    command_line.define_flags(parser)
    flags.DEFINE_string("flagfile", "", "", flag_values=parser)
    return parser


@each_share
def test_flagfiles(parser, share):
    @example(lines=[("units", "8"), ("units", "16")], noise=[])
    def check(lines, noise):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.flags")
            content = [f"--{name}={value}" for name, value in lines] + noise
            path.write_text("\n".join(content), encoding="utf-8")
            parser.unparse_flags()
            for name in FIELDS:
                parser[name].unparse()
            try:
                parser(["train", f"--flagfile={path}"])
                configuration = read_settings(
                    {name: parser[name].value for name in FIELDS}
                )
            except (flags.Error, UsageError) as error:
                assert str(error)
                return
        # What was accepted is what was asked: the last value of each flag, else the default.
        for name, value in dict(lines).items():
            found = getattr(configuration, name)
            if isinstance(found, bool):
                assert found == (value in ("true", "t", "1", "True", "TRUE"))
            elif isinstance(found, int | float):
                assert found == float(value)
            elif found is not None:
                # White space at the end of a flagfile's line is no part of the value.
                assert str(found) == value.rstrip()
        for name in FIELDS.keys() - dict(lines).keys():
            if not noise and name != "level":  # Its default depends on the data set.
                assert getattr(configuration, name) == FIELDS[name].default

    noise = st.lists(plain_text, max_size=2)
    try_all(check, share=share, most=700, lines=given_flags, noise=noise)


@each_share
def test_text_files(share):
    def check(content):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "text.txt")
            path.write_bytes(content)
            try:
                corpus = text_file_corpus(str(path))
                prepared = prepare_corpus(
                    corpus.splits,
                    corpus.fingerprint,
                    level="character",
                    cache_dir=folder,
                )
            except (DataError, UsageError) as error:
                assert "\n" not in str(error)
                return
            read = "".join(
                prepared.vocabulary.decode(file.read(0, file.num_tokens))
                for file in (prepared.token_files[split] for split in corpus.splits)
            )
            text = content.decode("utf-8").removeprefix("\ufeff")
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            assert len(read) >= len(text)
            if "<unk>" not in read:
                assert read == text

    content = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode))
    try_all(check, share=share, most=500, content=content)


@each_share
def test_vocabularies(share):
    @example(b"a\nb\n")
    @example(b"\x00\r")
    @example(b"a\r\nb\rc\n")
    def check(content):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "vocabulary.txt")
            path.write_bytes(content)
            for level in ("character", "word"):
                try:
                    vocabulary = Vocabulary.load(path, level)
                except DataError as error:
                    assert str(path) in str(error)
                    continue
                again = pathlib.Path(folder, "again.txt")
                vocabulary.save(again)
                assert Vocabulary.load(again, level) == vocabulary
                # Every line is a token, whichever of the three line ends it has.
                assert len(vocabulary) == len(re.findall(rb"\r\n|\r|\n", content))

    content = st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode))
    try_all(check, share=share, most=500, content=content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@each_share
def test_run_configurations(share):
    def check(content):
        with tempfile.TemporaryDirectory() as folder:
            run_folder = RunFolder(pathlib.Path(folder))
            run_folder.config_file.write_text(json.dumps(content))
            try:
                configuration = read_run_settings(run_folder)
            except (UsageError, DataError) as error:
                assert "\n" not in str(error)
                return
            for name, value in content["settings"].items():
                if (name, value) != ("level", None):  # None is the data set's own.
                    assert getattr(configuration, name) == value

    saved = st.fixed_dictionaries(
        {
            "settings": st.dictionaries(
                st.sampled_from([*sorted(FIELDS), "unheard_of"]),
                json_values,
                max_size=4,
            )
        },
        optional={"versions": json_values},
    )
    content = st.one_of(json_values, saved)
    try_all(check, share=share, most=500, content=content)


# Values small enough that what is accepted ends soon, and some that nothing accepts.
door_values = st.one_of(
    st.integers(-3, 40).map(str),
    st.sampled_from(["0.5", "1e-3", "nan", "inf", str(2**40), "true", "json", "last"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=9),
)
DOORS = {
    "sample": "prompt length num_samples temperature top_k top_p greedy seed stop_at "
    "beam_width prompt_file interactive format checkpoint unheard_of",
    "evaluate": "split text_file per_line cache_size cache_theta cache_lambda "
    "dynamic_learning_rate dynamic_decay dynamic_unrollings temperature format "
    "checkpoint unheard_of",
    "predict": "text file format checkpoint unheard_of",
    "export": "format checkpoint unheard_of",
}


@pytest.fixture(name="run_dirs", scope="module")
def fixture_run_dirs(tmp_path_factory):
    folders = finished_runs(tmp_path_factory)
    return {
        door: folders["review" if door == "predict" else "character"] for door in DOORS
    }


@each_share
@pytest.mark.parametrize("door", DOORS)
def test_commands(run_dirs, tmp_path, door, share):
    names = st.sampled_from(DOORS[door].split())
    # What an evaluation learns about the run is kept in its folder.
    run_dir = shutil.copytree(run_dirs[door], tmp_path / "run")

    def check(lines):
        arguments = [f"--{name}={value}" for name, value in lines]
        arguments.append(f"--run_dir={run_dir}")
        if door == "export":
            arguments.append(f"--export_dir={tmp_path / 'exported'}")
        process = run_command(f"tfseq.{door}", arguments, text="good\n")
        assert process.returncode in (0, 1, 2), arguments
        assert "Traceback" not in process.stderr, (arguments, process.stderr)
        if process.returncode:
            assert process.stderr.splitlines()[-1].startswith(f"tfseq {door}: ")

    lines = st.lists(st.tuples(names, door_values), max_size=4)
    try_all(check, share=share, most=12, lines=lines)
