"""The tagger of sentences: words, letters and features, recurrent layers, tags."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells import (
    LaneSeed,
    RepeatedRows,
    StackedCell,
    fold_lane_seed,
    lay_out,
)
from tfseq.cells.arguments import as_ids
from tfseq.cells.dropout import kept_by_lane
from tfseq.configuration import CELLS
from tfseq.layers import (
    BidirectionalStack,
    ConditionalRandomField,
    LetterInputs,
    Losses,
    TokenInputs,
    build_cells,
    build_initializers,
    build_inputs,
    layer_precision,
)
from tfseq.tasks.tagging.tagger import Tagger

UNKNOWN_SEED = 1_000_037


class Sentences(NamedTuple):
    """A batch of sentences as ids, padded with zeros.

    Attributes:
        words: ids of the words, `[batch, time]`.
        spellings: a number for each word that tells its spelling, `[batch, time]`.
        letters: ids of each word's letters, `[batch, time, letters]`.
        features: ids of further columns, `[batch, time, columns]`.
        lengths: number of words of each sentence, `[batch]`.
    """

    words: tf.Tensor
    spellings: tf.Tensor
    letters: tf.Tensor
    features: tf.Tensor
    lengths: tf.Tensor


@keras.saving.register_keras_serializable(package="tfseq")
class SentenceTagger(Tagger):
    """Tells a tag for each word of a sentence.

        x(t)      = embedding of word t, vector of its letters, embeddings of its features
        h(t)      = recurrent layers over x(0) … x(n-1)
        logits(t) = dropout(h(t)) · kernel + bias

    The tags are the best sequence of a conditional random field over the logits, or each
    tag is the one with the highest logit. What stands after a sentence changes nothing.

    Args:
        inputs: the input layer of the words.
        stack: the recurrent layers.
        num_tags: number of tags.
        letters: the layer that reads letters, or None.
        num_features: number of values of all further columns; 0 for no such columns.
        num_columns: number of further columns.
        feature_embedding_size: width of the embedding of each of them.
        unknown_id: id of the unknown word.
        field: the conditional random field, or None.
        **kwargs: `dropout`, `variational_dropout`, `kernel_initializer`; see `Tagger`.

    Attributes:
        kernel: `[width, tags]`.
        bias: `[tags]`.
        unknown_rates: the probability that a word is read as an unknown one in training,
            `[vocabulary]`; zeros at first.

    Example:
        from tfseq.tasks.tagging.model import Sentences

        lstm = FusedGateLSTMCell
        model = SentenceTagger(
            TokenInputs(1000, embedding_size=16),
            BidirectionalStack([lstm(16)], [lstm(16)]),
            num_tags=5,
            field=ConditionalRandomField(5),
        )
        model.build()
        words = tf.ones([8, 20], tf.int32)
        rest = tf.zeros([8, 20, 0], tf.int32)
        sentences = Sentences(words, words, rest, rest, tf.fill([8], 12))
        tags = model.decode(model(sentences), sentences.lengths)
    """

    def __init__(
        self,
        inputs: TokenInputs,
        stack: BidirectionalStack,
        num_tags: int,
        *,
        letters: LetterInputs | None = None,
        num_features: int = 0,
        num_columns: int = 0,
        feature_embedding_size: int = 20,
        unknown_id: int = 1,
        field: ConditionalRandomField | None = None,
        **kwargs: Any,
    ):
        super().__init__(inputs, num_tags, **kwargs)
        self.stack = stack
        self.letters = letters
        self.num_features = num_features
        self.num_columns = num_columns
        self.feature_embedding_size = feature_embedding_size
        self.unknown_id = unknown_id
        self.field = field

    def build(self, input_shape: Any = None) -> None:
        """Creates all variables."""
        self.build_inputs()
        width = self.inputs_layer.features
        if self.letters is not None:
            if not self.letters.built:
                self.letters.build()
            width += self.letters.features
        if self.num_columns:
            scale = self.inputs_layer.embedding_scale
            self.feature_embedding = self.add_weight(
                shape=(self.num_features, self.feature_embedding_size),
                initializer=keras.initializers.RandomUniform(
                    -scale, scale, self.inputs_layer.seed
                ),
                name="feature_embedding",
            )
            width += self.num_columns * self.feature_embedding_size
        if not self.stack.built:
            self.stack.build((None, None, width))
        self.build_logits(self.stack.output_size)
        self.unknown_rates = self.add_weight(
            shape=(self.inputs_layer.vocabulary_size,),
            initializer="zeros",
            trainable=False,
            autocast=False,
            name="unknown_rates",
        )
        self.built = True

    def initial_state(self, batch_size: int) -> tuple:
        """Returns an empty state: each sentence starts from state zero."""
        return ()

    @tf.autograph.experimental.do_not_convert
    def call(
        self,
        sentences: Sentences,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """Returns the logits of all tags, float32 `[batch, time, tags]`.

        Args:
            sentences: the sentences.
            training: whether to apply dropout and to read words as unknown ones.
            lane_seed: the seed of both; needed in training.
        """
        sentences = Sentences(*sentences)
        inputs = self._inputs(sentences, training, lane_seed)
        outputs = self.stack(
            inputs, sentences.lengths, training=training, lane_seed=lane_seed
        )
        return self.logits(outputs, training, lane_seed)

    def _inputs(
        self, sentences: Sentences, training: bool, lane_seed: LaneSeed | None
    ) -> tf.Tensor:
        """Returns the inputs of the first layer, `[time, batch, features]`."""
        words = sentences.words
        if training:
            words = self._hide_rare(words, lane_seed)
        batch_size = tf.shape(words)[0]
        state = self.inputs_layer.initial_state(batch_size)
        features, _ = self.inputs_layer(
            words, state, training=training, lane_seed=lane_seed
        )
        parts = [lay_out(features)]
        if self.letters is not None:
            parts.append(self.letters(sentences.spellings, sentences.letters))
        if self.num_columns:
            columns = tf.transpose(sentences.features, [1, 0, 2])
            table = tf.cast(self.feature_embedding.value, self.compute_dtype)
            found = lay_out(RepeatedRows(table, columns))
            width = self.num_columns * self.feature_embedding_size
            sizes = tf.concat([tf.shape(columns)[:2], [width]], axis=0)
            found = tf.reshape(found, sizes)
            parts.append(tf.ensure_shape(found, [*columns.shape[:2], width]))
        return tf.concat(parts, axis=-1)

    def _hide_rare(self, words: tf.Tensor, lane_seed: LaneSeed) -> tf.Tensor:
        """Returns the words, some of them replaced by the unknown one."""
        batch_size, time = tf.unstack(tf.shape(words))
        kept = kept_by_lane(
            fold_lane_seed(lane_seed, UNKNOWN_SEED),
            tf.gather(self.unknown_rates.value, words),
            num_lanes=batch_size,
            num_masks=time,
            features=1,
        )
        return tf.where(kept[..., 0], words, self.unknown_id)

    @tf.autograph.experimental.do_not_convert
    def losses(
        self,
        batch: tuple[tf.Tensor, ...],
        state: tuple = (),
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> Losses:
        """Returns the losses of a batch: sums of -ln p(tags), in nats.

        Args:
            batch: the parts of `Sentences`, and the tags `[batch, time]`.
            state: the empty state.
            training: whether to apply dropout.
            lane_seed: the seed that dropout masks derive from.
        """
        *parts, tags = batch
        sentences = Sentences(*parts)
        tags = as_ids(tags, "`tags`", self.num_tags, ("batch", "time"))
        logits = self(sentences, training=training, lane_seed=lane_seed)
        likelihood = self.log_likelihood(logits, tags, sentences.lengths)
        count = tf.cast(tf.reduce_sum(sentences.lengths), tf.float32)
        return Losses(-tf.reduce_sum(likelihood), count, tf.zeros([]), state)

    def log_likelihood(
        self, logits: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor
    ) -> tf.Tensor:
        """Returns ln p of the tags of each sentence, `[batch]`.

        Args:
            logits: `[batch, time, tags]`.
            tags: `[batch, time]`.
            lengths: `[batch]`.
        """
        if self.field is not None:
            return self.field.log_likelihood(logits, tags, lengths)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tags, logits)
        inside = tf.sequence_mask(lengths, tf.shape(tags)[1])
        return -tf.reduce_sum(tf.where(inside, losses, 0.0), axis=1)

    def decode(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Returns the best tags, int32 `[batch, time]`; after the lengths any."""
        if self.field is not None:
            return self.field.decode(logits, lengths)[0]
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    def probabilities(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Returns the probability of each tag of each word, `[batch, time, tags]`."""
        if self.field is not None:
            return self.field.marginals(logits, lengths)
        return tf.nn.softmax(logits)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "stack": serialize(self.stack),
            "letters": serialize(self.letters),
            "num_features": self.num_features,
            "num_columns": self.num_columns,
            "feature_embedding_size": self.feature_embedding_size,
            "unknown_id": self.unknown_id,
            "field": serialize(self.field),
        }


def build_sentence_tagger(
    settings: Any, vocabularies: Any, *, num_columns: int, unknown_id: int
) -> SentenceTagger:
    """Returns the built tagger that the settings describe.

    Args:
        settings: the settings of the run.
        vocabularies: the vocabularies of words, letters, features and tags.
        num_columns: number of further columns.
        unknown_id: id of the unknown word.
    """
    kernel, recurrent = build_initializers(settings)
    num_tags = len(vocabularies["tags"])

    def layers() -> Sequence[keras.layers.Layer]:
        sizes = [settings.units] * settings.num_layers
        cells = build_cells(settings, sizes, kernel=kernel, recurrent=recurrent)
        return cells.parts if isinstance(cells, StackedCell) else [cells]

    with layer_precision(settings.precision):
        letters = None
        if settings.letter_units:
            letters = LetterInputs(
                len(vocabularies["letters"]),
                settings.letter_embedding_size,
                *(letter_cell(settings, kernel, recurrent) for _ in range(2)),
                embedding_scale=settings.embedding_scale,
                seed=settings.seed,
            )
        field = None
        if settings.tag_layer == "crf":
            field = ConditionalRandomField(num_tags)
        model = SentenceTagger(
            build_inputs(settings, len(vocabularies["tokens"])),
            BidirectionalStack(layers(), layers() if settings.bidirectional else ()),
            num_tags,
            letters=letters,
            num_features=len(vocabularies["features"]),
            num_columns=num_columns,
            feature_embedding_size=settings.feature_embedding_size,
            unknown_id=unknown_id,
            dropout=settings.dropout,
            variational_dropout=settings.variational_dropout,
            kernel_initializer=kernel,
            field=field,
        )
        model.build()
    return model


def letter_cell(settings: Any, kernel: Any, recurrent: Any) -> keras.layers.Layer:
    """Returns a cell that reads letters, of the run's kind and without dropout."""
    row = CELLS.row(settings.cell)
    options = {name: getattr(settings, name) for name in row.options}
    return row.load()(
        settings.letter_units,
        kernel_initializer=kernel,
        recurrent_initializer=recurrent,
        **options,
    )
