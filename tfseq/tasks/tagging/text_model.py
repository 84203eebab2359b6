"""The tagger of texts: characters, recurrent layers whose state is carried, tags."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed
from tfseq.cells.arguments import as_ids
from tfseq.layers import (
    Losses,
    TokenInputs,
    build_cells,
    build_initializers,
    build_inputs,
    layer_precision,
)
from tfseq.tasks.tagging.tagger import Tagger

NO_TAG = -1


class TextTaggerState(NamedTuple):
    """The state that a tagger of texts carries from one unrolling to the next.

    Attributes:
        inputs: the last characters, which the input layer needs again.
        cell: the recurrent state, a nest of `[batch, …]`.
        pending: the tags of the last characters, which are told later, `[batch,
            lookahead]`; -1 where there is none.
    """

    inputs: Any
    cell: Any
    pending: tf.Tensor


@keras.saving.register_keras_serializable(package="tfseq")
class TextTagger(Tagger):
    """Tells a tag for each character of a text, some characters after it was read.

        x(t), n(t) = inputs(character t, n(t-1))
        h(t), s(t) = cell(x(t), s(t-1))
        logits of the tag of character t - lookahead = dropout(h(t)) · kernel + bias

    The state is an argument and a result, so that a text of any length can be read
    unrolling by unrolling, and what stood long before is known.

    Args:
        inputs: the input layer.
        cell: the recurrent cell, or a stack of cells.
        num_tags: number of tags.
        lookahead: characters that are read after one before its tag is told.
        **kwargs: `dropout`, `variational_dropout`, `kernel_initializer`; see `Tagger`.

    Attributes:
        kernel: `[units, tags]`.
        bias: `[tags]`.

    Example:
        model = TextTagger(TokenInputs(100), FusedGateLSTMCell(16), 7, lookahead=5)
        model.build()
        characters = tf.zeros([8, 20], tf.int32)
        logits, state = model(characters, model.initial_state(batch_size=8))
    """

    def __init__(
        self,
        inputs: TokenInputs,
        cell: keras.layers.Layer,
        num_tags: int,
        *,
        lookahead: int = 0,
        **kwargs: Any,
    ):
        super().__init__(inputs, num_tags, **kwargs)
        self.cell = cell
        self.lookahead = lookahead

    def build(self, input_shape: Any = None) -> None:
        """Creates all variables."""
        self.build_inputs()
        if not self.cell.built:
            self.cell.build((None, self.inputs_layer.features))
        self.build_logits(self.cell.output_size)
        self.built = True

    @tf.autograph.experimental.do_not_convert
    def initial_state(self, batch_size: int | tf.Tensor) -> TextTaggerState:
        """Returns the state before the first character."""
        return TextTaggerState(
            self.inputs_layer.initial_state(batch_size),
            self.cell.get_initial_state(batch_size),
            tf.fill([batch_size, self.lookahead], NO_TAG),
        )

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        characters: tf.Tensor,
        state: TextTaggerState,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, TextTaggerState]:
        """Returns the logits of the tags, and the new state.

        Args:
            characters: ids, `[batch, time]`.
            state: the state before the first of them.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.

        Returns:
            Logits, float32 `[batch, time, tags]`, each of the character that is
            `lookahead` before; and the state, in which `pending` is unchanged.
        """
        hidden, state = self.hidden(
            characters, TextTaggerState(*state), training, lane_seed
        )
        return self.logits(hidden, training, lane_seed), state

    def due_tags(
        self, tags: tf.Tensor, state: TextTaggerState
    ) -> tuple[tf.Tensor, TextTaggerState]:
        """Returns the tags that are told while characters are read, and the new state.

        Args:
            tags: those of the characters, `[batch, time]`.
            state: the state before the first of them.

        Returns:
            The tags of the characters that are `lookahead` before, `[batch, time]`, -1
            where there is none; and the state with the rest.
        """
        all_tags = tf.concat([state.pending, tags], axis=1)
        time = tf.shape(tags)[1]
        return all_tags[:, :time], state._replace(pending=all_tags[:, time:])

    @tf.autograph.experimental.do_not_convert
    def losses(
        self,
        batch: tuple[tf.Tensor, tf.Tensor],
        state: TextTaggerState,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> Losses:
        """Returns the losses of a batch: sums of -ln p(tag), in nats; and the new state.

        Args:
            batch: characters and their tags, `[batch, time]`.
            state: the state before the first character.
            training: whether to apply dropout.
            lane_seed: the seed that dropout masks derive from.
        """
        characters, tags = batch
        tags = as_ids(tags, "`tags`", self.num_tags, ("batch", "time"))
        logits, state = self(characters, state, training=training, lane_seed=lane_seed)
        due, state = self.due_tags(tags, state)
        known = due >= 0
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.maximum(due, 0), logits
        )
        loss = tf.reduce_sum(tf.where(known, losses, 0.0))
        count = tf.reduce_sum(tf.cast(known, tf.float32))
        return Losses(loss, count, tf.zeros([]), state)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "cell": serialize(self.cell),
            "lookahead": self.lookahead,
        }


def build_text_tagger(settings: Any, vocabularies: Any) -> TextTagger:
    """Returns the built tagger that the settings describe."""
    kernel, recurrent = build_initializers(settings)
    sizes = [settings.units] * settings.num_layers
    with layer_precision(settings.precision):
        model = TextTagger(
            build_inputs(settings, len(vocabularies["tokens"])),
            build_cells(settings, sizes, kernel=kernel, recurrent=recurrent),
            len(vocabularies["tags"]),
            lookahead=settings.lookahead,
            dropout=settings.dropout,
            variational_dropout=settings.variational_dropout,
            kernel_initializer=kernel,
        )
        model.build()
    return model
