"""The softmax in two stages: frequent words and clusters of rarer ones.

Grave et al. 2017, "Efficient softmax approximation for GPUs",
https://arxiv.org/abs/1609.04309, with clusters of full width, so that nothing is
approximated: it is a model of its own whose probabilities add up to 1.
"""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from tfseq.layers.softmax_loss import project_to_vocabulary, softmax_loss


def adaptive_softmax_loss(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    cluster_kernel: tf.Tensor,
    cluster_bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor | None,
    cutoffs: Sequence[int],
    tied: bool = False,
) -> tf.Tensor:
    """The sum of -weight · ln p(label) over all rows, in nats.

        p(w) = softmax over head words and clusters [w]               for a head word
        p(w) = the same softmax [cluster of w] · softmax over cluster [w]   otherwise

    A cluster's softmax is computed only for rows whose label lies in it, so that the
    cost is little more than that of the head: ids must be by falling frequency.

    Args:
        hidden: `[rows, units]`.
        kernel: `[units, vocabulary]`, or `[vocabulary, units]` where `tied`.
        bias: `[vocabulary]`.
        cluster_kernel: `[units, clusters]`.
        cluster_bias: `[clusters]`.
        labels: ids, `[rows]`.
        weights: what each row counts, `[rows]`; 1 by default.
        cutoffs: first ids of the clusters, rising; words below the first are the head.
        tied: whether the kernel is an embedding.

    Returns:
        A float32 scalar; it can be differentiated once.
    """
    head, *clusters = _split_vocabulary(kernel, bias, cutoffs, tied)
    head_kernel, head_bias = _with_clusters(head, cluster_kernel, cluster_bias, tied)
    head_labels = labels
    bounds = [*cutoffs, bias.shape[0]]
    for index, first in enumerate(cutoffs):
        inside = (labels >= first) & (labels < bounds[index + 1])
        head_labels = tf.where(inside, cutoffs[0] + index, head_labels)
    loss = softmax_loss(hidden, head_kernel, head_bias, head_labels, weights, tied)
    for index, (part_kernel, part_bias) in enumerate(clusters):
        rows = tf.where(head_labels == cutoffs[0] + index)[:, 0]
        loss += softmax_loss(
            tf.gather(hidden, rows),
            part_kernel,
            part_bias,
            tf.gather(labels, rows) - cutoffs[index],
            None if weights is None else tf.gather(weights, rows),
            tied,
            max_rows=hidden.shape[0],
        )
    return loss


def adaptive_log_probabilities(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    cluster_kernel: tf.Tensor,
    cluster_bias: tf.Tensor,
    cutoffs: Sequence[int],
    tied: bool = False,
) -> tf.Tensor:
    """Ln p of every word, `[rows, vocabulary]`; arguments as of the loss."""
    head, *clusters = _split_vocabulary(kernel, bias, cutoffs, tied)
    head = _with_clusters(head, cluster_kernel, cluster_bias, tied)
    of_head = tf.nn.log_softmax(project_to_vocabulary(hidden, *head, tied))
    parts = [of_head[:, : cutoffs[0]]]
    for index, cluster in enumerate(clusters):
        within = tf.nn.log_softmax(project_to_vocabulary(hidden, *cluster, tied))
        parts.append(of_head[:, cutoffs[0] + index, tf.newaxis] + within)
    return tf.concat(parts, axis=1)


def _split_vocabulary(
    kernel: tf.Tensor, bias: tf.Tensor, cutoffs: Sequence[int], tied: bool
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Kernel and bias of the head and of each cluster."""
    bounds = [0, *cutoffs, bias.shape[0]]
    sizes = [end - start for start, end in itertools.pairwise(bounds)]
    kernels = tf.split(kernel, sizes, axis=0 if tied else 1)
    return list(zip(kernels, tf.split(bias, sizes), strict=True))


def _with_clusters(
    head: tuple[tf.Tensor, tf.Tensor],
    cluster_kernel: tf.Tensor,
    cluster_bias: tf.Tensor,
    tied: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The head with one more word for each cluster."""
    kernel, bias = head
    if tied:
        joined = tf.concat([kernel, tf.transpose(cluster_kernel)], axis=0)
    else:
        joined = tf.concat([kernel, cluster_kernel], axis=1)
    return joined, tf.concat([bias, cluster_bias], axis=0)
