"""The softmax over a large vocabulary: loss and gradient in one pass, in bounded memory."""

from collections.abc import Callable

import tensorflow as tf

# Most values of logits that are held at a time by each chain: 64 MB of float32.
MAX_BLOCK_VALUES = 16_000_000
# A probability below this may have lost digits, float32 ending at 1e-38.
SMALLEST_PROBABILITY = 1e-30


def project_to_vocabulary(
    hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, tied: bool
) -> tf.Tensor:
    """Logits `[rows, vocabulary]` = hidden @ kernel + bias, or hidden @ kernelᵀ + bias.

    Args:
        hidden: `[rows, units]`.
        kernel: `[units, vocabulary]`, or `[vocabulary, units]` where `tied`.
        bias: `[vocabulary]`.
        tied: whether the kernel is an embedding.
    """
    return tf.nn.bias_add(tf.matmul(hidden, kernel, transpose_b=tied), bias)


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """-ln softmax(logits)[label] of each row, and its gradient for the logits.

    TensorFlow's sparse cross entropy takes three times as long: its gradient computes one
    exponential at a time. It is called where a probability is too small for its logarithm.

    Args:
        logits: float32, `[rows, vocabulary]`.
        labels: ids, `[rows]`.

    Returns:
        Losses `[rows]`, and softmax(logits) - one_hot(label), `[rows, vocabulary]`.
    """
    rows = tf.range(tf.shape(labels)[0], dtype=labels.dtype)
    places = tf.cast(rows * logits.shape[1] + labels, tf.int32)
    probabilities = tf.reshape(tf.nn.softmax(logits), [-1])
    of_labels = tf.gather(probabilities, places)
    losses = tf.cond(
        tf.reduce_min(of_labels) >= SMALLEST_PROBABILITY,
        lambda: -tf.math.log(of_labels),
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits),
    )
    # A scatter would copy all probabilities; this changes them where they are, so that
    # what reads them has to be done.
    with tf.control_dependencies([of_labels]):
        ones = tf.ones_like(of_labels)
        gradient = tf.raw_ops.InplaceSub(x=probabilities, i=places, v=ones)
    return losses, tf.reshape(gradient, tf.shape(logits))


def softmax_loss(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None = None,
    tied: bool = False,
    max_block_values: int = MAX_BLOCK_VALUES,
    max_rows: int | None = None,
) -> tf.Tensor:
    """The sum of -weight · ln softmax(logits)[label] over all rows, in nats.

    The gradient with respect to the logits, softmax(logits) - one_hot(label), comes
    out of the same pass as the loss. Rows beyond `max_block_values` are taken in blocks,
    whose gradients are multiplied with kernel and hidden values at once, so that memory
    does not grow with their number: with a vocabulary of 100,000 one block is 160 rows.

    Args:
        hidden: `[rows, units]`.
        kernel: as in `project_to_vocabulary`.
        bias: as there.
        labels: ids, `[rows]`.
        weights: what each row counts, `[rows]`; 1 by default. It takes no gradient.
        tied: as there.
        max_block_values: most logits held at a time.
        max_rows: bound of the number of rows where the shape does not tell it.

    Returns:
        A float32 scalar; it can be differentiated once.
    """
    labels = tf.convert_to_tensor(labels)
    vocabulary_size = bias.shape[0]
    block_rows = max(max_block_values // vocabulary_size, 1)

    def loss_of_block(
        hidden: tf.Tensor,
        kernel: tf.Tensor,
        bias: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The block's loss, and its gradient for the logits."""
        logits = tf.cast(project_to_vocabulary(hidden, kernel, bias, tied), tf.float32)
        losses, d_logits = cross_entropy(logits, labels)
        if weights is not None:
            losses *= weights
            d_logits *= weights[:, tf.newaxis]
        return tf.reduce_sum(losses), tf.cast(d_logits, hidden.dtype)

    def gradients_of_block(
        d_logits: tf.Tensor, hidden: tf.Tensor, kernel: tf.Tensor, scale: tf.Tensor
    ) -> list[tf.Tensor]:
        """The gradients for hidden, kernel and bias, times `scale`."""
        d_hidden = tf.matmul(d_logits, kernel, transpose_b=not tied) * scale
        # The kernel's gradient is large, the hidden values are not: scale these.
        hidden = hidden * scale
        if tied:
            d_kernel = tf.matmul(d_logits, hidden, transpose_a=True)
        else:
            d_kernel = tf.matmul(hidden, d_logits, transpose_a=True)
        # A product is twice as fast as a sum over the rows.
        d_bias = tf.matmul(tf.fill([1, tf.shape(d_logits)[0]], scale), d_logits)[0]
        return [d_hidden, d_kernel, d_bias]

    def block(*arguments: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The block's loss, and its gradients for hidden, kernel and bias."""
        loss, d_logits = loss_of_block(*arguments)
        hidden, kernel = arguments[:2]
        return loss, gradients_of_block(
            d_logits, hidden, kernel, tf.ones([], hidden.dtype)
        )

    @tf.custom_gradient
    def loss_of(
        hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        rows = hidden.shape[0] or max_rows
        if rows is not None and rows <= block_rows:
            loss, d_logits = loss_of_block(hidden, kernel, bias, labels, weights)

            def gradient_of_all(upstream: tf.Tensor) -> list[tf.Tensor]:
                scale = tf.cast(upstream, hidden.dtype)
                return gradients_of_block(d_logits, hidden, kernel, scale)

            return loss, gradient_of_all
        loss, gradients = _sum_over_blocks(
            block, hidden, kernel, bias, labels, weights, block_rows
        )

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            return [part * tf.cast(upstream, part.dtype) for part in gradients]

        return loss, gradient

    return loss_of(hidden, kernel, bias)


def _sum_over_blocks(
    block: Callable,
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    block_rows: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    rows = tf.shape(hidden)[0]
    num_blocks = (rows + block_rows - 1) // block_rows
    units = hidden.shape[1]

    def body(
        index: tf.Tensor,
        loss: tf.Tensor,
        d_hidden: tf.TensorArray,
        d_kernel: tf.Tensor,
        d_bias: tf.Tensor,
    ) -> tuple:
        part = slice(index * block_rows, tf.minimum((index + 1) * block_rows, rows))
        block_loss, (d_rows, more_kernel, more_bias) = block(
            hidden[part],
            kernel,
            bias,
            labels[part],
            None if weights is None else weights[part],
        )
        d_hidden = d_hidden.write(index, d_rows)
        return (
            index + 1,
            loss + block_loss,
            d_hidden,
            d_kernel + more_kernel,
            d_bias + more_bias,
        )

    array = tf.TensorArray(
        hidden.dtype, num_blocks, element_shape=[None, units], infer_shape=False
    )
    start = (
        tf.constant(0),
        tf.zeros([]),
        array,
        tf.zeros_like(kernel),
        tf.zeros_like(bias),
    )
    _, loss, d_hidden, d_kernel, d_bias = tf.while_loop(
        lambda index, *_: index < num_blocks, body, start, parallel_iterations=1
    )
    d_hidden = tf.reshape(d_hidden.concat(), tf.shape(hidden))
    return loss, [d_hidden, d_kernel, d_bias]
