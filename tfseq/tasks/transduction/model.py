"""The transducer: an encoder of sources, and a decoder that writes targets."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import (
    AttentionCell,
    LaneSeed,
    StackedCell,
    fold_lane_seed,
    lane_dropout,
)
from tfseq.cells.arguments import as_ids
from tfseq.cells.lanes import lane_seed_as_tensors
from tfseq.cells.recurrent_cell import state_sizes
from tfseq.cells.unroll import swap_batch_and_time
from tfseq.configuration import projects_outputs
from tfseq.errors import UsageError
from tfseq.layers import (
    BidirectionalStack,
    Losses,
    SequenceModel,
    Softmax,
    TokenInputs,
    build_cells,
    build_initializers,
    build_inputs,
    layer_precision,
)

OUTPUT_DROPOUT_SEED = 1_000_003
SOURCE_SEED = 1_000_099


class TransducerState(NamedTuple):
    """Where the targets of a batch stand.

    Attributes:
        inputs: the last tokens, which the input layer needs again, `[batch, n - 1]`.
        cell: the recurrent state, a nest of `[batch, …]`; with attention an
            `AttentionState`.
    """

    inputs: Any
    cell: Any


@keras.saving.register_keras_serializable(package="tfseq")
class Transducer(SequenceModel):
    """Writes a target for a source, token by token.

        e(1) … e(n) = encoder(source_inputs(source))
        s(0)        = tanh([last forward output, last backward output] · bridge + bias)
        h(t), s(t)  = cell(inputs(target(t-1)), s(t-1)), which attends to e(1) … e(n)
        logits(t)   = softmax.kernelᵀ · dropout(h(t)) + softmax.bias

    target(0) is the end mark, and a target is whole when the end mark has been written.
    The bridge makes all states of the decoder's cells (Bahdanau et al. 2015,
    https://arxiv.org/abs/1409.0473). Without attention, and with an encoder that reads
    forward only, s(0) is the final state of the encoder's cells (Sutskever, Vinyals and
    Le 2014, https://arxiv.org/abs/1409.3215).

    What stands after a source's or a target's length changes nothing.

    Args:
        inputs: the input layer of targets.
        source_inputs: the input layer of sources; None: `inputs` reads them too, so that
            sources and targets have one embedding (Press and Wolf 2017,
            https://arxiv.org/abs/1608.05859; with `tie_embeddings` the three-way tying).
        encoder: the layers that read sources.
        cell: the decoder, an `AttentionCell` or any other cell.
        vocabulary_size: number of tokens of targets.
        end_id: id of the end mark.
        dropout: share of the cell's outputs dropped before the softmax.
        variational_dropout: whether all time steps have the same dropout mask before the
            softmax.
        softmax_initializer: initializer of the softmax's kernel and of the bridge.
        tie_embeddings: whether the embedding of targets is also the kernel of the softmax.
        label_smoothing: share of each label's probability that training spreads over all
            tokens; see `smoothed_softmax_loss`.
        reverse_source: whether sources are read from their last token to the first.

    Raises:
        UsageError: the embedding is to be tied and does not fit the softmax.

    Attributes:
        bridge: `[width of the encoder, widths of all states of the cell]`, or None.
        bridge_bias: `[widths of all states of the cell]`, or None.

    Example:
        model = Transducer(
            TokenInputs(30, embedding_size=16),
            TokenInputs(40, embedding_size=16),
            BidirectionalStack([FusedGateLSTMCell(32)], [FusedGateLSTMCell(32)]),
            AttentionCell(FusedGateLSTMCell(32), units=32, memory_size=64),
            vocabulary_size=30,
            end_id=1,
        )
        model.build()
        state = model.encode(tf.ones([8, 12], tf.int32), tf.fill([8], 12))
        logits, state = model(tf.ones([8, 1], tf.int32), state)  # [8, 1, 30]
    """

    def __init__(
        self,
        inputs: TokenInputs,
        source_inputs: TokenInputs | None,
        encoder: BidirectionalStack,
        cell: keras.layers.Layer,
        *,
        vocabulary_size: int,
        end_id: int,
        dropout: float = 0.0,
        variational_dropout: bool = False,
        softmax_initializer: Any = "glorot_uniform",
        tie_embeddings: bool = False,
        label_smoothing: float = 0.0,
        reverse_source: bool = False,
        **kwargs: Any,
    ):
        super().__init__(inputs, None, **kwargs)
        if tie_embeddings and (
            inputs.num_symbols != vocabulary_size
            or inputs.embedding_size != cell.output_size
        ):
            raise UsageError(
                f"`tie_embeddings`: found an embedding of {inputs.num_symbols} rows of "
                f"{inputs.embedding_size}, expected {vocabulary_size} rows of "
                f"{cell.output_size}, as wide as the last layer; change `embedding_size`"
            )
        self.source_inputs = inputs if source_inputs is None else source_inputs
        self.encoder = encoder
        self.cell = cell
        self.vocabulary_size = vocabulary_size
        self.end_id = end_id
        self.dropout = dropout
        self.variational_dropout = variational_dropout
        self.softmax = Softmax(vocabulary_size, softmax_initializer, name="softmax")
        self.tie_embeddings = tie_embeddings
        self.label_smoothing = label_smoothing
        self.reverse_source = reverse_source
        self.bridge = self.bridge_bias = None

    @property
    def shares_embeddings(self) -> bool:
        """Whether one input layer reads sources and targets."""
        return self.source_inputs is self.inputs_layer

    @property
    def attends(self) -> bool:
        """Whether the decoder attends to the encoder's outputs."""
        return isinstance(self.cell, AttentionCell)

    @property
    def hands_states_over(self) -> bool:
        """Whether the decoder starts from the encoder's own final states."""
        return not (self.attends or self.encoder.backward_cells)

    @property
    def _state_sizes(self) -> tuple:
        """Sizes of the decoder's states, without what it attends to."""
        return state_sizes(self.cell.cell if self.attends else self.cell)

    def build(self, input_shape: Any = None) -> None:
        """Creates all variables."""
        self.build_inputs()
        if not self.source_inputs.built:
            self.source_inputs.build()
        if not self.encoder.built:
            self.encoder.build((None, None, self.source_inputs.features))
        if not self.cell.built:
            self.cell.build((None, self.inputs_layer.features))
        if not self.hands_states_over:
            width = sum(tf.nest.flatten(self._state_sizes))
            self.bridge = self.add_weight(
                shape=(self.encoder.output_size, width),
                initializer=self.softmax.initializer,
                name="bridge",
            )
            self.bridge_bias = self.add_weight(
                shape=(width,), initializer="zeros", name="bridge_bias"
            )
        embedding = self.inputs_layer.embedding if self.tie_embeddings else None
        self.softmax.build(self.cell.output_size, embedding)
        self.built = True

    @property
    def embedding_tables(self) -> list[keras.Variable]:
        """The embeddings of which a step reads and updates few rows."""
        own = [] if self.shares_embeddings else self.source_inputs.row_variables
        return [*super().embedding_tables, *own]

    def initial_state(self, batch_size: int) -> tuple:
        """Returns an empty state: each pair starts from its source."""
        return ()

    @tf.autograph.experimental.do_not_convert
    def encode(
        self,
        sources: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> TransducerState:
        """Returns the state before the first token of the targets.

        Args:
            sources: ids, `[batch, time]`.
            lengths: number of each source's own tokens, `[batch]`.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.
        """
        size = self.source_inputs.vocabulary_size
        sources = as_ids(sources, "`sources`", size, ("batch", "time"))
        lengths = as_ids(lengths, "`lengths`", tf.int32.max, ("batch",))
        if self.reverse_source:
            sources = tf.reverse_sequence(sources, lengths, seq_axis=1, batch_axis=0)
        if lane_seed is not None:
            # The decoder's masks come from the seed itself.
            lane_seed = lane_seed_as_tensors(fold_lane_seed(lane_seed, SOURCE_SEED))
        batch_size = tf.shape(sources)[0]
        features, _ = self.source_inputs(
            sources,
            self.source_inputs.initial_state(batch_size),
            training=training,
            lane_seed=lane_seed,
        )
        found = self.encoder(
            features,
            lengths,
            training=training,
            lane_seed=lane_seed,
            return_state=self.hands_states_over,
        )
        inputs = self.inputs_layer.initial_state(batch_size)
        if self.hands_states_over:
            _, states = found
            states = tuple(forward for (forward,) in states)
            is_stack = isinstance(self.cell, StackedCell)
            return TransducerState(inputs, states if is_stack else states[0])
        state = self._cross_bridge(found, lengths)
        if self.attends:
            state = self.cell.initial_state(swap_batch_and_time(found), lengths, state)
        return TransducerState(inputs, state)

    def _cross_bridge(self, outputs: tf.Tensor, lengths: tf.Tensor) -> tuple:
        """Returns the decoder's first state, from outputs `[time, batch, width]`."""
        rows = tf.range(tf.shape(lengths)[0])
        last = tf.stack([tf.maximum(lengths - 1, 0), rows], axis=1)
        read = tf.gather_nd(outputs, last)
        if self.encoder.backward_cells:
            forward = self.encoder.cells[-1].output_size
            read = tf.concat([read[:, :forward], outputs[0, :, forward:]], axis=1)
        bridge = tf.cast(self.bridge.value, read.dtype)
        bias = tf.cast(self.bridge_bias.value, read.dtype)
        states = tf.tanh(tf.nn.bias_add(tf.matmul(read, bridge), bias))
        sizes = tf.nest.flatten(self._state_sizes)
        return tf.nest.pack_sequence_as(
            self._state_sizes, tf.split(states, sizes, axis=1)
        )

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        tokens: tf.Tensor,
        state: TransducerState,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, TransducerState]:
        """Returns logits `[batch, time, vocabulary]` of the next tokens, and the new state.

        Args:
            tokens: ids of the targets, `[batch, time]`; the first is the end mark.
            state: the state that `encode` or the call before returned.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.
        """
        state = TransducerState(*state)
        hidden, state = self._decoded(tokens, state, training, lane_seed)
        return self._logits(hidden, self.softmax), state

    def token_step(self) -> Callable:
        """Returns a function `(tokens, state) -> (logits, state)` that computes `call`.

        It is for many calls in a row: what they share is computed once, here.
        """
        project = self.softmax.projection(self.cell.compute_dtype)

        @tf.autograph.experimental.do_not_convert
        def step(
            tokens: tf.Tensor, state: TransducerState
        ) -> tuple[tf.Tensor, TransducerState]:
            hidden, state = self._decoded(tokens, TransducerState(*state), False, None)
            return self._logits(hidden, project), state

        return step

    def _logits(self, hidden, project):
        """Returns `[batch, time, vocabulary]` for what the softmax reads, time first."""
        hidden = swap_batch_and_time(hidden)
        logits = project(tf.reshape(hidden, [-1, hidden.shape[-1]]))
        shape = tf.concat([tf.shape(hidden)[:-1], [self.vocabulary_size]], axis=0)
        return tf.reshape(logits, shape)

    def _decoded(self, tokens, state, training, lane_seed):
        """Returns what the softmax reads, `[time, batch, units]`, and the new state."""
        hidden, state = self.hidden(tokens, state, training, lane_seed)
        if training and self.dropout:
            seed = fold_lane_seed(lane_seed, OUTPUT_DROPOUT_SEED)
            hidden = lane_dropout(
                hidden, self.dropout, seed, self.variational_dropout, time_major=True
            )
        return hidden, state

    def _predictions(
        self,
        batch: Sequence[tf.Tensor],
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns what the softmax reads before each token of the targets, no padding.

        Most of a step's time goes into the softmax, so it is spared the padding.

        Args:
            batch: as in `losses`.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks.

        Returns:
            Hidden values `[tokens, units]`, the tokens' ids and their rows, `[tokens]`.
        """
        sources, source_lengths, targets, target_lengths = batch
        targets, tokens = self._targets_and_inputs(targets)
        state = self.encode(sources, source_lengths, training, lane_seed)
        hidden, _ = self._decoded(tokens, state, training, lane_seed)
        inside = tf.sequence_mask(target_lengths, tf.shape(targets)[1])
        places = tf.where(tf.transpose(inside))
        flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
        numbers = places[:, 0] * tf.shape(targets, tf.int64)[0] + places[:, 1]
        labels = tf.gather_nd(tf.transpose(targets), places)
        return tf.gather(flat, numbers), labels, places[:, 1]

    def _targets_and_inputs(self, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns targets as ids, and what the decoder reads before each of them."""
        size = self.vocabulary_size
        targets = as_ids(targets, "`targets`", size, ("batch", "time"))
        ends = tf.fill([tf.shape(targets)[0], 1], self.end_id)
        inputs = tf.concat([ends, targets[:, :-1]], axis=1)
        return targets, tf.ensure_shape(inputs, targets.shape)

    @tf.autograph.experimental.do_not_convert
    def losses(
        self,
        batch: Sequence[tf.Tensor],
        state: tuple = (),
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> Losses:
        """Returns the losses of a batch: sums of -ln p over the tokens of all targets.

        Each token is predicted from the source and the true tokens before it.

        Args:
            batch: sources `[batch, source time]` and their lengths `[batch]`; targets
                `[batch, time]` and their lengths `[batch]`.
            state: the empty state.
            training: whether to apply dropout and label smoothing.
            lane_seed: the seed that dropout masks derive from.
        """
        hidden, labels, _ = self._predictions(batch, training, lane_seed)
        penalty = tf.zeros([])
        if training and self.label_smoothing:
            loss, penalty = self.softmax.smoothed_loss(
                hidden, labels, self.label_smoothing
            )
        else:
            loss = self.softmax.total_loss(hidden, labels, None)
        return Losses(loss, tf.cast(tf.size(labels), tf.float32), penalty, state)

    @tf.autograph.experimental.do_not_convert
    def log_likelihoods(self, batch: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns ln p of each target given its source, float32 `[batch]`.

        Args:
            batch: as in `losses`; a target of length 0 has ln p = 0.
        """
        hidden, labels, rows = self._predictions(batch)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, self.softmax(hidden)
        )
        return -tf.math.unsorted_segment_sum(losses, rows, tf.shape(batch[0])[0])

    @tf.autograph.experimental.do_not_convert
    def attention(
        self,
        sources: tf.Tensor,
        source_lengths: tf.Tensor,
        targets: tf.Tensor,
        target_lengths: tf.Tensor,
    ) -> tf.Tensor:
        """Returns how much each token of a target attends to each token of its source.

        Args:
            sources: ids, `[batch, source time]`.
            source_lengths: number of each source's own tokens, `[batch]`.
            targets: ids, `[batch, time]`.
            target_lengths: number of each target's own tokens, `[batch]`.

        Returns:
            Weights, float32 `[batch, time, source time]`, in the order of the sources'
            tokens. They sum to 1 over the source; after the lengths they are 0.

        Raises:
            UsageError: the model has no attention.
        """
        if not self.attends:
            raise UsageError(
                "`attention`=none: found a model without attention, expected dot, general "
                "or additive; train one with `attention`=general"
            )
        source_lengths, target_lengths = (
            as_ids(each, f"`{name}`", tf.int32.max, ("batch",))
            for name, each in (
                ("source_lengths", source_lengths),
                ("target_lengths", target_lengths),
            )
        )
        targets, tokens = self._targets_and_inputs(targets)
        state = self.encode(sources, source_lengths)
        features, _ = self.inputs_layer(tokens, state.inputs)
        weights, _ = self.cell.attention(features, state.cell)
        weights = tf.cast(weights, tf.float32)
        if self.reverse_source:
            weights = tf.reverse_sequence(
                weights, source_lengths, seq_axis=2, batch_axis=0
            )
        inside = tf.sequence_mask(target_lengths, tf.shape(targets)[1])
        return tf.where(inside[..., tf.newaxis], weights, 0)

    def split_state(self, state: TransducerState) -> tuple[TransducerState, Any]:
        """Returns the part of a state that changes from step to step, and the rest.

        The rest is what the decoder attends to, `()` without attention. Its row m may serve
        several rows of the first part that follow one another: see `AttentionMemory`.
        """
        if not self.attends:
            return state, ()
        cell = state.cell._replace(memory=())
        return state._replace(cell=cell), state.cell.memory

    def join_state(self, changing: TransducerState, fixed: Any) -> TransducerState:
        """Returns the whole state: the reverse of `split_state`."""
        if not self.attends:
            return changing
        return changing._replace(cell=changing.cell._replace(memory=fixed))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        serialize = keras.saving.serialize_keras_object
        config = super().get_config()
        config.pop("ngrams")
        return {
            **config,
            "source_inputs": None
            if self.shares_embeddings
            else serialize(self.source_inputs),
            "encoder": serialize(self.encoder),
            "cell": serialize(self.cell),
            "vocabulary_size": self.vocabulary_size,
            "end_id": self.end_id,
            "dropout": self.dropout,
            "variational_dropout": self.variational_dropout,
            "softmax_initializer": keras.initializers.serialize(
                self.softmax.initializer
            ),
            "tie_embeddings": self.tie_embeddings,
            "label_smoothing": self.label_smoothing,
            "reverse_source": self.reverse_source,
        }


def build_transducer(settings: Any, vocabularies: Any) -> Transducer:
    """Returns the built transducer that the settings describe.

    Each direction of the encoder and the decoder have `units` units a layer. With
    `tie_embeddings` what the softmax reads has `embedding_size` units.

    Args:
        settings: the settings of the run.
        vocabularies: the vocabularies of targets, `tokens`, and of `sources`.

    Raises:
        UsageError: the encoder's outputs do not fit the score of the attention.
    """
    tokens, sources = vocabularies["tokens"], vocabularies["sources"]
    kernel, recurrent = build_initializers(settings)
    with layer_precision(settings.precision):
        model = Transducer(
            build_inputs(settings, len(tokens)),
            None if settings.share_embeddings else build_inputs(settings, len(sources)),
            *_build_encoder_and_cell(settings, kernel, recurrent),
            vocabulary_size=len(tokens),
            end_id=tokens.line_end_id,
            dropout=settings.dropout,
            variational_dropout=settings.variational_dropout,
            softmax_initializer=kernel,
            tie_embeddings=settings.tie_embeddings,
            label_smoothing=settings.label_smoothing,
            reverse_source=settings.reverse_source,
        )
        model.build()
    return model


def _build_encoder_and_cell(
    settings: Any, kernel: Any, recurrent: Any
) -> tuple[BidirectionalStack, keras.layers.Layer]:
    """Returns the layers that read sources, and the cell that writes targets."""
    sizes = [settings.units] * settings.num_layers
    written = settings.embedding_size if settings.tie_embeddings else settings.units
    if settings.attention == "none" and not projects_outputs(settings):
        # The decoder takes the encoder's states over, so both have the same sizes.
        sizes[-1] = written

    def build() -> keras.layers.Layer:
        return build_cells(settings, sizes, kernel=kernel, recurrent=recurrent)

    def layers() -> Sequence[keras.layers.Layer]:
        cells = build()
        return cells.parts if isinstance(cells, StackedCell) else [cells]

    encoder = BidirectionalStack(layers(), layers() if settings.bidirectional else ())
    decoder = build()
    if settings.attention == "none":
        return encoder, decoder
    if settings.attention == "dot" and encoder.output_size != decoder.output_size:
        raise UsageError(
            f"`attention`=dot: found with `bidirectional`, so sources of width "
            f"{encoder.output_size} and a decoder of {settings.units} units, expected "
            "equal widths; take `attention`=general"
        )
    cell = AttentionCell(
        decoder,
        written,
        encoder.output_size,
        score=settings.attention,
        input_feeding=settings.input_feeding,
        kernel_initializer=kernel,
    )
    return encoder, cell
