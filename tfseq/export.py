"""Writes a trained run for serving: `python -m tfseq.export --run_dir=RUN --export_dir=DIR`.

The SavedModel needs TensorFlow alone. Of a language model it holds `initial_state`, `step`
and `generate`, of all others `predict`; texts go in and out as strings.

Examples:
  python -m tfseq.export --run_dir=runs/quickstart --export_dir=exported
  python -m tfseq.export --run_dir=runs/quickstart --export_dir=lite --format=tflite
"""

import pathlib

from absl import flags

from tfseq import command_line

command_line.define_run_flags()
command_line.define_path("export_dir", None, "New folder to write to.")
flags.DEFINE_enum(
    "format",
    "saved_model",
    ["saved_model", "tflite"],
    "A SavedModel, or `step` of a language model for TensorFlow Lite.",
)
command_line.require("export_dir", "a new folder to write to")
flags.adopt_module_key_flags(command_line)
command_line.explain_first("run_dir", "export_dir", "format", "checkpoint")


def main() -> int:
    """Exports what the flags name and returns the exit status."""
    with command_line.loading():
        from tfseq import runs

    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    folder = flags.FLAGS.export_dir
    for name, line in run.export(folder, flags.FLAGS.format).items():
        print(f"{name}{line}")
    size = sum(
        path.stat().st_size
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file()
    )
    print(f"{folder}: {size:,} bytes, weights of step {run.step}")
    return 0


if __name__ == "__main__":
    command_line.run(main)
