"""The pages' Python programs run as they stand there; links, recipes and flags exist."""

import pathlib
import re

import pytest
from absl import flags
from forked_commands import run_command

from tfseq import command_line
from tfseq.configuration import DATASETS

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("tfseq/**/*.md"), *ROOT.glob("tools/*.md")]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
PROGRAMS = [
    pytest.param(program, id=f"{name}-{number}")
    for name, page in zip(NAMES, PAGES, strict=True)
    for number, program in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL), 1
    )
]
# Flags of other programs that the pages speak of.
FOREIGN_FLAGS = {
    *("bptt", "tied", "emsize", "nhid"),  # PyTorch's word language model
    *("check", "config", "logdir", "nodes", "ntasks", "wheel"),
    *("flagfile", "help", "helpshort", "verbosity"),  # absl's own
}
USES = ("evaluate", "export", "predict", "sample", "score")


def test_there_are_programs():
    assert len(PROGRAMS) >= 6


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_as_it_stands(program, tmp_path, monkeypatch):
    path = tmp_path / "program.py"
    path.write_text(program)
    monkeypatch.chdir(tmp_path)
    finished = run_command(str(path), [])
    assert finished.returncode == 0, finished.stderr


def anchors(page: pathlib.Path) -> set[str]:
    """The names by which links reach a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", text).lower().replace(" ", "-") for text in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if target.is_dir():
            target = target / "README.md"
        assert not anchor or anchor in anchors(target), link


def test_every_recipe_and_data_set_stands_on_its_page():
    recipes = (ROOT / "tfseq/recipes/README.md").read_text()
    missing = {name for name in command_line.recipes() if f"`{name}`" not in recipes}
    assert not missing
    data_sets = (ROOT / "tfseq/datasets/README.md").read_text()
    missing = {
        name
        for name in DATASETS.names()
        if f"`{name}`" not in data_sets and f"--dataset={name} " not in data_sets
    }
    assert not missing


@pytest.fixture(name="known_flags", scope="module")
def fixture_known_flags() -> set[str]:
    """The flags of the commands and of the tools."""
    values = flags.FlagValues()
    command_line.define_flags(values)
    known = {
        *values,
        *(f.name for use in USES for f in command_line.option_fields(use)),
    }
    for path in [*ROOT.glob("tfseq/*.py"), *ROOT.glob("tools/*.py")]:
        defined = r"(?:DEFINE_\w+|define_path)\(\s*\"(\w+)\""
        known.update(re.findall(defined, path.read_text()))
    return known


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_recipes_tools_and_flags_of_a_page_exist(page, known_flags):
    text = page.read_text()
    named = set(re.findall(r"--flagfile=([a-z]\w*)", text))
    assert named <= command_line.recipes().keys()
    assert not set(re.findall(r"(?<![\w-])--(\w+)", text)) - known_flags - FOREIGN_FLAGS
    for tool in re.findall(r"python (tools/\w+\.py)", text):
        assert (ROOT / tool).exists(), tool
