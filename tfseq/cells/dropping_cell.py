"""What the cells that wrap a cell and drop a part of its values have in common."""

import keras

from tfseq.cells.composed_cell import ComposedCell
from tfseq.cells.lane_seed import LaneSeed


def check_rate(rate: float) -> None:
    """Raises ValueError unless 0 <= rate < 1."""
    if not 0 <= rate < 1:
        raise ValueError(f"dropout rate must be at least 0 and below 1, got {rate}")


class DroppingCell(ComposedCell):
    """Base of the cells that drop something of another cell in training.

    Args:
        cell: the cell; states and sizes are its own.
        rate: probability to drop a value, 0 <= rate < 1.

    Raises:
        ValueError: the rate is out of range.
    """

    dropped = "values"

    def __init__(self, cell: keras.layers.Layer, rate: float, **kwargs):
        super().__init__(**kwargs)
        check_rate(rate)
        self.cell = cell
        self.rate = float(rate)

    @property
    def input_size(self) -> int | None:
        """Number of features of the inputs, None before the cell is built."""
        return self.cell.input_size

    @property
    def state_size(self):
        """Sizes of the cell's states."""
        return self.cell.state_size

    @property
    def output_size(self) -> int:
        """Size of the cell's outputs."""
        return self.cell.output_size

    def build(self, input_shape):
        """Builds the cell for inputs of shape `[batch, features]`."""
        if not self.cell.built:
            self.cell.build(input_shape)

    def get_initial_state(self, batch_size=None):
        """Returns the initial state of the cell."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def drops(self, training: bool, lane_seed: LaneSeed | None) -> bool:
        """Whether something is to be dropped.

        Raises:
            ValueError: it is, and there is no lane seed.
        """
        if not training or self.rate == 0:
            return False
        if lane_seed is None:
            raise ValueError(
                f"{self.name} drops {self.dropped} with rate {self.rate} in training and "
                "needs lane_seed=LaneSeed(seed, first_lane), received None"
            )
        return True

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "rate": self.rate,
        }

    @classmethod
    def from_config(cls, config):
        """Returns a cell made from `get_config()`."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell})
