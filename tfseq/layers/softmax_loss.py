"""The softmax over a large vocabulary: loss and gradient in one pass, in bounded memory."""

from collections.abc import Callable

import tensorflow as tf

# Most values of logits that are held at a time by each chain: 64 MB of float32.
MAX_BLOCK_VALUES = 16_000_000
# With the exponential of a label's logit above, and the sum of a row's below, no digit is
# lost that counts: a probability is 1e-30 or more, and float32 ends at 1e-38 and 1e38.
SMALLEST_OF_LABEL, LARGEST_SUM = 1e-15, 1e15


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


def cross_entropy(
    project: Callable[[], tf.Tensor], labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """-ln softmax(logits)[label] of each row, and its gradient for the logits.

    The exponentials of all logits are computed once and never divided by their sum: who
    multiplies with them divides the smaller factor or the product instead. The largest
    logit is only subtracted where they would leave the range of float32.

    Args:
        project: computes the logits, float32, `[rows, vocabulary]`.
        labels: ids, `[rows]`.

    Returns:
        Losses `[rows]`, the gradient times the row's normalizer `[rows, vocabulary]`, and
        the normalizers `[rows]`; all float32.
    """
    logits = project()
    rows = tf.range(tf.shape(labels)[0], dtype=labels.dtype)
    places = tf.cast(rows * logits.shape[1] + labels, tf.int32)
    exponentials, normalizers = _exponentials(logits)
    of_labels = tf.gather(tf.reshape(exponentials, [-1]), places)
    in_range = (tf.reduce_min(of_labels) >= SMALLEST_OF_LABEL) & (
        tf.reduce_max(normalizers) <= LARGEST_SUM
    )

    def shifted() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # Projected anew: kept, the logits would have the exponentials need another block.
        logits = project()
        logits -= tf.reduce_max(logits, axis=1, keepdims=True)
        exponentials, normalizers = _exponentials(logits)
        of_labels = tf.gather(tf.reshape(logits, [-1]), places)
        return tf.math.log(normalizers) - of_labels, exponentials, normalizers

    losses, exponentials, normalizers = tf.cond(
        in_range,
        lambda: (tf.math.log(normalizers / of_labels), exponentials, normalizers),
        shifted,
    )
    # A scatter would copy all exponentials; this changes them where they are, so that
    # what reads them has to be done.
    with tf.control_dependencies([losses, normalizers]):
        flat = tf.reshape(exponentials, [-1])
        gradient = tf.raw_ops.InplaceSub(x=flat, i=places, v=normalizers)
    return losses, tf.reshape(gradient, tf.shape(exponentials)), normalizers


def _exponentials(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The exponentials of logits, and their sum in each row."""
    exponentials = tf.exp(logits)
    # A product is faster than a sum over the columns.
    sums = tf.matmul(exponentials, tf.ones([logits.shape[1], 1]))
    return exponentials, tf.reshape(sums, [-1])


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
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The block's loss, its gradient for the logits, and what scales its rows."""

        def project() -> tf.Tensor:
            logits = project_to_vocabulary(hidden, kernel, bias, tied)
            return tf.cast(logits, tf.float32)

        losses, d_logits, normalizers = cross_entropy(project, labels)
        row_scales = 1 / normalizers
        if weights is not None:
            losses *= weights
            row_scales *= weights
        if hidden.dtype != tf.float32:
            # Scaled later, what is rounded here would be rounded twice.
            d_logits = tf.cast(d_logits * row_scales[:, tf.newaxis], hidden.dtype)
            row_scales = tf.ones_like(hidden[:, 0])
        return tf.reduce_sum(losses), d_logits, row_scales

    def gradients_of_block(
        d_logits: tf.Tensor, hidden: tf.Tensor, kernel: tf.Tensor, row_scales: tf.Tensor
    ) -> list[tf.Tensor]:
        """The gradients for hidden, kernel and bias, of `d_logits` times `row_scales`."""
        columns = tf.reshape(row_scales, [-1, 1])
        d_hidden = tf.matmul(d_logits, kernel, transpose_b=not tied) * columns
        # The gradient of the logits is large, the hidden values are not: scale these.
        if tied:
            d_kernel = tf.matmul(d_logits, hidden * columns, transpose_a=True)
            # A product is twice as fast as a sum over the rows.
            d_bias = tf.matmul(columns, d_logits, transpose_a=True)[0]
        else:
            # The bias is the weight of one more unit, which is always one. The graph
            # optimizer would fold a transposition next to a product into it, which makes
            # the product slower by a fifth.
            scaled = tf.transpose(hidden) * row_scales
            with_bias = tf.concat([scaled, row_scales[tf.newaxis]], axis=0)
            d_weights = tf.matmul(with_bias, d_logits)
            d_kernel, d_bias = d_weights[:-1], d_weights[-1]
        return [d_hidden, d_kernel, d_bias]

    def block(*arguments: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The block's loss, and its gradients for hidden, kernel and bias."""
        loss, d_logits, row_scales = loss_of_block(*arguments)
        hidden, kernel = arguments[:2]
        return loss, gradients_of_block(d_logits, hidden, kernel, row_scales)

    @tf.custom_gradient
    def loss_of(
        hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        rows = hidden.shape[0] or max_rows
        if rows is not None and rows <= block_rows:
            loss, d_logits, row_scales = loss_of_block(
                hidden, kernel, bias, labels, weights
            )

            def gradient_of_all(upstream: tf.Tensor) -> list[tf.Tensor]:
                scales = row_scales * tf.cast(upstream, row_scales.dtype)
                return gradients_of_block(d_logits, hidden, kernel, scales)

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
