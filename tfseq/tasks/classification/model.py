"""The classifier of texts: token inputs, recurrent layers, logits of the classes."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import (
    LaneSeed,
    RepeatedRows,
    fold_lane_seed,
    lane_dropout,
    lay_out,
    unroll,
)
from tfseq.cells.arguments import as_ids
from tfseq.layers import (
    Losses,
    NaiveBayesLogit,
    SequenceModel,
    TokenInputs,
    build_cells,
    build_initializers,
    build_inputs,
    layer_precision,
)
from tfseq.layers.bidirectional_stack import BACKWARD_SEED, reverse_steps
from tfseq.layers.masking import inside_lengths

OUTPUT_DROPOUT_SEED = 1_000_003
POOLINGS = ("last", "mean_max")


@keras.saving.register_keras_serializable(package="tfseq")
class TextClassifier(SequenceModel):
    """The probability of each class of a text.

        x      = inputs(tokens)
        h(t)   = forward cell over x(0) … x(t), from state zero
        g(t)   = backward cell over x(length - 1) … x(t), from state zero (optional)
        pooled = last: h(length - 1), g(0); mean_max: mean and maximum over the tokens
        logits = dropout(pooled) · kernel + bias;  p = softmax(logits)

    Two classes have one logit, that of the second: p = 1 / (1 + exp(-logit)).

    `ngrams` is a linear classifier of the text's n-grams. With it the answer is the mean
    of its logits and the logits above (the geometric mean of the odds). Each of the two is
    trained with a loss of its own, so that each learns as much as it can (such pairs:
    Mesnil et al. 2014, https://arxiv.org/abs/1412.5335).

    Only the first `length` tokens of a row count. So padding never changes a result.

    With `backward_inputs` the backward cell has an input layer of its own, as it has in a
    language model of reversed texts: it reads the tokens from the last one to the first. Both
    layers leave out the same symbols by their `dropout`.

    With `adversarial_norm` training learns each text twice. The second time its embeddings are
    moved so that the label gets less probable (Miyato et al. 2017,
    https://arxiv.org/abs/1605.07725):

        x' = x + adversarial_norm · rms(x) · g / |g|,  g = gradient of the layers' loss at x

    |g| and rms(x), the root mean square, are those of one text. (The paper gives all
    embeddings a variance of 1 instead.) The loss at x' is added to the loss at x, with x' - x
    as a constant. Dropout leaves out the same values both times. Of two input layers the
    embeddings of each are moved so.

    Args:
        inputs: the input layer.
        cell: the forward cell, or a stack of cells.
        backward_cell: the backward cell, or None.
        backward_inputs: the input layer of the backward cell; None: `inputs`.
        pooling: `last` or `mean_max`.
        dropout: share of the pooled values dropped in training.
        kernel_initializer: initializer of the kernel.
        ngrams: the classifier of n-grams, of as many classes, or None.
        classes: the number of classes.
        adversarial_norm: the length of the move, about 5, or 0 for none.

    Raises:
        ValueError: `pooling` is neither of the two, or there are fewer than two classes,
            or `ngrams` has another number of them, or `backward_inputs` has no backward
            cell or another size or is `inputs`, or `adversarial_norm` is negative or
            there is no embedding to move.

    Attributes:
        kernel: `[width, logits]`; one logit for two classes, otherwise one for each.
        bias: `[logits]`.

    Example:
        inputs = TokenInputs(1000, embedding_size=16)
        model = TextClassifier(inputs, FusedGateLSTMCell(16), classes=5)
        model.build()
        tokens, lengths = tf.ones([8, 20], tf.int32), tf.fill([8], 20)
        logits = model(tokens, lengths)  # [8, 5]; of two classes [8]
    """

    def __init__(
        self,
        inputs: TokenInputs,
        cell: keras.layers.Layer,
        backward_cell: keras.layers.Layer | None = None,
        *,
        backward_inputs: TokenInputs | None = None,
        pooling: str = "last",
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        ngrams: NaiveBayesLogit | None = None,
        classes: int = 2,
        adversarial_norm: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(inputs, ngrams, **kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is {pooling!r}, expected one of {POOLINGS}")
        if classes < 2 or (ngrams is not None and ngrams.classes != classes):
            found = "" if ngrams is None else f" with `ngrams` of {ngrams.classes}"
            raise ValueError(
                f"classes is {classes}{found}, expected two or more, and as many there"
            )
        if backward_inputs is not None:
            if backward_cell is None:
                raise ValueError(
                    "backward_inputs: found no backward cell that reads them, expected one"
                )
            if backward_inputs is inputs:
                raise ValueError(
                    "backward_inputs: found the layer `inputs`, expected another one; leave "
                    "it out for one layer of both cells"
                )
            found, expected = (
                f"{layer.vocabulary_size} tokens and embedding_size={layer.embedding_size}"
                for layer in (backward_inputs, inputs)
            )
            if found != expected:
                raise ValueError(
                    f"backward_inputs: found {found}, expected {expected} as of `inputs`"
                )
        if adversarial_norm < 0:
            raise ValueError(
                f"adversarial_norm is {adversarial_norm}, expected 0 or more"
            )
        if adversarial_norm and not inputs.embedding_size:
            raise ValueError(
                f"adversarial_norm is {adversarial_norm} with one-hot inputs, expected an "
                "embedding"
            )
        self.cell = cell
        self.backward_cell = backward_cell
        self.backward_inputs = backward_inputs
        self.pooling = pooling
        self.adversarial_norm = adversarial_norm
        self.classes = classes
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any = None) -> None:
        """Creates all variables."""
        self.build_inputs()
        if self.backward_inputs is not None and not self.backward_inputs.built:
            self.backward_inputs.build()
        width = 0
        for cell in (self.cell, self.backward_cell):
            if cell is None:
                continue
            if not cell.built:
                cell.build((None, self.inputs_layer.features))
            width += cell.output_size * (2 if self.pooling == "mean_max" else 1)
        logits = 1 if self.classes == 2 else self.classes
        self.kernel = self.add_weight(
            shape=(width, logits), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(logits,), initializer="zeros", name="bias")
        self.built = True

    @property
    def embedding_tables(self) -> list[keras.Variable]:
        """The embeddings of which a step reads and updates few rows."""
        own = self.backward_inputs
        return [*super().embedding_tables, *([] if own is None else own.row_variables)]

    def initial_state(self, batch_size: int) -> tuple:
        """Returns an empty state: texts are independent, each starts at state zero."""
        return ()

    def pooled(
        self,
        tokens: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """Returns the pooled outputs, `[batch, width]`; arguments as of `call`."""
        features = self._features(tokens, lengths, training, lane_seed)
        return self._pooled_features(features, lengths, training, lane_seed)

    def _features(
        self,
        tokens: tf.Tensor,
        lengths: tf.Tensor,
        training: bool,
        lane_seed: LaneSeed | None,
    ) -> list[tf.Tensor | RepeatedRows]:
        """Returns the outputs of each input layer, `[time, batch, …]`."""
        read = [(self.inputs_layer, tokens)]
        if self.backward_inputs is not None:
            backward = tf.reverse_sequence(tokens, lengths, seq_axis=1, batch_axis=0)
            read.append((self.backward_inputs, backward))
        features = []
        for layer, layer_tokens in read:
            state = layer.initial_state(tf.shape(tokens)[0])
            outputs, _ = layer(
                layer_tokens, state, training=training, lane_seed=lane_seed
            )
            features.append(outputs)
        return features

    def _pooled_features(
        self,
        features: list[tf.Tensor | RepeatedRows],
        lengths: tf.Tensor,
        training: bool,
        lane_seed: LaneSeed | None,
    ) -> tf.Tensor:
        """Returns `pooled` of texts of which `_features` returned `features`."""
        readings = [(self.cell, features[0], lane_seed)]
        if self.backward_cell is not None:
            own = self.backward_inputs is not None
            reversed_inputs = (
                features[1] if own else reverse_steps(features[0], lengths)
            )
            seed = lane_seed
            if lane_seed is not None:
                seed = fold_lane_seed(lane_seed, BACKWARD_SEED)
            readings.append((self.backward_cell, reversed_inputs, seed))
        parts = []
        for cell, inputs, seed in readings:
            outputs, _ = unroll(
                cell,
                inputs,
                cell.get_initial_state(tf.shape(lengths)[0]),
                training=training,
                lane_seed=seed,
                time_major=True,
            )
            parts.append(pool(outputs, lengths, self.pooling))
        pooled = tf.concat(parts, axis=-1)
        if training and self.dropout:
            seed = fold_lane_seed(lane_seed, OUTPUT_DROPOUT_SEED)
            pooled = lane_dropout(pooled, self.dropout, seed)
        return pooled

    @tf.autograph.experimental.do_not_convert
    def losses(
        self,
        batch: tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor],
        state: tuple = (),
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> Losses:
        """Returns the losses of a batch: sums of -weight · ln p(label), in nats.

        The weights of rows may be 0, for padding, or weights of the classes.

        In training the loss is that of the layers, and the penalty is the loss of the
        classifier of n-grams and that of the moved texts. Otherwise the loss is that of the
        answer.

        Args:
            batch: tokens `[batch, time]`, lengths, labels and weights `[batch]`.
            state: the empty state.
            training: whether the losses are those of training, with dropout.
            lane_seed: the seed that dropout masks derive from.
        """
        tokens, lengths, labels, weights = batch
        labels = as_ids(labels, "`labels`", self.classes, ("batch",))

        def loss_of(logits: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(self._row_losses(logits, labels) * weights)

        if not training:
            loss = loss_of(self(tokens, lengths))
            return Losses(loss, tf.reduce_sum(weights), tf.zeros([]), state)

        def loss_at(features: list[tf.Tensor | RepeatedRows]) -> tf.Tensor:
            pooled = self._pooled_features(features, lengths, True, lane_seed)
            return loss_of(self._pooled_logit(pooled))

        features = self._features(tokens, lengths, True, lane_seed)
        penalty = tf.zeros([])
        if self.adversarial_norm:
            features = [lay_out(each) for each in features]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(features)
                loss = loss_at(features)
            moved = [
                self._moved_features(each, gradient, lengths)
                for each, gradient in zip(
                    features, tape.gradient(loss, features), strict=True
                )
            ]
            penalty += loss_at(moved)
        else:
            loss = loss_at(features)
        if self.ngrams is not None:
            penalty += loss_of(self.ngrams(tokens, lengths))
        return Losses(loss, tf.reduce_sum(weights), penalty, state)

    def _row_losses(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns -ln p(label) of each row, `[batch]`."""
        if self.classes == 2:
            # -ln sigmoid(x) = softplus(-x)
            return tf.nn.softplus((1 - 2 * tf.cast(labels, tf.float32)) * logits)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    def _moved_features(
        self, features: tf.Tensor, gradient: tf.Tensor, lengths: tf.Tensor
    ) -> tf.Tensor:
        """Returns features moved along their gradient; all `[time, batch, size]`."""
        inside = inside_lengths(features, lengths)
        values = tf.where(inside, tf.cast(features, tf.float32), 0.0)
        counts = tf.cast(lengths * features.shape[-1], tf.float32)
        scale = norm_of_each(values) / tf.sqrt(counts)[:, tf.newaxis]
        gradient = tf.cast(gradient, tf.float32)
        # The squares of a small gradient would be zero.
        largest = tf.reduce_max(tf.abs(gradient), axis=[0, 2], keepdims=True)
        gradient = tf.math.divide_no_nan(gradient, largest)
        direction = tf.math.divide_no_nan(gradient, norm_of_each(gradient))
        move = tf.cast(self.adversarial_norm * scale * direction, features.dtype)
        return features + tf.stop_gradient(move)

    def layers_logit(
        self,
        tokens: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """Returns the logits of the layers, as `call` returns those of the answer."""
        return self._pooled_logit(self.pooled(tokens, lengths, training, lane_seed))

    def _pooled_logit(self, pooled: tf.Tensor) -> tf.Tensor:
        """Returns the logits of the layers from the pooled outputs."""
        kernel = tf.cast(self.kernel, pooled.dtype)
        logits = tf.cast(tf.matmul(pooled, kernel), tf.float32)
        return (logits[:, 0] if self.classes == 2 else logits) + self.bias

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        tokens: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """Returns logits, float32: of the second of two classes `[batch]`, or of each.

        Of more than two classes they are `[batch, classes]`.

        Args:
            tokens: ids, `[batch, time]`.
            lengths: number of each text's own tokens, from 1 to time, `[batch]`.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.
        """
        logits = self.layers_logit(tokens, lengths, training, lane_seed)
        if self.ngrams is not None:
            logits = (logits + self.ngrams(tokens, lengths)) / 2
        return logits

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "cell": serialize(self.cell),
            "backward_cell": serialize(self.backward_cell),
            "backward_inputs": serialize(self.backward_inputs),
            "pooling": self.pooling,
            "dropout": self.dropout,
            "classes": self.classes,
            "adversarial_norm": self.adversarial_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


# Another name of it, which programs and `.keras` files have.
SentimentClassifier = TextClassifier
keras.saving.get_custom_objects()["tfseq>SentimentClassifier"] = TextClassifier


def norm_of_each(values: tf.Tensor) -> tf.Tensor:
    """Returns the norm of each text's values, `[time, batch, size]`, as `[1, batch, 1]`."""
    return tf.norm(values, axis=[0, 2], keepdims=True)


def pool(outputs: tf.Tensor, lengths: tf.Tensor, pooling: str) -> tf.Tensor:
    """Returns one vector for each text from the outputs at its tokens.

    Args:
        outputs: `[time, batch, units]`.
        lengths: number of each text's own tokens, `[batch]`.
        pooling: `last`, or `mean_max` for mean and maximum side by side.

    Returns:
        `[batch, units]`, or `[batch, 2 * units]`.
    """
    if pooling == "last":
        rows = tf.range(tf.shape(outputs)[1])
        return tf.gather_nd(outputs, tf.stack([lengths - 1, rows], axis=1))
    inside = inside_lengths(outputs, lengths)
    zeros = tf.where(inside, outputs, tf.zeros_like(outputs))
    counts = tf.cast(lengths, outputs.dtype)[:, tf.newaxis]
    mean = tf.reduce_sum(zeros, axis=0) / counts
    lowest = tf.where(inside, outputs, outputs.dtype.min)
    return tf.concat([mean, tf.reduce_max(lowest, axis=0)], axis=-1)


def build_classifier(
    settings: Any, vocabulary_size: int, classes: int = 2
) -> TextClassifier:
    """Returns the built classifier that the settings describe."""
    kernel, recurrent = build_initializers(settings)
    sizes = [settings.units] * settings.num_layers

    def stack() -> keras.layers.Layer:
        return build_cells(settings, sizes, kernel=kernel, recurrent=recurrent)

    with layer_precision(settings.precision):
        ngrams, backward_inputs = None, None
        if settings.ngram_features:
            ngrams = NaiveBayesLogit(
                settings.ngram_features, settings.ngram_rows, classes
            )
        if settings.initialize_backward_from:
            backward_inputs = build_inputs(settings, vocabulary_size)
        model = TextClassifier(
            build_inputs(settings, vocabulary_size),
            stack(),
            stack() if settings.bidirectional else None,
            backward_inputs=backward_inputs,
            pooling=settings.pooling,
            dropout=settings.dropout,
            kernel_initializer=kernel,
            ngrams=ngrams,
            classes=classes,
            adversarial_norm=settings.adversarial_norm,
        )
        model.build()
    return model
