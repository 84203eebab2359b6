"""Converts the LSTM weights of a run for Keras or PyTorch, and back.

The file is a .npz of plain arrays. For Keras it holds `layer_0/kernel`,
`layer_0/recurrent_kernel` and `layer_0/bias`, what `keras.layers.LSTM.set_weights`
takes, for each layer; for PyTorch the state dict of `torch.nn.LSTM`.

    python tools/convert_weights.py --run_dir=runs/ptb_small --to=pytorch --file=lstm.npz
    python tools/convert_weights.py --run_dir=runs/ptb_small --from=pytorch \
        --file=lstm.npz --into=runs/ptb_small_changed

The second command copies the run, all but its LSTM weights, into a folder that evaluate,
sample, predict and export read.
"""

import pathlib
import zipfile

import numpy as np
from absl import flags

from tfseq import command_line
from tfseq.errors import DataError, UsageError

FORMATS = ["keras", "pytorch"]

command_line.define_run_flags()
flags.adopt_module_key_flags(command_line)
flags.DEFINE_enum("to", None, FORMATS, "Write the run's weights for this package.")
flags.DEFINE_enum("from", None, FORMATS, "Read weights of this package.")
flags.DEFINE_string("file", None, "The .npz file to write or to read.")
flags.DEFINE_string("into", None, "With --from: new run folder with these weights.")
flags.mark_flag_as_required("file")


def main() -> int:
    """Writes or reads the file that the flags name; returns the exit status."""
    with command_line.loading():
        from tfseq import cells, runs

    target, source = flags.FLAGS.to, flags.FLAGS["from"].value
    if (target is None) == (source is None):
        raise UsageError("--to, --from: expected one of them; give it")
    if (source is None) != (flags.FLAGS.into is None):
        raise UsageError(
            "`into`: expected with --from, the folder to write; and only then"
        )
    arrays = read_arrays(flags.FLAGS.file) if source else {}
    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    if run.settings.bidirectional:
        raise UsageError(
            f"`run_dir`={flags.FLAGS.run_dir}: found layers in both directions, expected "
            "a model that reads forward; give another run"
        )
    if hasattr(run.model, "encoder") or not hasattr(run.model, "cell"):
        raise UsageError(
            f"`run_dir`={flags.FLAGS.run_dir}: found a {type(run.model).__name__}, expected "
            "a model of one stack of layers, such as a language model; give another run"
        )
    try:
        if source:
            read = cells.from_keras if source == "keras" else cells.from_pytorch
            cells.set_lstm_weights(run.model.cell, read(arrays))
        else:
            write = cells.to_keras if target == "keras" else cells.to_pytorch
            arrays = write(cells.lstm_weights(run.model.cell))
    except ValueError as error:
        raise UsageError(f"`file`={flags.FLAGS.file}: {error}") from None
    if source:
        run.save_copy(flags.FLAGS.into)
        print(f"{flags.FLAGS.into}: the run with the weights of {flags.FLAGS.file}")
        return 0
    with open(flags.FLAGS.file, "wb") as file:
        np.savez(file, **arrays)
    for name, array in arrays.items():
        print(f"{name:28} {array.dtype} {list(array.shape)}")
    return 0


def read_arrays(path: str) -> dict[str, np.ndarray]:
    """Returns the arrays of a .npz file.

    Raises:
        UsageError: there is no such file.
        DataError: it is no .npz file of plain arrays.
    """
    if not pathlib.Path(path).is_file():
        raise UsageError(f"`file`={path}: no such file, expected a .npz file")
    try:
        with np.load(path) as content:
            return dict(content)
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"`file`={path}: {error}; expected a .npz file of plain arrays"
        ) from None


if __name__ == "__main__":
    command_line.run(main)
