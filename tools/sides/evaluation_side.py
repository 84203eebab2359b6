"""Evaluation at batch 1 of a text half as long as Penn Treebank's test part."""

import pathlib
import tempfile

import numpy as np

from sides.turns import take_turns
from sides.workloads import WORKLOADS, Workload, make_text

NUM_TOKENS = 41_215
TIME = 100  # Of PyTorch's calls.


def run_tfseq() -> None:
    """Evaluates when it is its turn."""
    from sides.tfseq_side import build_task, set_weights, vocabularies_of
    from tfseq.machine.devices import configure_evaluation
    from tfseq.pipelines import evaluation_unrollings
    from tfseq.pipelines.token_file import write_token_file
    from tfseq.tasks.language_modeling.evaluation import (
        EVALUATION_TIME,
        compile_evaluation,
    )

    workload, tokens = _work()
    configure_evaluation()
    model = build_task(workload).build_model(vocabularies_of(workload))
    set_weights(model, workload)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "text.ids"
        text = write_token_file(path, [tokens], np.dtype("uint16"))
        evaluate = compile_evaluation(model, "word")
        dataset = evaluation_unrollings(text, 1, EVALUATION_TIME)

        def turn() -> dict:
            return {"tokens": NUM_TOKENS - 1, "loss": evaluate(dataset)["loss"]}

        turn()
        take_turns(turn)


def run_pytorch() -> None:
    """Evaluates with PyTorch when it is its turn."""
    import torch
    from torch import nn

    from sides.pytorch_side import Model

    workload, tokens = _work()
    model = Model(workload)
    model.set_weights()
    tokens = torch.from_numpy(tokens).long()

    @torch.no_grad()
    def turn() -> dict:
        total, state = 0.0, None
        for start in range(0, NUM_TOKENS - 1, TIME):
            labels = tokens[start + 1 : start + 1 + TIME]
            logits, state = model(tokens[None, start : start + len(labels)], state)
            loss = nn.functional.cross_entropy(logits[0], labels, reduction="sum")
            total += float(loss)
        return {"tokens": NUM_TOKENS - 1, "loss": total / (NUM_TOKENS - 1)}

    turn()
    take_turns(turn)


def _work() -> tuple[Workload, np.ndarray]:
    workload = WORKLOADS["ptb_small"]
    return workload, make_text(workload)[:NUM_TOKENS]
