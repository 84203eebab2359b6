"""The help texts of the commands, and advice on words that they do not know."""

import re

import pytest
from forked_commands import run_command

from tfseq import command_help
from tfseq.__main__ import COMMANDS
from tfseq.command_line import recipes
from tfseq.tasks import Settings


def flags_explained(text: str) -> dict[str, str]:
    """The flags of a help text and what is said of each."""
    parts = re.split(r"^  --(?:\[no\])?(\w+)(?:=\S+)?(?=\s)", text, flags=re.MULTILINE)
    parts = [" ".join(re.split(r"\n\n", part)[0].split()) for part in parts]
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_and_every_flag(command):
    """Each flag stands under one heading; numbers tell their range and default."""
    output = run_command(f"tfseq.{command}", ["--help"])
    assert (output.returncode, output.stderr) == (0, "")
    head, _, body = output.stdout.partition("\nUsed first:\n")
    assert head.count(f"python -m tfseq.{command} ") >= 2
    assert max(map(len, body.splitlines())) <= command_help.COLUMNS
    explained = flags_explained(body + "\n")
    assert body.count("\n  --") + 1 == len(explained)
    for name, text in explained.items():
        assert re.match(r"[A-Z]", text), name
    if command == "train":
        assert explained.keys() - {"flagfile"} == {*Settings.__dataclass_fields__}
        assert explained["units"].endswith("(default 256; 1 to 65,536)")
        for topic in ("Data", "Model", "Optimization", "For pairs of texts"):
            assert f"\n\n{topic}:\n" in body


@pytest.mark.parametrize("command", COMMANDS)
def test_short_help_has_a_dozen_flags_at_most(command):
    output = run_command(f"tfseq.{command}", ["--helpshort"])
    assert output.returncode == 0
    explained = flags_explained(output.stdout)
    assert "run_dir" in explained
    assert len(explained) <= 13
    assert ("--help explains" in output.stdout) == (command != "export")


@pytest.mark.parametrize("word", command_help.WORDS_FROM_ELSEWHERE)
def test_a_word_from_elsewhere_has_another_here(word):
    meant = command_help.WORDS_FROM_ELSEWHERE[word]
    assert word not in Settings.__dataclass_fields__
    own = {"flagfile", "prompt", "length", "temperature", "file"}
    assert meant in {*Settings.__dataclass_fields__, *own}
    assert command_help.similar_word(word, [meant, "another"]) == meant


def test_where_to_write_is_another_folder_in_export():
    known = ["run_dir", "export_dir"]
    assert command_help.similar_word("output_dir", known) == "export_dir"
    assert command_help.similar_word("model_dir", known) == "run_dir"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--lr=1"], "--lr: there is no such flag; did you mean --learning_rate?"),
        (["--epochs", "3"], "did you mean --num_epochs?"),
        (["--batchsize=3"], "did you mean --batch_size?"),
        (["--zzz=3"], "--zzz: there is no such flag; --help explains all flags"),
        (["--flagfile=ptb_smal"], "did you mean --flagfile=ptb_small?"),
        (["--flagfile=zzz"], f"give a file or one of {', '.join(recipes())}"),
        (["quickstart"], "did you mean --flagfile=quickstart?"),
    ],
)
def test_advice_on_unknown_words(arguments, advice):
    output = run_command("tfseq.train", arguments)
    (line,) = output.stderr.splitlines()
    assert output.returncode == 2
    assert line.endswith(advice)


def test_the_same_flag_is_explained_the_same():
    """Of the commands that use a run; `train` makes it, and has defaults of its own."""
    seen = {}
    for command in ("evaluate", "sample", "predict", "export"):
        output = run_command(f"tfseq.{command}", ["--help"])
        for name, text in flags_explained(output.stdout + "\n").items():
            if name in ("run_dir", "checkpoint"):
                assert seen.setdefault(name, text) == text
    assert seen.keys() == {"run_dir", "checkpoint"}
