"""The tool that draws tags."""

import pathlib

import numpy as np
import pytest
from forked_commands import run_command

import tfseq
from tfseq.datasets import python_code

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "plot_tags.py"
OTHER_RUN = TOOL.parents[1] / "tests" / "runs" / "version_0_1" / "language_model"
UNROLLING, LOOKAHEAD = 6, 2
CODE = "if x:\n\n    y = 'a'\n"
TAGS = ["keyword"] * 2 + ["space"] + ["name"] + ["operator"] + ["space"] * 6
TAGS += ["name", "space", "operator", "space", "string", "string", "string", "space"]


@pytest.fixture(name="tool", scope="module")
def fixture_tool(load_tool):
    return load_tool("plot_tags")


def panel_of(tool, wrong=()):
    right = np.isin(np.arange(len(CODE)), wrong, invert=True)
    return tool.Panel("a title", TAGS, right)


def test_what_is_alike_is_one_piece_and_nothing_is_lost(tool):
    pieces = list(tool.pieces(CODE, panel_of(tool, wrong=[1, 15, 16])))
    assert pieces == [
        (0, 0, "i", "keyword", True),
        (0, 1, "f", "keyword", False),
        (0, 2, " ", "space", True),
        (0, 3, "x", "name", True),
        (0, 4, ":", "operator", True),
        (0, 5, "\n", "space", True),
        (1, 0, "\n", "space", True),
        (2, 0, "    ", "space", True),
        (2, 4, "y", "name", True),
        (2, 5, " ", "space", True),
        (2, 6, "=", "operator", True),
        (2, 7, " ", "space", True),
        (2, 8, "'a", "string", False),
        (2, 10, "'", "string", True),
        (2, 11, "\n", "space", True),
    ]


@pytest.mark.parametrize("wrong", [[], [7, 8, 9, 10]])
def test_wrong_characters_stand_on_their_colour(tool, tmp_path, wrong):
    image = pytest.importorskip("matplotlib.image")
    path = tmp_path / "tags.png"
    tool.draw(CODE, [panel_of(tool, wrong)], str(path))
    color = [int(tool.WRONG[place : place + 2], 16) for place in (1, 3, 5)]
    pixels = np.rint(image.imread(path)[..., :3] * 255)
    rows, _ = np.nonzero((pixels == color).all(axis=-1))
    # Below the code the word `wrong` stands on it.
    above = rows < len(pixels) - 3 * tool.LINE_HEIGHT * tool.DPI / 72
    area = tool.LINE_HEIGHT * tool.CHARACTER_WIDTH * (tool.DPI / 72) ** 2
    assert above.sum() == pytest.approx(len(wrong) * area, rel=0.2)
    assert (~above).any()


@pytest.fixture(name="run", scope="module")
def fixture_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plot_tags")
    for number in range(40):
        (folder / f"m{number:02}.py").write_text(CODE * 30)
    with pytest.MonkeyPatch.context() as patch:
        paths = {"stdlib": str(folder)}
        patch.setattr(python_code.sysconfig, "get_paths", lambda: paths)
        return tfseq.fit(
            dataset="python_code",
            cache_dir=str(folder / "cache"),
            run_dir=str(folder / "run"),
            units=8,
            embedding_size=4,
            batch_size=8,
            num_unrollings=UNROLLING,
            lookahead=LOOKAHEAD,
            learning_rate=0.05,
            num_steps=150,
            verbose=False,
        )


def tags_of(run, text):
    """The tag of each character, as the model predicts them of a text by itself."""
    (predicted,) = run.predict([text])
    pieces = zip(predicted["tokens"], predicted["tags"], strict=True)
    return [tag for token, tag in pieces for _ in token]


def test_the_tags_are_those_that_the_model_predicts(tool, run, tmp_path):
    (tmp_path / "code.py").write_text(CODE)
    code, (carried, reset) = tool.tag_both_ways(
        str(run.folder.path), str(tmp_path / "code.py")
    )
    assert code == CODE
    assert carried.tags == tags_of(run, CODE) and len(set(carried.tags)) > 2
    parts = [
        tags_of(run, CODE[start : start + UNROLLING + LOOKAHEAD])[:UNROLLING]
        for start in range(0, len(CODE), UNROLLING)
    ]
    assert reset.tags == [tag for part in parts for tag in part]
    for panel, state in ((carried, "carried on"), (reset, "reset every 6 characters")):
        assert panel.right.tolist() == np.equal(panel.tags, TAGS).tolist()
        assert panel.title == f"State {state}: {panel.right.mean():.1%} right"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "code.py: found no text, expected Python code"),
        ("(", "code.py: not Python code ("),
        (CODE, f"{OTHER_RUN}: found a run of text, expected one of python_code"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, content, message):
    (tmp_path / "code.py").write_text(content)
    flags = [f"--run_dir={OTHER_RUN}", f"--text_file={tmp_path / 'code.py'}"]
    output = run_command(str(TOOL), flags)
    assert output.returncode == 1
    last = output.stderr.splitlines()[-1]
    assert last.startswith("plot_tags.py: ") and message in last
