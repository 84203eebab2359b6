"""Puts a trained run into the package, where `example:NAME` names it.

    python -m tfseq.train --flagfile=english
    python tools/pack_example.py --run_dir=runs/english

The copy has the best weights, the vocabulary, the settings and the figures, and no state of
the optimizer. It replaces the example of the same name.
"""

import pathlib
import shutil

from absl import flags

import tfseq
from tfseq import command_line
from tfseq.errors import UsageError
from tfseq.training.run_folder import RunFolder

EXAMPLES = pathlib.Path(tfseq.__file__).parent / "examples"
MOST_BYTES = 600_000

command_line.define_run_flags()
flags.adopt_module_key_flags(command_line)


def main() -> int:
    """Packs the run that the flags name; returns the exit status."""
    with command_line.loading():
        from tfseq import runs

    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    folder = EXAMPLES / run.folder.path.resolve().name
    size = pack(run, folder)
    print(f"{folder}: {size:,} bytes, weights of step {run.step}")
    return 0


def pack(run: "tfseq.Run", folder: pathlib.Path) -> int:
    """Writes a run into a folder of the package, in the place of what is there.

    Args:
        run: the run.
        folder: the folder.

    Returns:
        The bytes of the folder.

    Raises:
        UsageError: the run is too large, or names files of this machine.
    """
    recipe = pathlib.Path("runs", folder.name)
    settings = {**run.folder.read_config()["settings"], "run_dir": str(recipe)}
    for name, value in settings.items():
        if isinstance(value, str) and pathlib.Path(value).is_absolute():
            raise UsageError(
                f"`{name}`={value}: found a path of this machine, expected none in a run "
                "of the package; train without it"
            )
    weights = sum(variable.shape.num_elements() for variable in run.model.variables)
    if 4 * weights > MOST_BYTES:
        raise UsageError(
            f"`run_dir`={run.folder.path}: found {weights:,} weights, expected at most "
            f"{MOST_BYTES // 4:,}; train a smaller model"
        )
    shutil.rmtree(folder, ignore_errors=True)
    run.save_copy(str(folder))
    copy = RunFolder(folder)
    content = copy.read_config()
    digests = content["vocabularies"]
    copy.write_config(settings, content["fingerprint"], digests)
    figures = {name: run.results[name] for name in ("valid", "best", "test")}
    copy.write_results({**copy.read_results(), **figures})
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    command_line.run(main)
