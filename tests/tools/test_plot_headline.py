"""The tool that draws the README's head figure."""

import json
import pathlib

import pytest
import tensorflow as tf
from forked_commands import run_command

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "plot_headline.py"


@pytest.fixture(name="tool", scope="module")
def fixture_tool(load_tool):
    return load_tool("plot_headline")


def write_speeds(path):
    """Writes what the benchmark prints: two workloads, and one that is not drawn."""
    rates = {
        "text8": {"tfseq": 600.0, "tfseq_separate": 700.0, "flax": 400.0},
        "sampling": {"tfseq_1": 9.0, "pytorch_1": 1.0},
        "ptb_small": {"tfseq": 60.0, "keras": 30.0, "pytorch": 40.0}
        | {"keras_jit": 35.0, "pytorch_compile": 39.0},
    }
    for workload, sides in reversed(rates.items()):
        rows = [{"side": s, "tokens_per_second": rate} for s, rate in sides.items()]
        with open(path, "a") as file:
            print(json.dumps({"workload": workload, "rows": rows}), file=file)


def write_run(folder, process="0"):
    """Writes a run of words that began at second 1,000, validated after 60 and 150 s."""
    (folder / "valid").mkdir(parents=True, exist_ok=True)
    settings = {"dataset": "ptb", "level": "word", "batch_size": 4, "num_unrollings": 5}
    (folder / "config.json").write_text(json.dumps({"settings": settings}))
    (folder / "results.json").write_text('{"test": {"perplexity": 79.5}}')
    events = folder / "valid" / f"events.out.tfevents.1000.{process}"
    with tf.io.TFRecordWriter(str(events)) as writer:
        event = tf.compat.v1.Event(wall_time=1000.0, file_version="brain.Event:2")
        writer.write(event.SerializeToString())
        for step, time, perplexity in [(10, 1060.0, 200.0), (20, 1150.0, 90.0)]:
            event = tf.compat.v1.Event(wall_time=time, step=step)
            value = event.summary.value.add(tag="perplexity")
            value.tensor.CopyFrom(tf.make_tensor_proto(perplexity))
            value.metadata.plugin_data.plugin_name = "scalars"
            writer.write(event.SerializeToString())


def test_of_a_peer_the_faster_form_is_shown(tool, tmp_path):
    write_speeds(tmp_path / "speed.jsonl")
    speeds = tool.read_speeds(tmp_path / "speed.jsonl")
    assert list(speeds) == ["text8", "ptb_small"]
    assert speeds["text8"] == {"tfseq": 600.0, "Flax": 400.0}
    assert speeds["ptb_small"] == {"tfseq": 60.0, "PyTorch": 40.0, "Keras": 35.0}


def test_a_curve_is_read_with_its_times(tool, tmp_path):
    write_run(tmp_path / "words")
    curve, seconds, test = tool.read_timed_curve(tmp_path / "words")
    assert (curve.name, curve.level, curve.values) == ("words", "word", [200.0, 90.0])
    assert curve.predictions == [200, 400]
    assert (seconds, test) == ([60.0, 150.0], 79.5)
    write_run(tmp_path / "words", process="1")
    with pytest.raises(ValueError, match="found events of 2 processes"):
        tool.read_timed_curve(tmp_path / "words")


def test_the_picture_is_small_and_twice_as_wide_as_shown(tool, tmp_path):
    pytest.importorskip("matplotlib")
    write_speeds(tmp_path / "speed.jsonl")
    write_run(tmp_path / "words")
    output = tmp_path / "headline.png"
    speeds = tool.read_speeds(tmp_path / "speed.jsonl")
    tool.draw(speeds, [tool.read_timed_curve(tmp_path / "words")], str(output))
    picture = output.read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1660
    assert len(picture) < 80_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text8   (0.0961 G operations a step)", "expected one JSON object a line"),
        ('{"workload": "input", "rows": []}', "expected one of the workloads text8"),
    ],
    ids=["table", "workload"],
)
def test_what_are_no_speeds_is_one_line(tmp_path, content, expected):
    write_run(tmp_path / "words")
    path = tmp_path / "speed.jsonl"
    path.write_text(content)
    output = run_command(str(TOOL), [str(tmp_path / "words"), f"--speed={path}"])
    assert output.returncode == 1
    assert output.stderr.splitlines()[-1].startswith(f"plot_headline.py: {path}: ")
    assert expected in output.stderr
