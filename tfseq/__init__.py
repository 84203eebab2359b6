"""Recurrent sequence learning for TensorFlow 2: cells, unrollings, step loops."""

__version__ = "0.1.0"
