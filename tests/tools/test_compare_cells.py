"""The tool that compares cells at equal parameters."""

import dataclasses
import pathlib
import re

import pytest
from forked_commands import run_command

from tfseq.cells import FusedGateLSTMCell
from tfseq.tasks import Settings

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "compare_cells.py"


@pytest.mark.parametrize(
    ("square", "linear", "constant"), [(8, 110, 27), (0, 500, 3), (3, 0, 0)]
)
@pytest.mark.parametrize("units", [1, 64, 1500])
def test_units_are_found_for_a_number_of_parameters(
    load_tool, square, linear, constant, units
):
    tool = load_tool("compare_cells")

    def count(units):
        return square * units**2 + linear * units + constant

    step = count(units + 1) - count(units)
    assert tool.units_for(count, count(units)) == units
    assert tool.units_for(count, count(units) + step // 4) == units
    assert tool.units_for(count, count(units + 1) - step // 4) == units + 1


def test_settings_without_effect_on_a_cell_are_left_out(load_tool):
    tool = load_tool("compare_cells")
    given = {"forget_bias": 0.5, "recurrent_weight_dropout": 0.2, "projection_size": 7}
    values = dataclasses.asdict(Settings(run_dir="runs/cells", **given))
    coupled, minimal, projected = (
        tool.settings_of(values, cell)
        for cell in ("coupled_lstm_fused", "min_gru_fused", "projected_lstm_fused")
    )
    assert (coupled.forget_bias, coupled.projection_size) == (0.5, 128)
    assert coupled.recurrent_weight_dropout == 0.2
    assert projected.projection_size == 7
    assert minimal.run_dir == "runs/cells/min_gru_fused"
    assert (minimal.forget_bias, minimal.recurrent_weight_dropout) == (1.0, 0.0)


@pytest.mark.slow
def test_two_cells_are_trained_at_equal_parameters(tmp_path):
    (tmp_path / "text.txt").write_text("a cat sees a dog and a bird sees a cow. " * 40)
    arguments = [
        *("--dataset=text", f"--train_file={tmp_path / 'text.txt'}", "--units=12"),
        *("--cells=lstm_fused,min_gru_fused", "--batch_size=4", "--num_unrollings=5"),
        *("--num_steps=3", "--evaluate_every=3", "--sample_every=0", "--log_every=3"),
        *(f"--cache_dir={tmp_path / 'cache'}", f"--run_dir={tmp_path / 'cells'}"),
    ]
    found = run_command(str(TOOL), arguments)
    assert found.returncode == 0, found.stderr
    lstm, minimal = (
        line.strip("| ").split(" | ")
        for line in found.stdout.splitlines()
        if re.match(r"\| (lstm|min_gru)_fused", line)
    )
    # 15 different characters and the unknown one are one-hot, and as many outputs.
    cell = FusedGateLSTMCell(12)
    cell.build((None, 16))
    assert int(lstm[2].replace(",", "")) == cell.count_params() + 12 * 16 + 16
    assert lstm[:2] == ["lstm_fused", "12"]
    assert lstm[4] == "1.00"  # The others' time is counted in that of the first.
    # 2 * (16 u + u) + 16 u + 16 = 50 u + 16 are nearest to 1,600 with 32.
    assert lstm[2] == "1,600"
    assert minimal[:3] == ["min_gru_fused", "32", "1,616"]
