"""The command `tfseq` and its flagfiles: which word starts what, which flag wins."""

import pathlib
import subprocess
import sysconfig

import pytest
from forked_commands import run_command

import tfseq
from tfseq import command_line
from tfseq.__main__ import COMMANDS
from tfseq.errors import UsageError


def test_a_command_does_what_its_module_does():
    for arguments in (["--units=0"], ["--dataset=text"], ["--nothing=1"]):
        one = run_command("tfseq", ["train", *arguments])
        other = run_command("tfseq.train", arguments)
        assert (one.returncode, one.stderr) == (2, other.stderr)
        assert other.returncode == 2


def test_the_installed_command_is_the_same():
    command = pathlib.Path(sysconfig.get_path("scripts"), "tfseq")
    if not command.exists():
        pytest.skip("needs the package installed with its command")
    output = subprocess.run([command], capture_output=True, text=True, check=True)
    assert output.stdout == run_command("tfseq", []).stdout


@pytest.mark.parametrize(
    ("word", "hint"), [("trian", "did you mean train?"), ("zzz", "choose one")]
)
def test_another_word_is_refused(word, hint):
    output = run_command("tfseq", [word])
    assert (output.returncode, output.stdout) == (2, "")
    (line,) = output.stderr.splitlines()
    assert word in line
    assert hint in line
    assert all(name in line for name in COMMANDS)


@pytest.mark.parametrize("word", ["help", "--help", "--helpshort"])
def test_help_lists_the_commands(word):
    output = run_command("tfseq", [word])
    assert output.returncode == 0
    assert all(f"  tfseq {name} " in output.stdout for name in COMMANDS)


def test_the_version_is_told():
    assert run_command("tfseq", ["--version"]).stdout.strip() == tfseq.__version__


def read(*arguments: str) -> list[str]:
    return command_line.read_flagfiles(["train", *arguments])


def test_a_flag_of_the_command_line_beats_a_flagfiles_wherever_it_stands(tmp_path):
    file = tmp_path / "own.flags"
    file.write_text("# A comment.\n\n  --units=5  \n// Another.\n--run_dir=of/file\n")
    expected = ["train", "--units=5", "--run_dir=of/file", "--units=7"]
    for flagfile in ([f"--flagfile={file}"], ["--flagfile", str(file)]):
        assert read(*flagfile, "--units=7") == expected
        assert read("--units=7", *flagfile) == expected


def test_recipes_are_found_by_name_within_a_flagfile_too(tmp_path):
    recipe = read("--flagfile=quickstart")
    assert "--run_dir=runs/quickstart" in recipe
    assert read("--flagfile", "quickstart.flags") == recipe
    file = tmp_path / "own.flags"
    file.write_text("--flagfile=quickstart\n--units=5\n")
    assert read(f"--flagfile={file}") == [*recipe, "--units=5"]


def test_a_file_that_names_itself_or_nothing_is_refused(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text(f"--flagfile={other}\n")
    other.write_text(f"--flagfile={one}\n")
    with pytest.raises(UsageError, match=r"`flagfile`=.*one: names itself"):
        read(f"--flagfile={one}")
    with pytest.raises(UsageError, match="`flagfile`: found no name"):
        read("--flagfile")


@pytest.mark.parametrize("line", ["units=5", "--units 5", "5"])
def test_a_stray_line_of_a_flagfile_is_named(tmp_path, line):
    file = tmp_path / "own.flags"
    file.write_text(f"# A comment.\n--tie_embeddings\n\n{line}\n")
    outer = tmp_path / "outer.flags"
    outer.write_text(f"--flagfile={file}\n")
    with pytest.raises(UsageError) as caught:
        read(f"--flagfile={outer}")
    assert f"own.flags: line 4 is {line!r}, expected a flag" in str(caught.value)


def test_names_in_backticks_become_flags_where_there_are_such():
    text = "`units`=3 and `lane_seed`: lower `units`"
    spelled = command_line.spell_flags(text, ["units", "run_dir"])
    assert spelled == "--units=3 and `lane_seed`: lower --units"
