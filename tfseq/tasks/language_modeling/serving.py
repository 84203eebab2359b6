"""Language models as TensorFlow modules for serving, with explicit state and text.

Functions, by the names of their signatures; a state is `state_0`, `state_1`, …, tensors
`[batch, …]`, as many as the model has:

    initial_state(batch_size) -> (state_0, …)
    step(tokens int32 [batch], state_0, …) -> (logits [batch, vocabulary], state_0, …)
    generate(prompt, length, temperature, seed) -> (text)
    serving_default(prompts string [batch]) -> (texts string [batch])

`generate` takes and returns scalars. `serving_default` writes what `generate` writes of each
prompt with the length, the temperature and the seed that `sample` has by default; a text
does not depend on those beside it, and no prompt gives no text. An empty prompt is a line's
beginning. What the commands refuse, such as a word outside the vocabulary, is an
InvalidArgumentError that says so.

An exported model needs TensorFlow alone:

    model = tf.saved_model.load(folder)
    state = model.signatures["initial_state"](batch_size=tf.constant(1))
    state = model.signatures["step"](tokens=tf.constant([3]), **state)
    logits = state.pop("logits")  # Of the token after token 3.
    text = model.signatures["generate"](
        prompt=tf.constant("the "), length=tf.constant(200),
        temperature=tf.constant(1.0), seed=tf.constant(0),
    )["text"]
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfseq.decoding.rules import Sampling, gumbel_noise
from tfseq.decoding.token_loop import Written, write_tokens
from tfseq.pipelines import Vocabulary, graph_vocabulary
from tfseq.pipelines.vocabulary_in_graph import WHITE_SPACE
from tfseq.tasks.graph_checks import checked
from tfseq.tasks.language_modeling.settings import SampleOptions

DEFAULTS = SampleOptions()
RANGES = {
    field.name: (field.metadata["lower"], field.metadata["upper"])
    for field in dataclasses.fields(SampleOptions)
}


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
        self.weights = [variable.value for variable in model.weights]
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
        words = "batch_size: expected 0 or more texts, found"
        batch_size = checked(batch_size, (batch_size >= 0, words, batch_size))
        return self.name_state(self._model().initial_state(batch_size))

    def step(self, tokens: tf.Tensor, **state: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns logits `[batch, vocabulary]`, under `logits`, and the new state.

        Args:
            tokens: the token that each text goes on with, `[batch]`.
            state: the tensors of the state by name.
        """
        size = self._model().vocabulary_size
        foreign = tf.boolean_mask(tokens, (tokens < 0) | (tokens >= size))
        words = f"tokens: expected ids of the vocabulary, 0 to {size - 1}, found"
        checks = [(tf.equal(tf.size(foreign), 0), words, foreign)]
        for name, part in state.items():
            words = f"{name}: expected as many rows as there are tokens, found"
            rows = tf.shape(part)[0]
            checks.append((tf.equal(rows, tf.shape(tokens)[0]), words, rows))
        tokens, state = checked((tokens, state), *checks)
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
        level: the kind of token, `character`, `word` or `subword`.
        forbidden: a token that is never written (`<unk>`), or None.
    """

    def __init__(
        self, model: Any, tokens: Sequence[str], level: str, *, forbidden: int | None
    ):
        super().__init__(model)
        vocabulary = Vocabulary(tokens, level)
        self.forbidden = forbidden
        self.size = len(tokens)
        self.kind_of_parts = vocabulary.kind_of_parts
        self.start = vocabulary.line_end_id or 0
        self.vocabulary = graph_vocabulary(vocabulary)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the functions by name, for `tf.saved_model.save`."""
        generate = tf.function(self.generate).get_concrete_function(
            prompt=tf.TensorSpec([], tf.string, "prompt"),
            length=tf.TensorSpec([], tf.int32, "length"),
            temperature=tf.TensorSpec([], tf.float32, "temperature"),
            seed=tf.TensorSpec([], tf.int32, "seed"),
        )
        serving_default = tf.function(self.generate_each).get_concrete_function(
            prompts=tf.TensorSpec([None], tf.string, "prompts")
        )
        return {
            **super().signatures(),
            "generate": generate,
            "serving_default": serving_default,
        }

    def encode(self, text: tf.Tensor) -> tf.Tensor:
        """Returns the ids of a text, `[tokens]`.

        An empty text gets the id of a line end, or of the first token where the
        vocabulary has no line end.

        Args:
            text: a scalar string.
        """
        unknown = self.vocabulary.unknown_parts(text[tf.newaxis])
        words = f"prompt: expected {self.kind_of_parts} of the vocabulary, found"
        text = checked(text, (tf.equal(tf.size(unknown), 0), words, unknown))
        ids = self.vocabulary.encode(text[tf.newaxis]).flat_values
        start = tf.constant([self.start])
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
            length: tokens to write, 0 or more.
            temperature: the logits are divided by it; at 0 each token is the most
                probable one. Otherwise it has the range of the command's `temperature`.
            seed: seed of the draws.
        """
        (least, most), (_, longest) = RANGES["temperature"], RANGES["length"]
        inside = (temperature >= least) & (temperature <= most)
        words = f"temperature: expected 0, or {least:g} to {most:g}, found"
        check = (tf.equal(temperature, 0) | inside, words, temperature)
        temperature = checked(temperature, check)
        words = f"length: expected 0 to {longest:,} tokens, found"
        length = checked(length, ((length >= 0) & (length <= longest), words, length))
        read = self.encode(prompt)
        model = self._model()
        logits, state = model(read[tf.newaxis], model.initial_state(1))
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
        return {"text": prompt + self._continuation(prompt, read, ids[0])}

    def _continuation(
        self, prompt: tf.Tensor, read: tf.Tensor, written: tf.Tensor
    ) -> tf.Tensor:
        """Returns the text of tokens that follow a prompt, a scalar.

        Args:
            prompt: the prompt.
            read: its tokens.
            written: the tokens that follow.
        """
        # Where white space ends the prompt, or there is none, no space is missing.
        ended = tf.strings.regex_full_match(prompt, rf"(?s)(.*(\n|{WHITE_SPACE}))?")
        before = read[tf.size(read) - tf.cast(~ended, tf.int32) :]
        both = tf.concat([before, before, written], axis=0)
        lengths = [tf.size(before), tf.size(before) + tf.size(written)]
        texts = self.vocabulary.decode(tf.RaggedTensor.from_row_lengths(both, lengths))
        length = tf.strings.length(texts[1])
        return tf.strings.substr(texts[1], tf.strings.length(texts[0]), length)

    def generate_each(self, prompts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns each prompt and what `sample` has by default after it, under `texts`.

        Args:
            prompts: strings, `[batch]`.

        Returns:
            Strings, `[batch]`.
        """

        def text(prompt: tf.Tensor) -> tf.Tensor:
            return self.generate(
                prompt,
                tf.constant(DEFAULTS.length),
                tf.constant(DEFAULTS.temperature),
                tf.constant(DEFAULTS.seed),
            )["text"]

        return {"texts": tf.map_fn(text, prompts, fn_output_signature=tf.string)}
