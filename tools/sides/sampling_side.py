"""Sampling from a character model of 64 units: one text, and 64 side by side."""

from sides.turns import take_turns
from sides.workloads import WORKLOADS

LENGTH = 2000


def run_tfseq(texts: int) -> None:
    """Writes when it is its turn."""
    import tensorflow as tf

    from sides.tfseq_side import build_task, set_weights, vocabularies_of
    from tfseq.decoding import (
        Sampling,
        compile_reading,
        compile_writing,
        tokens_per_call,
    )

    workload = WORKLOADS["text8"]
    model = build_task(workload).build_model(vocabularies_of(workload))
    set_weights(model, workload)
    read = compile_reading(model)
    write = compile_writing(model, Sampling(), num_texts=texts)
    seed, part = tf.constant([0, 0]), tokens_per_call(workload.symbols)

    def turn() -> dict:
        written = read(tf.zeros([texts, 1], tf.int32))
        for place in range(0, LENGTH, part):
            count = min(part, LENGTH - place)
            ids, written = write(written, seed, tf.constant(place), tf.constant(count))
            ids.numpy()
        return {"tokens": texts * LENGTH}

    turn()
    take_turns(turn)


def run_pytorch(texts: int) -> None:
    """Writes with a loop over tokens in PyTorch, when it is its turn."""
    import torch

    from sides.pytorch_side import Model

    model = Model(WORKLOADS["text8"])
    model.set_weights()

    @torch.no_grad()
    def turn() -> dict:
        tokens, state = torch.zeros([texts, 1], dtype=torch.long), None
        for _ in range(LENGTH):
            logits, state = model(tokens, state)
            tokens = torch.multinomial(torch.softmax(logits[:, -1], dim=-1), 1)
        return {"tokens": texts * LENGTH}

    turn()
    take_turns(turn)
