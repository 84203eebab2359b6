"""A linear-chain conditional random field: whole sequences of tags and their probability.

Lafferty, McCallum and Pereira 2001, "Conditional random fields: probabilistic models for
segmenting and labeling sequence data", https://dl.acm.org/doi/10.5555/645530.655813. On top
of an LSTM: Huang, Xu and Yu 2015, https://arxiv.org/abs/1508.01991; Ma and Hovy 2016,
https://arxiv.org/abs/1603.01354.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseq.cells.arguments import (
    as_ids,
    as_tensor,
    check_ids,
    describe,
    positive_integer,
)
from tfseq.cells.time_loop import loop_over_time
from tfseq.errors import UsageError

# Scaled sums are exact while the weights of tags differ by less than e^this; the least
# normal number of float32 is e^-87.
MOST_RANGE = 80.0


class Chain(NamedTuple):
    """Logits and weights that the score of every sequence of tags depends on.

    Attributes:
        logits: `[time, batch, tags]`, float32; zero after the lengths.
        transitions: `[tags, tags]`, from the row's tag to the column's.
        start: `[tags]`.
        end: `[tags]`.
        lengths: number of the steps that count, `[batch]`.
    """

    logits: tf.Tensor
    transitions: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor
    lengths: tf.Tensor


@keras.saving.register_keras_serializable(package="tfseq")
class ConditionalRandomField(keras.layers.Layer):
    """A linear-chain conditional random field over sequences of tags.

    The score of a sequence of tags y(0) … y(n-1) adds up logits, which a model computes from
    the inputs, and learned weights of neighbouring tags:

        score(y) = start[y(0)] + Σ_t logits(t)[y(t)] + Σ_t transitions[y(t-1), y(t)]
                   + end[y(n-1)]
        ln p(y)  = score(y) - ln Σ_y' exp(score(y'))

    The sum over all sequences is computed by the forward algorithm, the probability of a
    tag at a step by the forward-backward algorithm, the best sequence by Viterbi's. Each
    takes time · tags² operations. Gradients are the differences between what is found and
    what is expected, so no loop is differentiated.

    Each row counts as many steps as its length says; what stands after them changes
    nothing. The only sequence of length 0 has score 0 and probability 1. All arithmetic is
    done in float32, whatever the type of the logits.

    Called, the layer returns the best tags. `log_likelihood` is for training.

    Args:
        num_tags: number of tags.
        initializer: first values of `transitions`, `start` and `end`.

    Raises:
        ValueError: `num_tags` is below 1, or arguments have other shapes or ids.

    Attributes:
        transitions: `[tags, tags]`, from the row's tag to the column's.
        start: `[tags]`.
        end: `[tags]`.

    Call arguments:
        logits: `[batch, time, tags]`.
        lengths: number of each row's own steps, `[batch]`; None for all.
        mask: booleans `[batch, time]`, in the place of lengths; the steps that count
            stand first.

    Returns:
        Tags, int32 `[batch, time]`; 0 after the lengths.

    Example:
        field = ConditionalRandomField(num_tags=5)
        logits = tf.random.normal([8, 20, 5])
        tags, lengths = tf.zeros([8, 20], tf.int32), tf.fill([8], 12)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(field.log_likelihood(logits, tags, lengths))
        gradients = tape.gradient(loss, field.trainable_variables)
        best, scores = field.decode(logits, lengths)
        assert best.shape == (8, 20) and scores.shape == (8,)

        # In a Keras model, the loss of a batch:
        class Tagger(keras.Model):
            def __init__(self):
                super().__init__()
                self.lstm = keras.layers.LSTM(16, return_sequences=True)
                self.logits = keras.layers.Dense(5)
                self.field = ConditionalRandomField(5)

            def call(self, inputs):
                return self.logits(self.lstm(inputs))

            def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
                return -tf.reduce_mean(self.field.log_likelihood(y_pred, y))

        tagger = Tagger()
        tagger.compile("adam")
        tagger.fit(tf.random.normal([8, 20, 3]), tags, verbose=0)
    """

    def __init__(self, num_tags: int, initializer: Any = "zeros", **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.num_tags = positive_integer("num_tags", num_tags)
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True
        for name, shape in (
            ("transitions", (self.num_tags, self.num_tags)),
            ("start", (self.num_tags,)),
            ("end", (self.num_tags,)),
        ):
            weight = self.add_weight(
                shape=shape,
                initializer=self.initializer,
                dtype="float32",
                autocast=False,
                name=name,
            )
            setattr(self, name, weight)

    def build(self, input_shape: Any = None) -> None:
        """Does nothing: the weights do not depend on the inputs."""

    def compute_output_shape(self, input_shape: Any, *_: Any) -> tuple:
        """Returns the shape of the tags, `[batch, time]`."""
        return tuple(input_shape[:-1])

    def compute_output_spec(self, logits: Any, *_: Any, **__: Any) -> Any:
        """Returns shape and type of the tags, for functional models."""
        return keras.KerasTensor(logits.shape[:-1], dtype="int32")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Returns the mask of the logits, which is that of the tags."""
        return previous_mask

    def call(
        self,
        logits: tf.Tensor,
        lengths: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the best tags, `[batch, time]`; see the class."""
        return self.decode(logits, lengths, mask=mask)[0]

    @tf.autograph.experimental.do_not_convert
    def log_likelihood(
        self,
        logits: tf.Tensor,
        tags: tf.Tensor,
        lengths: tf.Tensor | None = None,
        *,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns ln p of the given tags, float32 `[batch]`; it can be differentiated once.

        Args:
            logits: `[batch, time, tags]`.
            tags: ids from 0 to `num_tags` - 1, `[batch, time]`; after the lengths any.
            lengths: number of each row's own steps, `[batch]`; None for all.
            mask: booleans `[batch, time]`, in the place of lengths.
        """
        chain = self._chain(logits, lengths, mask)
        return _log_likelihood(chain, _ids_within(chain, tags))

    @tf.autograph.experimental.do_not_convert
    def score(
        self,
        logits: tf.Tensor,
        tags: tf.Tensor,
        lengths: tf.Tensor | None = None,
        *,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the score of the given tags, `[batch]`; arguments as `log_likelihood`."""
        chain = self._chain(logits, lengths, mask)
        return _score(chain, _ids_within(chain, tags))

    @tf.autograph.experimental.do_not_convert
    def log_partition(
        self,
        logits: tf.Tensor,
        lengths: tf.Tensor | None = None,
        *,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns ln Σ exp(score) over all sequences, `[batch]`, without a gradient."""
        beginnings = sum_beginnings(self._chain(logits, lengths, mask))
        return tf.stop_gradient(beginnings.log_partition)

    @tf.autograph.experimental.do_not_convert
    def marginals(
        self,
        logits: tf.Tensor,
        lengths: tf.Tensor | None = None,
        *,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the probability of each tag at each step, without a gradient.

        Arguments as of `decode`.

        Returns:
            `[batch, time, tags]`, float32; zero after the lengths.
        """
        chain = self._chain(logits, lengths, mask)
        found = marginals_of(chain, sum_beginnings(chain))
        return tf.stop_gradient(tf.transpose(found, [1, 0, 2]))

    @tf.autograph.experimental.do_not_convert
    def decode(
        self,
        logits: tf.Tensor,
        lengths: tf.Tensor | None = None,
        *,
        mask: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the sequence of tags with the highest score (Viterbi 1967).

        Args:
            logits: `[batch, time, tags]`.
            lengths: number of each row's own steps, `[batch]`; None for all.
            mask: booleans `[batch, time]`, in the place of lengths.

        Returns:
            Tags, int32 `[batch, time]`, 0 after the lengths; and their scores,
            float32 `[batch]`.
        """
        chain = self._chain(logits, lengths, mask)
        tags, scores = best_sequences(chain)
        return tf.transpose(tags), scores

    def _chain(
        self, logits: tf.Tensor, lengths: tf.Tensor | None, mask: tf.Tensor | None
    ) -> Chain:
        """Returns the chain of a batch, time first."""
        expected = f"numbers [batch, time, {self.num_tags}]"
        logits = as_tensor(logits, "`logits`", expected)
        if logits.shape.rank != 3 or logits.shape[-1] != self.num_tags:
            raise UsageError(
                f"`logits`: found the shape {tuple(logits.shape)}, expected [batch, time, "
                f"{self.num_tags}]; give one logit for each tag"
            )
        if lengths is not None and mask is not None:
            raise UsageError(
                "`lengths`, `mask`: found both, expected one; leave one out"
            )
        time = tf.shape(logits)[1]
        if mask is not None:
            mask = as_tensor(mask, "`mask`", "booleans [batch, time]")
            if not mask.shape.is_compatible_with(logits.shape[:2]):
                raise UsageError(
                    f"`mask`: found the shape {tuple(mask.shape)}, expected that of the "
                    f"steps, {tuple(logits.shape[:2])}; give one for each step"
                )
            lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
            first = tf.debugging.assert_equal(
                tf.sequence_mask(lengths, time),
                tf.cast(mask, tf.bool),
                "`mask`: the steps that count must stand first",
            )
            with tf.control_dependencies([] if first is None else [first]):
                lengths = tf.identity(lengths)
        elif lengths is None:
            lengths = tf.fill(tf.shape(logits)[:1], time)
        else:
            batch, most = logits.shape[:2]
            most = tf.int32.max - 1 if most is None else most
            axes = ("batch" if batch is None else batch,)
            lengths = as_ids(lengths, "`lengths`", most + 1, axes)
        lengths = tf.cast(lengths, tf.int32)
        inside = tf.transpose(tf.sequence_mask(lengths, time))[..., tf.newaxis]
        logits = tf.transpose(tf.cast(logits, tf.float32), [1, 0, 2])
        return Chain(
            tf.where(inside, logits, 0.0),
            *(weight.value for weight in (self.transitions, self.start, self.end)),
            lengths,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = super().get_config()
        config.pop("autocast", None)
        return {
            **config,
            "num_tags": self.num_tags,
            "initializer": keras.initializers.serialize(self.initializer),
        }


class Beginnings(NamedTuple):
    """Sums over the beginnings of sequences, from both ends of each row.

    Attributes:
        before: for each step and tag, the sum over what stands before the step, `[time,
            batch, 2 * tags]`: first from the start, then, in reversed order of time, from
            the end. Scaled, or in logarithms.
        narrow: whether they are scaled, a boolean scalar.
        log_partition: ln Σ exp(score) over all sequences, `[batch]`.
    """

    before: tf.Tensor
    narrow: tf.Tensor
    log_partition: tf.Tensor


def _ids_within(chain: Chain, tags: tf.Tensor) -> tf.Tensor:
    """Returns ids `[batch, time]` as int32 `[time, batch]`, 0 after the lengths.

    Raises:
        TypeError: they are no integers.
        ValueError: they have another shape, or one that counts is at hand and no tag.
    """
    tags = as_tensor(tags, "`tags`", "integers [batch, time]")
    time, batch, num_tags = chain.logits.shape
    if not (tags.dtype.is_integer and tags.shape.is_compatible_with([batch, time])):
        raise UsageError(
            f"`tags`: found {describe(tags)}, expected integers [batch, time] as of the "
            f"logits, {(batch, time)}; give one for each step"
        )
    ids = tf.where(_inside(chain), tf.transpose(tf.cast(tags, tf.int32)), 0)
    check_ids(ids, "`tags`", num_tags)
    return ids


def _log_likelihood(chain: Chain, tags: tf.Tensor) -> tf.Tensor:
    """Returns ln p of the tags `[time, batch]`, `[batch]`, with its gradient."""

    @tf.custom_gradient
    def compute(logits, transitions, start, end):
        here = Chain(logits, transitions, start, end, chain.lengths)
        beginnings = sum_beginnings(here)

        def gradient(upstream):
            known = tf.where(_inside(here), tags, -1)
            one_hot = tf.one_hot(known, logits.shape[-1])
            differences = one_hot - marginals_of(here, beginnings)
            differences *= upstream[:, tf.newaxis]
            pairs = _found_pairs(here, one_hot, upstream)
            pairs -= expected_pairs(here, beginnings, upstream)
            first = tf.reduce_sum(differences[0], axis=0)
            last = tf.reduce_sum(_at_last(differences, here.lengths), axis=0)
            return differences, pairs, first, last

        return _score(here, tags) - beginnings.log_partition, gradient

    return compute(chain.logits, chain.transitions, chain.start, chain.end)


def sum_beginnings(chain: Chain) -> Beginnings:
    """Runs the forward algorithm from both ends of each row, in one loop.

    Two ways lead to the same sums. Scaled sums take two products of small matrices for each
    step and are exact as long as all weights differ by less than e^80. Logarithms take
    tags² exponentials for each row and step, and know no bounds.
    """
    narrow = _range(chain) < MOST_RANGE
    before, log_partition = tf.cond(
        narrow, lambda: _scaled_beginnings(chain), lambda: _log_beginnings(chain)
    )
    return Beginnings(before, narrow, tf.where(chain.lengths > 0, log_partition, 0.0))


def marginals_of(chain: Chain, beginnings: Beginnings) -> tf.Tensor:
    """Returns the probability of each tag at each step, `[time, batch, tags]`."""
    found = tf.cond(
        beginnings.narrow,
        lambda: _scaled_marginals(chain, beginnings),
        lambda: _log_marginals(chain, beginnings),
    )
    return tf.where(_inside(chain)[..., tf.newaxis], found, 0.0)


def expected_pairs(
    chain: Chain, beginnings: Beginnings, row_weights: tf.Tensor
) -> tf.Tensor:
    """Returns the expected number of each transition, added up over weighted rows.

    Args:
        chain: the chain.
        beginnings: its sums.
        row_weights: `[batch]`.

    Returns:
        `[tags, tags]`.
    """
    weights = tf.where(_inside(chain)[1:], row_weights, 0.0)
    return tf.cond(
        beginnings.narrow,
        lambda: _scaled_pairs(chain, beginnings, weights),
        lambda: _log_pairs(chain, beginnings, weights),
    )


def best_sequences(chain: Chain) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the best tags, int32 `[time, batch]`, and their scores, `[batch]`."""
    num_tags = chain.logits.shape[-1]
    time = tf.shape(chain.logits)[0]
    last = chain.lengths - 1

    def forward(elements, state):
        logits, at_start = elements
        (before,) = state
        ways = before[:, :, tf.newaxis] + chain.transitions
        scores = tf.where(at_start, chain.start, tf.reduce_max(ways, axis=1)) + logits
        return [scores], (scores,)

    (scores,), _ = loop_over_time(
        forward,
        [chain.logits, tf.range(time) == 0],
        (tf.zeros_like(chain.logits[0]),),
        output_sizes=[num_tags],
        slices=True,
    )
    # From each row's last step back, the tag from which the best way came.
    into = tf.transpose(chain.transitions)

    def backward(elements, state):
        scores, step = elements
        (following,) = state
        rest = tf.where(
            (step == last)[:, tf.newaxis], chain.end, tf.gather(into, following)
        )
        tags = tf.argmax(scores + rest, axis=1, output_type=tf.int32)
        tags = tf.where(step <= last, tags, 0)
        return [tags[:, tf.newaxis]], (tags,)

    (tags,), _ = loop_over_time(
        backward,
        [scores, tf.range(time)],
        (tf.zeros_like(chain.lengths),),
        output_sizes=[1],
        reverse=True,
        slices=True,
    )
    highest = tf.reduce_max(_at_last(scores, chain.lengths) + chain.end, axis=1)
    return tags[..., 0], tf.where(chain.lengths > 0, highest, 0.0)


def _inside(chain: Chain) -> tf.Tensor:
    """Returns whether each step counts, booleans `[time, batch]`."""
    steps = tf.range(tf.shape(chain.logits)[0])
    return steps[:, tf.newaxis] < chain.lengths


def _at_last(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the values `[time, batch, …]` at each row's last step, the first if none."""
    rows = tf.range(tf.shape(lengths)[0])
    return tf.gather_nd(values, tf.stack([tf.maximum(lengths - 1, 0), rows], axis=1))


def _reverse(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns values `[time, batch, …]` with each row's own steps in reversed order."""
    return tf.reverse_sequence(values, lengths, seq_axis=0, batch_axis=1)


def _range(chain: Chain) -> tf.Tensor:
    """Returns ln of a bound of the ratio of the weights of two tags, a scalar."""

    def spread(scores: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(scores) - tf.reduce_min(scores)

    of_steps = tf.reduce_max(chain.logits, axis=2) - tf.reduce_min(chain.logits, axis=2)
    weights = (chain.transitions, chain.start, chain.end)
    return tf.reduce_max(of_steps) + tf.reduce_max([spread(part) for part in weights])


def _exp_of_ratio(scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns exp(scores - maximum), and the maximum of all."""
    highest = tf.reduce_max(scores)
    return tf.exp(scores - highest), highest


def _scaled_logits(chain: Chain) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns exp(logits - maximum of the step), and these maxima, `[time, batch]`."""
    highest = tf.reduce_max(chain.logits, axis=2)
    return tf.exp(chain.logits - highest[..., tf.newaxis]), highest


def _scaled_beginnings(chain: Chain) -> tuple[tf.Tensor, tf.Tensor]:
    num_tags = chain.logits.shape[-1]
    forward, highest = _scaled_logits(chain)
    both = tf.concat([forward, _reverse(forward, chain.lengths)], axis=2)
    transitions, of_transitions = _exp_of_ratio(chain.transitions)
    start, of_start = _exp_of_ratio(chain.start)
    end, of_end = _exp_of_ratio(chain.end)
    zeros, ones = tf.zeros_like(transitions), tf.ones_like(transitions)
    # The tags of both directions stand side by side, so that one product serves both.
    moves = tf.concat(
        [
            tf.concat([transitions, zeros], axis=1),
            tf.concat([zeros, tf.transpose(transitions)], axis=1),
        ],
        axis=0,
    )
    totals = tf.concat(
        [tf.concat([ones, zeros], axis=1), tf.concat([zeros, ones], axis=1)], axis=0
    )

    def step(elements, state):
        (before,) = state
        weights = before * elements[0]
        weights /= tf.matmul(weights, totals)
        return [before], (tf.matmul(weights, moves),)

    first = tf.ones_like(both[0]) * tf.concat([start, end], axis=0)
    (before,), _ = loop_over_time(
        step, [both], (first,), output_sizes=[2 * num_tags], slices=True
    )
    weights = before[..., :num_tags] * forward
    sums = tf.reduce_sum(weights, axis=2)
    steps = tf.where(_inside(chain), tf.math.log(sums) + highest + of_transitions, 0.0)
    closing = (
        _at_last(weights, chain.lengths) / _at_last(sums, chain.lengths)[:, tf.newaxis]
    )
    log_partition = (
        tf.reduce_sum(steps, axis=0)
        - of_transitions
        + tf.math.log(tf.linalg.matvec(closing, end))
        + of_start
        + of_end
    )
    return before, log_partition


def _scaled_sides(
    chain: Chain, beginnings: Beginnings
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns what stands before each step and with it, from the start and from the end.

    Each is `[time, batch, tags]`, up to a factor for each row and step.
    """
    logits, _ = _scaled_logits(chain)
    before, after = tf.split(beginnings.before, 2, axis=2)
    after = _reverse(after, chain.lengths)

    def with_step(part: tf.Tensor) -> tf.Tensor:
        weights = part * logits
        return weights / tf.reduce_sum(weights, axis=2, keepdims=True)

    return before, with_step(before), after, with_step(after)


def _scaled_marginals(chain: Chain, beginnings: Beginnings) -> tf.Tensor:
    _, up_to, after, _ = _scaled_sides(chain, beginnings)
    weights = up_to * after
    return weights / tf.reduce_sum(weights, axis=2, keepdims=True)


def _scaled_pairs(
    chain: Chain, beginnings: Beginnings, weights: tf.Tensor
) -> tf.Tensor:
    num_tags = chain.logits.shape[-1]
    before, up_to, _, from_here = _scaled_sides(chain, beginnings)
    sums = tf.reduce_sum(before[1:] * from_here[1:], axis=2)
    lefts = up_to[:-1] * (weights / sums)[..., tf.newaxis]
    products = tf.matmul(
        tf.reshape(lefts, [-1, num_tags]),
        tf.reshape(from_here[1:], [-1, num_tags]),
        transpose_a=True,
    )
    return products * _exp_of_ratio(chain.transitions)[0]


def _log_beginnings(chain: Chain) -> tuple[tf.Tensor, tf.Tensor]:
    num_tags = chain.logits.shape[-1]
    both = tf.concat([chain.logits, _reverse(chain.logits, chain.lengths)], axis=2)
    back = tf.transpose(chain.transitions)

    def step(elements, state):
        (before,) = state
        halves = tf.split(before + elements[0], 2, axis=1)
        after = [
            tf.reduce_logsumexp(half[:, :, tf.newaxis] + moves, axis=1)
            for half, moves in zip(halves, (chain.transitions, back), strict=True)
        ]
        return [before], (tf.concat(after, axis=1),)

    first = tf.zeros_like(both[0]) + tf.concat([chain.start, chain.end], axis=0)
    (before,), _ = loop_over_time(
        step, [both], (first,), output_sizes=[2 * num_tags], slices=True
    )
    closing = _at_last(before[..., :num_tags] + chain.logits, chain.lengths) + chain.end
    return before, tf.reduce_logsumexp(closing, axis=1)


def _log_marginals(chain: Chain, beginnings: Beginnings) -> tf.Tensor:
    before, after = tf.split(beginnings.before, 2, axis=2)
    after = _reverse(after, chain.lengths)
    scores = before + chain.logits + after
    return tf.exp(scores - beginnings.log_partition[:, tf.newaxis])


def _log_pairs(chain: Chain, beginnings: Beginnings, weights: tf.Tensor) -> tf.Tensor:
    before, after = tf.split(beginnings.before, 2, axis=2)
    up_to = before + chain.logits
    from_here = _reverse(after, chain.lengths) + chain.logits
    left = (up_to[:-1] - beginnings.log_partition[:, tf.newaxis])[..., tf.newaxis]
    right = from_here[1:, :, tf.newaxis]
    # After the lengths the sums mean nothing and may be infinite.
    counts = weights[..., tf.newaxis, tf.newaxis] * tf.where(
        _inside(chain)[1:, :, tf.newaxis, tf.newaxis],
        tf.exp(left + chain.transitions + right),
        0.0,
    )
    return tf.reduce_sum(counts, axis=[0, 1])


def _score(chain: Chain, tags: tf.Tensor) -> tf.Tensor:
    """Returns the score of the tags `[time, batch]`, `[batch]`."""
    inside = _inside(chain)
    chosen = tf.gather(chain.logits, tags, batch_dims=2)
    moves = tf.gather_nd(chain.transitions, tf.stack([tags[:-1], tags[1:]], axis=-1))
    last = _at_last(tags, chain.lengths)
    score = (
        tf.reduce_sum(tf.where(inside, chosen, 0.0), axis=0)
        + tf.reduce_sum(tf.where(inside[1:], moves, 0.0), axis=0)
        + tf.gather(chain.start, tags[0])
        + tf.gather(chain.end, last)
    )
    return tf.where(chain.lengths > 0, score, 0.0)


def _found_pairs(chain: Chain, one_hot: tf.Tensor, row_weights: tf.Tensor) -> tf.Tensor:
    """Returns the number of each transition in the tags, added up over weighted rows."""
    num_tags = chain.logits.shape[-1]
    weights = tf.where(_inside(chain)[1:], row_weights, 0.0)[..., tf.newaxis]
    return tf.matmul(
        tf.reshape(one_hot[:-1] * weights, [-1, num_tags]),
        tf.reshape(one_hot[1:], [-1, num_tags]),
        transpose_a=True,
    )
