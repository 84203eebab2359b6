"""Language models as TensorFlow modules for serving, with explicit state and text.

Functions, by the names of their signatures; a state is `state_0`, `state_1`, …, tensors
`[batch, …]`, as many as the model has:

    initial_state(batch_size) -> (state_0, …)
    step(tokens int32 [batch], state_0, …) -> (logits [batch, vocabulary], state_0, …)
    generate(prompt, length, temperature, seed) -> (text)

`generate` takes and returns scalars. An exported model needs TensorFlow alone:

    model = tf.saved_model.load(folder)
    state = model.signatures["initial_state"](batch_size=tf.constant(1))
    state = model.signatures["step"](tokens=tf.constant([3]), **state)
    logits = state.pop("logits")  # Of the token after token 3.
    text = model.signatures["generate"](
        prompt=tf.constant("the "), length=tf.constant(200),
        temperature=tf.constant(1.0), seed=tf.constant(0),
    )["text"]
"""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfseq.decoding.rules import Sampling, gumbel_noise
from tfseq.decoding.token_loop import Written, write_tokens

# White space between words, all but line ends.
WHITE_SPACE = r"[\t\v\f\r\x1c-\x1f\x{0085}\p{Z}]+"


class SteppedLanguageModel(tf.Module):
    """A language model that reads one token at a time; the state is argument and result.

    Example:
        module = SteppedLanguageModel(model)
        state = module.initial_state(tf.constant(2))
        state = module.step(tf.constant([3, 0]), **state)
        logits = state.pop("logits")  # [2, vocabulary]

    Args:
        model: the built language model.

    Attributes:
        state_names: `state_0` and so on, one for each tensor of the model's state.
        state_specs: shape and type of each of them, by name.
    """

    def __init__(self, model: Any):
        super().__init__()
        # A module follows its attributes: the function hides Keras' layers from it, and
        # only the variables are saved.
        self._model = lambda: model
        self.weights = [variable.value for variable in model.variables]
        example = tf.nest.flatten(model.initial_state(1))
        self.state_names = [f"state_{index}" for index in range(len(example))]
        self.state_specs = {
            name: tf.TensorSpec([None, *part.shape[1:]], part.dtype, name)
            for name, part in zip(self.state_names, example, strict=True)
        }

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the functions by name, for `tf.saved_model.save`."""
        return {
            "initial_state": tf.function(self.initial_state).get_concrete_function(
                batch_size=tf.TensorSpec([], tf.int32, "batch_size")
            ),
            "step": tf.function(self.step).get_concrete_function(
                tokens=tf.TensorSpec([None], tf.int32, "tokens"), **self.state_specs
            ),
        }

    def pack_state(self, named: Mapping[str, tf.Tensor]) -> Any:
        """Returns the model's state of tensors by name."""
        flat = [named[name] for name in self.state_names]
        return tf.nest.pack_sequence_as(self._model().initial_state(1), flat)

    def name_state(self, state: Any) -> dict[str, tf.Tensor]:
        """Returns the tensors of the model's state by name."""
        return dict(zip(self.state_names, tf.nest.flatten(state), strict=True))

    def initial_state(self, batch_size: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the state before the first token.

        Args:
            batch_size: the number of texts, a scalar.
        """
        return self.name_state(self._model().initial_state(batch_size))

    def step(self, tokens: tf.Tensor, **state: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns logits `[batch, vocabulary]`, under `logits`, and the new state.

        Args:
            tokens: the token that each text goes on with, `[batch]`.
            state: the tensors of the state by name.
        """
        logits, packed = self._model()(tokens[:, tf.newaxis], self.pack_state(state))
        return {"logits": logits[:, 0], **self.name_state(packed)}


class ServedLanguageModel(SteppedLanguageModel):
    """A language model that also takes and returns text.

    Example:
        module = ServedLanguageModel(model, ["a", "b"], "character", forbidden=None)
        module.signatures()["generate"](
            prompt=tf.constant("ab"), length=tf.constant(3),
            temperature=tf.constant(0.0), seed=tf.constant(0),
        )["text"]

    Args:
        model: the built language model.
        tokens: the vocabulary, by id.
        level: the kind of token, `character` or `word`.
        forbidden: a token that is never written (`<unk>`), or None.
    """

    def __init__(
        self, model: Any, tokens: Sequence[str], level: str, *, forbidden: int | None
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
        """Returns the functions by name, for `tf.saved_model.save`."""
        generate = tf.function(self.generate).get_concrete_function(
            prompt=tf.TensorSpec([], tf.string, "prompt"),
            length=tf.TensorSpec([], tf.int32, "length"),
            temperature=tf.TensorSpec([], tf.float32, "temperature"),
            seed=tf.TensorSpec([], tf.int32, "seed"),
        )
        return {**super().signatures(), "generate": generate}

    def encode(self, text: tf.Tensor) -> tf.Tensor:
        """Returns the ids of a text, `[tokens]`.

        An empty text gets the id of a line end, or of the first token where the
        vocabulary has no line end.

        Args:
            text: a scalar string.
        """
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
        """Returns the prompt and `length` more tokens, under `text`.

        The noise is a function of seed and position. All arguments are scalars.

        Args:
            prompt: the text to go on from.
            length: tokens to write.
            temperature: the logits are divided by it; at 0 each token is the most
                probable one.
            seed: seed of the draws.
        """
        ids = self.encode(prompt)
        known = tf.debugging.assert_non_negative(
            ids, "the prompt has characters that are not in the vocabulary"
        )
        with tf.control_dependencies([known]):
            model = self._model()
            logits, state = model(ids[tf.newaxis], model.initial_state(1))
        drawn = temperature > 0

        def noise(position: tf.Tensor) -> tf.Tensor:
            values = gumbel_noise([1, self.size], tf.stack([seed, position]))
            return tf.where(drawn, values, 0.0)

        ids, _, _ = write_tokens(
            model,
            # At temperature 0 there is no noise, and the greatest logit is taken.
            Sampling(temperature=tf.where(drawn, temperature, 1.0)),
            Written(logits[:, -1], state),
            length=length,
            forbidden=self.forbidden,
            noise=noise,
        )
        words = tf.gather(self.tokens, ids[0])
        if self.level == "character":
            return {"text": tf.strings.join([prompt, tf.strings.reduce_join(words)])}
        joined = tf.strings.reduce_join(words, separator=" ")
        joined = tf.strings.regex_replace(joined, " ?\n ?", "\n")
        at_line_end = tf.strings.regex_full_match(
            prompt, r"(?s)|.*\n"
        ) | tf.strings.regex_full_match(joined, r"(?s)|\n.*")
        between = tf.where(at_line_end, "", " ")
        return {"text": tf.strings.join([prompt, between, joined])}
