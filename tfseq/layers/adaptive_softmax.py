"""The softmax in two stages: frequent words, and clusters of rarer words.

Grave et al. 2017, "Efficient softmax approximation for GPUs",
https://arxiv.org/abs/1609.04309. Here every cluster reads all hidden units, not a
projection of them. Nothing is approximated: the probabilities add up to 1.
"""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from tfseq.layers.softmax_loss import as_rows, project_to_vocabulary, softmax_loss


def adaptive_softmax_loss(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    cluster_kernel: tf.Tensor,
    cluster_bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    cutoffs: Sequence[int],
    tied: bool = False,
) -> tf.Tensor:
    """Computes the sum of -weight · ln p(label) over all rows, in nats.

        p(w) = softmax over head words and clusters [w]               for a head word
        p(w) = the same softmax [cluster of w] · softmax over cluster [w]   otherwise

    The softmax of a cluster is computed only for the rows whose label lies in it. So the
    cost is little more than that of the head, if ids are sorted by falling frequency.

    Args:
        hidden: `[rows, units]`.
        kernel: `[units, vocabulary]`, or `[vocabulary, units]` if `tied`.
        bias: `[vocabulary]`.
        cluster_kernel: `[units, clusters]`.
        cluster_bias: `[clusters]`.
        labels: ids, `[rows]`.
        weights: the weight of each row, `[rows]`, or None for 1.
        cutoffs: first ids of the clusters, rising; words below the first are the head.
        tied: whether the kernel is an embedding.

    Returns:
        A float32 scalar; it can be differentiated once.

    Raises:
        TypeError, ValueError: as in `softmax_loss`.

    Example:
        loss = adaptive_softmax_loss(
            tf.random.normal([8, 16]),
            tf.random.normal([16, 1000]),
            tf.zeros([1000]),
            cluster_kernel=tf.random.normal([16, 2]),
            cluster_bias=tf.zeros([2]),
            labels=tf.zeros([8], tf.int32),
            weights=None,
            cutoffs=[100, 400],
        )
    """
    hidden, labels, weights = as_rows(hidden, labels, weights, bias.shape[0])
    head, *clusters = _split_vocabulary(kernel, bias, cutoffs, tied=tied)
    head_kernel, head_bias = _with_clusters(
        head, cluster_kernel, cluster_bias, tied=tied
    )
    head_labels = labels
    bounds = [*cutoffs, bias.shape[0]]
    for index, first in enumerate(cutoffs):
        inside = (labels >= first) & (labels < bounds[index + 1])
        head_labels = tf.where(inside, cutoffs[0] + index, head_labels)
    loss = softmax_loss(
        hidden,
        head_kernel,
        head_bias,
        labels=head_labels,
        weights=weights,
        tied=tied,
    )
    for index, (part_kernel, part_bias) in enumerate(clusters):
        rows = tf.where(head_labels == cutoffs[0] + index)[:, 0]
        loss += softmax_loss(
            tf.gather(hidden, rows),
            part_kernel,
            part_bias,
            labels=tf.gather(labels, rows) - cutoffs[index],
            weights=None if weights is None else tf.gather(weights, rows),
            tied=tied,
            max_rows=hidden.shape[0],
        )
    return loss


def adaptive_log_probabilities(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    cluster_kernel: tf.Tensor,
    cluster_bias: tf.Tensor,
    cutoffs: Sequence[int],
    tied: bool = False,
) -> tf.Tensor:
    """Computes ln p of every word.

    Args:
        hidden: `[rows, units]`.
        kernel: `[units, vocabulary]`, or `[vocabulary, units]` if `tied`.
        bias: `[vocabulary]`.
        cluster_kernel: `[units, clusters]`.
        cluster_bias: `[clusters]`.
        cutoffs: first ids of the clusters, rising; words below the first are the head.
        tied: whether the kernel is an embedding.

    Returns:
        Log-probabilities, `[rows, vocabulary]`.

    Example:
        log_probabilities = adaptive_log_probabilities(
            tf.random.normal([8, 16]),
            tf.random.normal([16, 1000]),
            tf.zeros([1000]),
            cluster_kernel=tf.random.normal([16, 2]),
            cluster_bias=tf.zeros([2]),
            cutoffs=[100, 400],
        )
    """
    head, *clusters = _split_vocabulary(kernel, bias, cutoffs, tied=tied)
    head = _with_clusters(head, cluster_kernel, cluster_bias, tied=tied)
    of_head = tf.nn.log_softmax(project_to_vocabulary(hidden, *head, tied=tied))
    parts = [of_head[:, : cutoffs[0]]]
    for index, cluster in enumerate(clusters):
        within = tf.nn.log_softmax(project_to_vocabulary(hidden, *cluster, tied=tied))
        parts.append(of_head[:, cutoffs[0] + index, tf.newaxis] + within)
    return tf.concat(parts, axis=1)


def _split_vocabulary(
    kernel: tf.Tensor, bias: tf.Tensor, cutoffs: Sequence[int], *, tied: bool
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Returns kernel and bias of the head and of each cluster."""
    bounds = [0, *cutoffs, bias.shape[0]]
    sizes = [end - start for start, end in itertools.pairwise(bounds)]
    kernels = tf.split(kernel, sizes, axis=0 if tied else 1)
    return list(zip(kernels, tf.split(bias, sizes), strict=True))


def _with_clusters(
    head: tuple[tf.Tensor, tf.Tensor],
    cluster_kernel: tf.Tensor,
    cluster_bias: tf.Tensor,
    *,
    tied: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns kernel and bias of the head with one more word for each cluster."""
    kernel, bias = head
    if tied:
        joined = tf.concat([kernel, tf.transpose(cluster_kernel)], axis=0)
    else:
        joined = tf.concat([kernel, cluster_kernel], axis=1)
    return joined, tf.concat([bias, cluster_bias], axis=0)
