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


def main() -> int:
    """Trains what the flags describe and returns the exit status."""
    settings = command_line.settings_from_flags(arguments=sys.argv[1:])
    # TensorFlow takes seconds to load; flags are checked before.
    with command_line.loading():
        from tfseq import runs

    return runs.train(settings)


if __name__ == "__main__":
    command_line.run(main)
