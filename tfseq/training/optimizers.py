"""The update rules, as Keras provides them."""

from typing import Any

import keras


def build_optimizer(
    name: str, learning_rate: Any, weight_decay: float = 0.0
) -> keras.optimizers.Optimizer:
    """Keras' `SGD`, `Adam` or `AdamW`, without clipping of its own.

    Clipping belongs to the step, where gradients of all replicas have been summed.

    Args:
        name: `sgd`, `adam` or `adamw`.
        learning_rate: a number or a schedule.
        weight_decay: decoupled decay of `adamw` (Loshchilov & Hutter, 2019).
    """
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate)
    if name == "adam":
        return keras.optimizers.Adam(learning_rate)
    return keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
