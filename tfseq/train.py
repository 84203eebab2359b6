"""Trains a model: `python -m tfseq.train --flagfile=RECIPE --name=value`.

Examples:
  python -m tfseq.train
  python -m tfseq.train --flagfile=text8_lstm_fused --data_dir=DATA
  python -m tfseq.train --dataset=text --train_file=FILE --run_dir=runs/mine
"""

import sys

from absl import flags

from tfseq import command_line

command_line.define_flags()
flags.adopt_module_key_flags(command_line)
command_line.explain_first(
    *("flagfile", "dataset", "train_file", "level", "run_dir"),
    *("cell", "units", "num_layers", "dropout"),
    *("num_steps", "num_epochs", "batch_size", "learning_rate"),
)


def main() -> int:
    """Trains what the flags describe and returns the exit status."""
    settings = command_line.settings_from_flags(arguments=sys.argv[1:])
    # TensorFlow takes seconds to load; flags are checked before.
    with command_line.loading():
        from tfseq import runs
        from tfseq.machine.devices import writes_for_all

    status = runs.train(settings)
    if status == 0 and writes_for_all(settings.strategy):
        print("next:")
        for line in command_line.next_commands(settings):
            print(f"  {line}")
    return status


if __name__ == "__main__":
    command_line.run(main)
