"""Trained models as TensorFlow modules for serving, with explicit state and text."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfseq.inference.generation import barrier_against, gumbel_noise

# What parts words, but for line ends.
WHITE_SPACE = r"[\t\v\f\r\x1c-\x1f\x{0085}\p{Z}]+"


class SteppedLanguageModel(tf.Module):
    """A language model token by token, its state handed in and out.

    Functions:
        initial_state(batch_size): the state before the first token.
        step(tokens `[batch]`, state): logits `[batch, vocabulary]` of the next token and
            the new state.

    A state is a dictionary of tensors, `state_0` and so on, `[batch, …]` each.

    Args:
        model: the built language model.
    """

    def __init__(self, model: Any):
        super().__init__()
        # Behind a function, for only the variables are to be saved, not Keras' layers.
        self._model = lambda: model
        self.weights = [variable.value for variable in model.variables]
        example = tf.nest.flatten(model.initial_state(1))
        self.state_names = [f"state_{index}" for index in range(len(example))]
        self.state_specs = {
            name: tf.TensorSpec([None, *part.shape[1:]], part.dtype, name)
            for name, part in zip(self.state_names, example, strict=True)
        }

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The functions by name, for `tf.saved_model.save`."""
        return {
            "initial_state": tf.function(self.initial_state).get_concrete_function(
                batch_size=tf.TensorSpec([], tf.int32, "batch_size")
            ),
            "step": tf.function(self.step).get_concrete_function(
                tokens=tf.TensorSpec([None], tf.int32, "tokens"), **self.state_specs
            ),
        }

    def pack_state(self, flat: Sequence[tf.Tensor]) -> Any:
        """The model's state from its tensors."""
        return tf.nest.pack_sequence_as(self._model().initial_state(1), list(flat))

    def name_state(self, state: Any) -> dict[str, tf.Tensor]:
        """The tensors of the model's state by name."""
        return dict(zip(self.state_names, tf.nest.flatten(state), strict=True))

    def initial_state(self, batch_size: tf.Tensor) -> dict[str, tf.Tensor]:
        """The state before the first token."""
        return self.name_state(self._model().initial_state(batch_size))

    def step(self, tokens: tf.Tensor, **state: tf.Tensor) -> dict[str, tf.Tensor]:
        """Logits of the next token, under `logits`, and the new state."""
        packed = self.pack_state([state[name] for name in self.state_names])
        logits, packed = self._model()(tokens[:, tf.newaxis], packed)
        return {"logits": logits[:, 0], **self.name_state(packed)}


class ServedLanguageModel(SteppedLanguageModel):
    """A language model that also takes and returns text.

    Functions:
        initial_state, step: as of `SteppedLanguageModel`.
        generate(prompt, length, temperature, seed): the prompt and `length` tokens more.

    Args:
        model: the built language model.
        tokens: the vocabulary, by id.
        level: what a token is, `character` or `word`.
        forbidden: a token that is never written (`<unk>`), or None.
    """

    def __init__(
        self, model: Any, tokens: Sequence[str], level: str, forbidden: int | None
    ):
        super().__init__(model)
        self.level = level
        self.forbidden = forbidden
        self.size = len(tokens)
        shown = ["\n" if token == "<eos>" else token for token in tokens]
        self.tokens = tf.Variable(shown, trainable=False)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(shown), tf.range(self.size, dtype=tf.int32)
            ),
            default_value=-1 if forbidden is None else forbidden,
        )

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The functions by name, for `tf.saved_model.save`."""
        generate = tf.function(self.generate).get_concrete_function(
            prompt=tf.TensorSpec([], tf.string, "prompt"),
            length=tf.TensorSpec([], tf.int32, "length"),
            temperature=tf.TensorSpec([], tf.float32, "temperature"),
            seed=tf.TensorSpec([], tf.int32, "seed"),
        )
        return {**super().signatures(), "generate": generate}

    def encode(self, text: tf.Tensor) -> tf.Tensor:
        """The ids of a text, `[tokens]`; of a line end (or the first token) without one."""
        if self.level == "word":
            spaced = tf.strings.regex_replace(text, WHITE_SPACE, " ")
            spaced = tf.strings.regex_replace(spaced, "\n", " \n ")
            parts = tf.strings.split(spaced, " ")
            parts = tf.boolean_mask(parts, parts != "")
        else:
            parts = tf.strings.unicode_split(text, "UTF-8")
        ids = self.table.lookup(parts)
        start = tf.maximum(self.table.lookup(tf.constant(["\n"])), 0)
        return tf.cond(tf.size(ids) > 0, lambda: ids, lambda: start)

    def generate(
        self,
        prompt: tf.Tensor,
        length: tf.Tensor,
        temperature: tf.Tensor,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The text under `text`; temperature 0 always takes the most probable token."""
        ids = self.encode(prompt)
        known = tf.debugging.assert_non_negative(
            ids, "the prompt has characters that are not in the vocabulary"
        )
        with tf.control_dependencies([known]):
            model = self._model()
            logits, state = model(ids[tf.newaxis], model.initial_state(1))
        logits = logits[:, -1]
        flat_state = tuple(tf.nest.flatten(state))
        barrier = barrier_against(self.forbidden, self.size)
        written = tf.TensorArray(tf.int32, length, element_shape=[])
        for position in tf.range(length):
            noise = gumbel_noise([1, self.size], tf.stack([seed, position]))
            noise *= temperature
            tokens = tf.argmax(logits + barrier + noise, -1, output_type=tf.int32)
            written = written.write(position, tokens[0])
            next_logits, state = model(
                tokens[:, tf.newaxis], self.pack_state(flat_state)
            )
            logits = next_logits[:, 0]
            flat_state = tuple(tf.nest.flatten(state))
        words = tf.gather(self.tokens, written.stack())
        if self.level == "character":
            return {"text": tf.strings.join([prompt, tf.strings.reduce_join(words)])}
        joined = tf.strings.reduce_join(words, separator=" ")
        joined = tf.strings.regex_replace(joined, " ?\n ?", "\n")
        at_line_end = tf.strings.regex_full_match(
            prompt, r"(?s)|.*\n"
        ) | tf.strings.regex_full_match(joined, r"(?s)|\n.*")
        between = tf.where(at_line_end, "", " ")
        return {"text": tf.strings.join([prompt, between, joined])}


class ServedClassifier(tf.Module):
    """A classifier whose function takes raw strings.

    Functions:
        predict(texts `[batch]`): probabilities of "positive", `[batch]`.

    Args:
        model: the built classifier.
        encoder: turns strings `[batch]` into ids `[batch, tokens]`, ragged.
        max_length: tokens of a review that are read, its last ones.
        left_padded: whether shorter ones are filled up on the left with id 0, read as
            text.
    """

    def __init__(
        self,
        model: Any,
        encoder: Callable[[tf.Tensor], tf.RaggedTensor],
        max_length: int,
        left_padded: bool,
    ):
        super().__init__()
        self._model = lambda: model
        self._encoder = encoder
        self.weights = [variable.value for variable in model.variables]
        self.table = encoder.table
        self.max_length = max_length
        self.left_padded = left_padded

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The functions by name, for `tf.saved_model.save`."""
        return {
            "predict": tf.function(self.predict).get_concrete_function(
                texts=tf.TensorSpec([None], tf.string, "texts")
            )
        }

    def predict(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probabilities, under `probabilities`; a text without a word is an error."""
        ids = self._encoder(texts)[:, -self.max_length :]
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        some = tf.debugging.assert_positive(lengths, "a review has no word in it")
        with tf.control_dependencies([some]):
            tokens = ids.to_tensor()
        if self.left_padded:
            tokens = tf.reverse_sequence(tokens, lengths, seq_axis=1)
            missing = self.max_length - tf.shape(tokens)[1]
            tokens = tf.pad(tokens, [[0, 0], [0, missing]])
            tokens = tf.reverse(tokens, [1])
            lengths = tf.fill(tf.shape(lengths), self.max_length)
        logits = self._model()(tokens, lengths)
        return {"probabilities": tf.sigmoid(logits)}
