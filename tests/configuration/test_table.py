"""What is added to a table is checked at once, and what it names when it is used."""

import pytest

from tfseq.configuration import CELLS, DATASETS, SCHEDULES, Table
from tfseq.errors import UsageError
from tfseq.tasks import TASKS, add_task, read_settings


def cell(units):
    """Stands for a cell."""


@pytest.mark.parametrize(
    ("arguments", "details", "message"),
    [
        (("", cell, "a cell"), {}, "`cell`='': expected a name"),
        ((5, cell, "a cell"), {}, "`cell`=5: expected a name"),
        (("a b", cell, "a cell"), {}, "`cell`='a b': expected a name"),
        (("a,b", cell, "a cell"), {}, "`cell`='a,b': expected a name"),
        (("--a", cell, "a cell"), {}, "`cell`='--a': expected a name"),
        (("a", None, "a cell"), {}, "`cell`=a: found the target None"),
        (("a", "module", "a cell"), {}, "`cell`=a: found the target 'module'"),
        (("a", "module:", "a cell"), {}, "`cell`=a: found the target 'module:'"),
        (("a", "a/b.py:Cell", "a cell"), {}, "`cell`=a: found the target 'a/b.py:C"),
        (("a", cell, None), {}, "`cell`=a: found the help None"),
        (("a", cell, "a cell"), {"options": "forget_bias"}, "`options`='forget_bias'"),
        (("a", cell, "a cell"), {"options": (3,)}, "`options`=(3,)"),
        (("a", cell, "a cell"), {"optoins": ()}, "`optoins`: found for `cell`=a"),
        (("lstm_fused", cell, "a cell"), {}, "`cell`=lstm_fused: found one of that"),
    ],
)
def test_a_wrong_row_is_refused_when_it_is_added(arguments, details, message):
    before = CELLS.names()
    with pytest.raises(UsageError) as error:
        CELLS.add(*arguments, **details)
    assert str(error.value).startswith(message)
    assert CELLS.names() == before


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("no_such_module:Cell", "found no module no_such_module,"),
        ("tfseq.no_such:Cell", "found no module tfseq.no_such,"),
        ("math:Cell", "found no Cell in the module math,"),
    ],
)
def test_a_place_without_anything_is_one_line_when_it_is_used(place, found):
    table = Table("cell")
    table.add("mine", place, "a cell")
    with pytest.raises(UsageError, match=f"`cell`=mine: {found} expected {place}"):
        table.load("mine")


def test_what_a_module_lacks_itself_is_shown(tmp_path, monkeypatch):
    (tmp_path / "own_cell_module.py").write_text("import no_such_module_either\n")
    monkeypatch.syspath_prepend(tmp_path)
    table = Table("cell")
    table.add("mine", "own_cell_module:Cell", "a cell")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_either"):
        table.load("mine")


@pytest.mark.parametrize(
    ("table", "detail"), [(CELLS, "options"), (SCHEDULES, "takes"), (DATASETS, "takes")]
)
def test_a_choice_that_takes_no_setting_is_named_when_it_is_used(table, detail):
    table.add("mine", cell, "a choice", **{detail: ("no_setting",)})
    try:
        with pytest.raises(UsageError) as error:
            read_settings({table.setting: "mine"})
    finally:
        table.remove("mine")
    assert str(error.value).startswith(
        f"`{table.setting}`=mine: found that it takes `no_setting`, expected names of"
    )


def test_a_task_without_a_name_is_refused():
    before = TASKS.names()
    for wrong in (cell, type("Nameless", (), {}), "reversed"):
        with pytest.raises(UsageError, match="with an attribute `name`"):
            add_task(wrong, "a task")
    assert TASKS.names() == before
