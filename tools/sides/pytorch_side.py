"""PyTorch as its users write it: `nn.LSTM`, the state detached between unrollings."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from sides.turns import take_turns
from sides.workloads import Workload, batches, first_weights, make_text

EPSILON = 1e-7  # Of Adam, as Keras has it.


class Model(nn.Module):
    """Embedding or one-hot vectors, LSTM layers, one linear layer."""

    def __init__(self, workload: Workload):
        super().__init__()
        self.workload = workload
        if workload.embedding:
            self.embedding = nn.Embedding(
                workload.symbols, workload.embedding, sparse=workload.lazy
            )
        self.lstm = nn.LSTM(
            workload.features, workload.units, workload.num_layers, batch_first=True
        )
        outputs = 1 if workload.reviews else workload.symbols
        self.linear = nn.Linear(workload.units, outputs)

    def forward(self, tokens, state=None):
        """Returns logits and the new state."""
        if self.workload.embedding:
            inputs = self.embedding(tokens)
        else:
            inputs = nn.functional.one_hot(tokens, self.workload.symbols).float()
        outputs, state = self.lstm(inputs, state)
        if self.workload.reviews:
            return self.linear(outputs[:, -1])[:, 0], state
        return self.linear(outputs), state

    @torch.no_grad()
    def set_weights(self) -> None:
        """Sets the weights that all sides start from."""
        weights = first_weights(self.workload)
        if self.workload.embedding:
            self.embedding.weight.copy_(torch.from_numpy(weights.embedding))
        for number, (kernel, recurrent, bias) in enumerate(weights.layers):
            values = (kernel.T, recurrent.T, bias, 0 * bias)
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            for name, value in zip(names, values, strict=True):
                parameter = getattr(self.lstm, f"{name}_l{number}")
                parameter.copy_(torch.from_numpy(value.copy()))
            # The others have one bias: a second one that learns would double its steps.
            getattr(self.lstm, f"bias_hh_l{number}").requires_grad_(False)
        self.linear.weight.copy_(torch.from_numpy(weights.kernel.T.copy()))
        self.linear.bias.copy_(torch.from_numpy(weights.bias))


def build_optimizers(model: Model, workload: Workload) -> list:
    """Returns the optimizer, and with `lazy` another one for the rows of the embedding."""
    rate = workload.learning_rate
    if not workload.adam:
        return [torch.optim.SGD(model.parameters(), rate)]
    if not workload.lazy:
        return [torch.optim.Adam(model.parameters(), rate, eps=EPSILON)]
    rows = list(model.embedding.parameters())
    others = [*model.lstm.parameters(), *model.linear.parameters()]
    return [
        torch.optim.Adam(others, rate, eps=EPSILON),
        torch.optim.SparseAdam(rows, rate, eps=EPSILON),
    ]


def adam_epsilon(step: int) -> float:
    """Returns what PyTorch's Adam needs in a step, counted from 0, to be that of Keras.

    Keras adds epsilon before the correction of the second moment's bias.
    """
    return EPSILON / (1 - 0.999 ** (step + 1)) ** 0.5


def build_reader(workload: Workload, device: str) -> Callable[[int], tuple]:
    """Returns a function from the step to its inputs and labels, `[batch, time]`.

    A text that stands in the data many times is held whole, a byte a token.
    """
    if workload.copies == 1:
        inputs, labels = (
            torch.from_numpy(part.copy()).long().to(device)
            for part in batches(workload)
        )
        return lambda step: (inputs[step % len(inputs)], labels[step % len(labels)])
    text = np.tile(make_text(workload).astype(np.uint8), workload.copies)
    length = len(text) // workload.batch
    lanes = torch.from_numpy(text)[: workload.batch * length].view(-1, length)
    steps = (length - 1) // workload.time

    def read(step: int) -> tuple:
        first = step % steps * workload.time
        part = lanes[:, first : first + workload.time + 1].long().to(device)
        return part[:, :-1], part[:, 1:]

    return read


def run(workload: Workload, compiled: bool = False) -> None:
    """Trains when it is its turn, on the GPU where there is one."""
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(workload).to(device)
    model.set_weights()
    optimizers = build_optimizers(model, workload)
    clipped = [
        parameter
        for name, parameter in model.named_parameters()
        if not (workload.lazy and name.startswith("embedding"))
    ]
    forward = torch.compile(model) if compiled else model
    read = build_reader(workload, device)
    state, step = None, 0

    def train_step() -> torch.Tensor:
        nonlocal state, step
        inputs, labels = read(step)
        if workload.reviews:
            logits, _ = forward(inputs)
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, labels.float()
            )
        else:
            logits, state = forward(inputs, state)
            state = tuple(part.detach() for part in state)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(clipped, workload.clip)
        for optimizer in optimizers:
            if isinstance(optimizer, torch.optim.Adam):
                optimizer.param_groups[0]["eps"] = adam_epsilon(step)
            optimizer.step()
        step += 1
        return loss.detach()

    def train(count: int) -> float:
        return float(sum(train_step() for _ in range(count))) / count

    train(workload.loss_steps)
    loss = train(workload.loss_steps)
    take_turns(lambda: {"loss": train(workload.steps)}, loss=loss)
