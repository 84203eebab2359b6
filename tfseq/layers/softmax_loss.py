"""The softmax over a large vocabulary: loss and gradient in one pass, in bounded memory."""

import functools
from collections.abc import Callable

import tensorflow as tf

from tfseq.cells.arguments import as_ids, as_tensor, describe, known_size

# Most values of logits that each chain holds at a time: 64 MB of float32.
MAX_BLOCK_VALUES = 16_000_000
# Bounds of the exponential of a label's logit and of the sum of a row's exponentials. Their
# quotient is the label's probability: within the bounds it is at least 1e-30, and float32
# holds every number on the way with all its digits (it goes from 1e-38 to 1e38).
SMALLEST_OF_LABEL, LARGEST_SUM = 1e-15, 1e15


def project_to_vocabulary(
    hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, *, tied: bool
) -> tf.Tensor:
    """Computes the logits hidden @ kernel + bias, or hidden @ kernelᵀ + bias if `tied`.

    Args:
        hidden: `[rows, units]`.
        kernel: `[units, vocabulary]`, or `[vocabulary, units]` if `tied`.
        bias: `[vocabulary]`.
        tied: whether the kernel is an embedding.

    Returns:
        Logits, `[rows, vocabulary]`.
    """
    return tf.nn.bias_add(tf.matmul(hidden, kernel, transpose_b=tied), bias)


def cross_entropy(
    project: Callable[[], tf.Tensor], labels: tf.Tensor, label_share: float = 1.0
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Computes -ln softmax(logits)[label] of each row, and its gradient for the logits.

    A softmax divides the exponentials of a row by their sum, the normalizer. Here this
    division is left to the caller, because the exponentials are many: it is cheaper to
    divide the factor that they are multiplied with, or the product. The largest logit of
    a row is subtracted only if float32 could not hold the exponentials otherwise.

    Args:
        project: computes the logits, float32 `[rows, vocabulary]`.
        labels: ids, `[rows]`; one that is no column of the logits is an error on a
            processor.
        label_share: the gradient is softmax(logits) - label_share · one_hot(label).

    Returns:
        Three float32 tensors: the losses `[rows]`; the gradient for the logits, each row
        multiplied by its normalizer, `[rows, vocabulary]`; the normalizers `[rows]`.
    """
    logits = project()
    rows = tf.range(tf.shape(labels)[0], dtype=labels.dtype)
    places = tf.cast(rows * logits.shape[1] + labels, tf.int32)
    exponentials, normalizers = _exponentials(logits)
    # A gather from each row, not from all in a line: that would read a neighbour's value
    # for a label outside of the vocabulary.
    of_labels = tf.gather(exponentials, labels, batch_dims=1)
    in_range = (tf.reduce_min(of_labels) >= SMALLEST_OF_LABEL) & (
        tf.reduce_max(normalizers) <= LARGEST_SUM
    )

    def shifted() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # The logits are computed again. If they were kept, the exponentials could not take
        # their memory, and a second block of that size would be needed.
        logits = project()
        logits -= tf.reduce_max(logits, axis=1, keepdims=True)
        exponentials, normalizers = _exponentials(logits)
        of_labels = tf.gather(logits, labels, batch_dims=1)
        return tf.math.log(normalizers) - of_labels, exponentials, normalizers

    losses, exponentials, normalizers = tf.cond(
        in_range,
        lambda: (tf.math.log(normalizers / of_labels), exponentials, normalizers),
        shifted,
    )
    # A scatter would copy all exponentials. This operation changes them in place, so it
    # must wait until the losses and the normalizers have read them.
    with tf.control_dependencies([losses, normalizers]):
        flat = tf.reshape(exponentials, [-1])
        at_labels = normalizers if label_share == 1 else normalizers * label_share
        gradient = tf.raw_ops.InplaceSub(x=flat, i=places, v=at_labels)
    return losses, tf.reshape(gradient, tf.shape(exponentials)), normalizers


def _exponentials(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the exponentials of logits, and their sum in each row."""
    exponentials = tf.exp(logits)
    # A product is faster than a sum over the columns.
    sums = tf.matmul(exponentials, tf.ones([logits.shape[1], 1]))
    return exponentials, tf.reshape(sums, [-1])


def softmax_loss(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    labels: tf.Tensor,
    weights: tf.Tensor | None = None,
    tied: bool = False,
    max_block_values: int = MAX_BLOCK_VALUES,
    max_rows: int | None = None,
) -> tf.Tensor:
    """Computes the sum of -weight · ln softmax(logits)[label] over all rows, in nats.

    The gradient for the logits, softmax(logits) - one_hot(label), comes out of the same
    pass as the loss. If there are more than `max_block_values` logits, the rows are taken
    in blocks. The gradients of a block are multiplied with kernel and hidden values at
    once, so that memory does not grow with the number of rows. With a vocabulary of
    100,000 a block is 160 rows.

    Args:
        hidden: `[rows, units]`.
        kernel: `[units, vocabulary]`, or `[vocabulary, units]` if `tied`.
        bias: `[vocabulary]`.
        labels: ids, `[rows]`, also of rows without weight.
        weights: the weight of each row, `[rows]`; 1 by default. It takes no gradient.
        tied: whether the kernel is an embedding.
        max_block_values: most logits held at a time.
        max_rows: an upper bound of the number of rows, if the shape does not tell it.

    Returns:
        A float32 scalar; it can be differentiated once.

    Raises:
        TypeError: the labels are no integers.
        ValueError: shapes do not fit, or a label is outside of the vocabulary. In a graph
            on a processor the latter is TensorFlow's InvalidArgumentError.

    Example:
        hidden, kernel = tf.random.normal([8, 16]), tf.random.normal([16, 1000])
        labels = tf.zeros([8], tf.int32)
        loss = softmax_loss(hidden, kernel, tf.zeros([1000]), labels=labels)
    """
    hidden, labels, weights = as_rows(hidden, labels, weights, bias.shape[0])
    return _loss_by_blocks(
        hidden,
        kernel,
        bias,
        labels=labels,
        weights=weights,
        tied=tied,
        max_block_values=max_block_values,
        max_rows=max_rows,
    )


def smoothed_softmax_loss(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    labels: tf.Tensor,
    label_smoothing: float,
    weights: tf.Tensor | None = None,
    tied: bool = False,
    max_block_values: int = MAX_BLOCK_VALUES,
    max_rows: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the loss of `softmax_loss`, and what label smoothing adds to it.

    A label then stands for 1 - s of the probability, and all V tokens for s / V each
    (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567):

        loss + penalty = Σ weight · ((1 - s) · -ln p(label) + s / V · Σ over v of -ln p(v))
        penalty = s · Σ weight · (logit(label) - mean of the logits)

    The mean of the logits is a product of `hidden` with the mean of the kernel's columns,
    so the logits are not read again. Differentiate the sum of the two: the gradient of the
    penalty's first part comes with that of the loss.

    Arguments are those of `softmax_loss`, and `label_smoothing`: s, at least 0 and below 1.

    Returns:
        Loss and penalty, float32 scalars; their sum can be differentiated once.

    Raises:
        TypeError: the labels are no integers.
        ValueError: `label_smoothing` is out of range, or as in `softmax_loss`.

    Example:
        hidden, kernel = tf.random.normal([8, 16]), tf.random.normal([16, 1000])
        loss, penalty = smoothed_softmax_loss(
            hidden,
            kernel,
            tf.zeros([1000]),
            labels=tf.zeros([8], tf.int32),
            label_smoothing=0.1,
        )
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"`label_smoothing` must be at least 0 and below 1, received "
            f"{label_smoothing!r}"
        )
    hidden, labels, weights = as_rows(hidden, labels, weights, bias.shape[0])
    loss = _loss_by_blocks(
        hidden,
        kernel,
        bias,
        labels=labels,
        weights=weights,
        tied=tied,
        max_block_values=max_block_values,
        max_rows=max_rows,
        label_share=1 - label_smoothing,
    )
    hidden, kernel, bias = (
        tf.cast(each, tf.float32) for each in (hidden, kernel, bias)
    )
    weights = tf.ones_like(hidden[:, 0]) if weights is None else weights
    weights = tf.stop_gradient(weights)
    of_labels = tf.gather(kernel, labels, axis=0 if tied else 1)
    of_labels = of_labels if tied else tf.transpose(of_labels)
    logits = tf.reduce_sum(hidden * of_labels, axis=1) + tf.gather(bias, labels)
    label_logits = tf.stop_gradient(tf.reduce_sum(weights * logits))
    # A product is faster than a mean over the columns.
    mean_of = tf.fill([bias.shape[0]], 1 / bias.shape[0])
    mean_kernel = tf.linalg.matvec(kernel, mean_of, transpose_a=tied)
    mean_logits = tf.linalg.matvec(hidden, mean_kernel) + tf.reduce_mean(bias)
    mean_logits = tf.reduce_sum(weights * mean_logits)
    return loss, label_smoothing * (label_logits - mean_logits)


def _loss_by_blocks(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    tied: bool,
    max_block_values: int,
    max_rows: int | None,
    label_share: float = 1.0,
) -> tf.Tensor:
    """Computes the loss; arguments as in `softmax_loss` and `cross_entropy`."""
    block_rows = max(max_block_values // bias.shape[0], 1)

    @tf.custom_gradient
    def loss_of(
        hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        rows = hidden.shape[0] or max_rows
        if rows is not None and rows <= block_rows:
            loss, d_logits, row_scales = _loss_of_block(
                hidden,
                kernel,
                bias,
                labels,
                weights,
                tied=tied,
                label_share=label_share,
            )

            def gradient_of_all(upstream: tf.Tensor) -> list[tf.Tensor]:
                scales = row_scales * tf.cast(upstream, row_scales.dtype)
                return _gradients_of_block(d_logits, hidden, kernel, scales, tied=tied)

            return loss, gradient_of_all
        block = functools.partial(_block, tied=tied, label_share=label_share)
        sum_over_blocks = functools.partial(
            _sum_over_blocks,
            block,
            hidden,
            kernel,
            bias,
            labels=labels,
            weights=weights,
            block_rows=block_rows,
        )
        if rows is None:
            # One block needs no sums, which would be as large as the kernel.
            loss, gradients = tf.cond(
                tf.shape(hidden)[0] <= block_rows,
                lambda: block(hidden, kernel, bias, labels, weights),
                sum_over_blocks,
            )
        else:
            loss, gradients = sum_over_blocks()

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            return [part * tf.cast(upstream, part.dtype) for part in gradients]

        return loss, gradient

    return loss_of(hidden, kernel, bias)


def as_rows(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    vocabulary_size: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
    """Returns hidden values, labels and weights as tensors of the same number of rows.

    Arguments and errors are those of `softmax_loss`.
    """
    hidden = as_tensor(hidden, "`hidden`", "numbers [rows, units]")
    num_rows = known_size(hidden, 0)
    axes = ("rows" if num_rows is None else num_rows,)
    labels = as_ids(labels, "`labels`", vocabulary_size, axes)
    if weights is not None:
        expected = f"numbers [{axes[0]}]"
        weights = as_tensor(weights, "`weights`", expected)
        # Weights of another shape would be spread over the rows, or the rows over them.
        if not weights.shape.is_compatible_with([num_rows]):
            raise ValueError(
                f"`weights`: expected {expected}, received {describe(weights)}"
            )
        weights = tf.cast(weights, tf.float32)
    return hidden, labels, weights


def _loss_of_block(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    *,
    tied: bool,
    label_share: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Computes the loss of some rows and what their gradients are made of.

    Returns:
        The loss, a scalar; a tensor `[rows, vocabulary]` and a factor for each of its
        rows, `[rows]`, whose product is the gradient for the logits.
    """

    def project() -> tf.Tensor:
        logits = project_to_vocabulary(hidden, kernel, bias, tied=tied)
        return tf.cast(logits, tf.float32)

    losses, d_logits, normalizers = cross_entropy(project, labels, label_share)
    row_scales = 1 / normalizers
    if weights is not None:
        losses *= weights
        row_scales *= weights
    if hidden.dtype != tf.float32:
        # Values of 16 bits are scaled before they are rounded, so as to be rounded once.
        d_logits = tf.cast(d_logits * row_scales[:, tf.newaxis], hidden.dtype)
        row_scales = tf.ones_like(hidden[:, 0])
    return tf.reduce_sum(losses), d_logits, row_scales


def _gradients_of_block(
    d_logits: tf.Tensor,
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    row_scales: tf.Tensor,
    *,
    tied: bool,
) -> list[tf.Tensor]:
    """Computes the gradients for hidden, kernel and bias.

    Args:
        d_logits: `[rows, vocabulary]`; multiplied by `row_scales`, it is the gradient for
            the logits.
        hidden: `[rows, units]`.
        kernel: as in `softmax_loss`.
        row_scales: `[rows]`.
        tied: whether the kernel is an embedding.
    """
    columns = tf.reshape(row_scales, [-1, 1])
    d_hidden = tf.matmul(d_logits, kernel, transpose_b=not tied) * columns
    # The hidden values are scaled, because they are fewer than the gradients of the logits.
    if tied:
        d_kernel = tf.matmul(d_logits, hidden * columns, transpose_a=True)
        # A product is twice as fast as a sum over the rows.
        d_bias = tf.matmul(columns, d_logits, transpose_a=True)[0]
    else:
        # The bias is the weight of one more unit, which is always 1. The scaling stands
        # between the transpose and the product: the graph optimizer would fuse the two into
        # one product, which takes a fifth longer.
        scaled = tf.transpose(hidden) * row_scales
        with_bias = tf.concat([scaled, row_scales[tf.newaxis]], axis=0)
        d_weights = tf.matmul(with_bias, d_logits)
        d_kernel, d_bias = d_weights[:-1], d_weights[-1]
    return [d_hidden, d_kernel, d_bias]


def _block(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    *,
    tied: bool,
    label_share: float,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the loss of some rows and its gradients for hidden, kernel and bias."""
    loss, d_logits, row_scales = _loss_of_block(
        hidden, kernel, bias, labels, weights, tied=tied, label_share=label_share
    )
    return loss, _gradients_of_block(d_logits, hidden, kernel, row_scales, tied=tied)


def _sum_over_blocks(
    block: Callable,
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    block_rows: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns loss and gradients of all rows, computed `block_rows` rows at a time.

    Args:
        block: computes loss and gradients of some rows, as `_block` does.
        hidden: `[rows, units]`.
        kernel: as in `softmax_loss`.
        bias: `[vocabulary]`.
        labels: ids, `[rows]`.
        weights: `[rows]`, or None.
        block_rows: rows in a block.
    """
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
