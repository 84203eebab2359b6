"""Translation with PyTorch: training steps, greedy decoding and beam search.

The encoder's two directions are LSTM layers of their own over padded rows, the backward one
over reversed rows: on a processor that takes two thirds of the time of packed sequences.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from sides.pytorch_side import adam_epsilon
from sides.translation_work import (
    CLIP,
    END,
    LENGTH_PENALTY,
    RATE,
    SIZES,
    LSTMWeights,
    Sizes,
    Weights,
    decoding_batches,
    first_weights,
    training_batches,
)
from sides.turns import take_turns
from sides.workloads import LOSS_STEPS


class Memory(NamedTuple):
    """What the decoder attends to.

    Attributes:
        keys: `[texts, units, time]`.
        values: `[texts, time, 2 * units]`.
        outside: True after the end of a source, `[texts, 1, time]`.
    """

    keys: torch.Tensor
    values: torch.Tensor
    outside: torch.Tensor


class Transducer(nn.Module):
    """An LSTM in each direction, an LSTM with general attention, a tied softmax."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        embedding, units = sizes.embedding, sizes.units
        self.units, self.smoothing = units, sizes.smoothing
        self.sources = nn.Embedding(sizes.tokens, embedding)
        self.targets = nn.Embedding(sizes.tokens, embedding)
        self.ahead = nn.LSTM(embedding, units, batch_first=True)
        self.back = nn.LSTM(embedding, units, batch_first=True)
        self.decoder = nn.LSTM(embedding, units, batch_first=True)
        self.bridge = nn.Linear(2 * units, 2 * units)
        self.keys = nn.Linear(2 * units, units, bias=False)
        self.attended = nn.Linear(3 * units, embedding, bias=False)
        self.dropout = nn.Dropout(sizes.dropout)
        self.softmax = nn.Linear(embedding, sizes.tokens)
        self.softmax.weight = self.targets.weight

    @torch.no_grad()
    def set_weights(self, weights: Weights) -> None:
        """Sets the weights that all sides start from."""
        for layer, values in (
            (self.sources, weights.source_embedding),
            (self.targets, weights.target_embedding),
            (self.bridge, weights.bridge.T),
            (self.keys, weights.key_kernel.T),
            (self.attended, weights.attended_kernel.T),
        ):
            layer.weight.copy_(torch.from_numpy(values.copy()))
        self.bridge.bias.zero_()
        self.softmax.bias.zero_()
        for layer, values in (
            (self.ahead, weights.ahead),
            (self.back, weights.back),
            (self.decoder, weights.decoder),
        ):
            _set_lstm(layer, values)

    def encode(self, sources, lengths):
        """Returns the memory, and output and cell of the decoder before the first token.

        Args:
            sources: ids, `[texts, time]`.
            lengths: tokens of each source, `[texts]`.
        """
        inputs = self.sources(sources)
        time = torch.arange(sources.shape[1])
        inside = time < lengths[:, None]
        places = torch.where(inside, lengths[:, None] - 1 - time, time)[..., None]

        def mirror(rows):
            return rows.gather(1, places.expand(-1, -1, rows.shape[2]))

        ahead, _ = self.ahead(inputs)
        back, _ = self.back(mirror(inputs))
        last = lengths[:, None, None].expand(-1, 1, self.units) - 1
        ends = torch.cat([ahead.gather(1, last), back.gather(1, last)], dim=2)[:, 0]
        # What stands after the end has the weight 0 in every context.
        values = torch.cat([ahead, mirror(back)], dim=2)
        memory = Memory(self.keys(values).mT, values, ~inside[:, None])
        return memory, torch.tanh(self.bridge(ends)).split(self.units, dim=1)

    def attend(self, hidden, memory):
        """Returns what is attended, `[texts, steps, units]`, to `hidden` of that shape."""
        scores = torch.bmm(hidden, memory.keys)
        weights = scores.masked_fill(memory.outside, -torch.inf).softmax(dim=2)
        context = torch.bmm(weights, memory.values)
        return torch.tanh(self.attended(torch.cat([context, hidden], dim=2)))

    def forward(self, sources, lengths, targets, target_lengths):
        """Returns the sum of -ln p of all tokens of the targets, and what is minimised."""
        memory, (output, cell) = self.encode(sources, lengths)
        inputs = self.targets(nn.functional.pad(targets[:, :-1], (1, 0), value=END))
        hidden, _ = self.decoder(inputs, (output[None], cell[None]))
        inside = torch.arange(targets.shape[1]) < target_lengths[:, None]
        # The rows of padding need no products with the vocabulary.
        read = self.dropout(self.attend(hidden, memory)[inside])
        logs = self.softmax(read).log_softmax(dim=1)
        loss = nn.functional.nll_loss(logs, targets[inside], reduction="sum")
        spread = -logs.mean(dim=1).sum()
        return loss, torch.lerp(loss, spread, self.smoothing)

    def step(self, tokens, state, memory):
        """Reads one token of each row; rows of a text stand one after the other.

        Args:
            tokens: ids, `[rows]`.
            state: output and cell, `[rows, units]` each.
            memory: that of the texts.

        Returns:
            Logits `[rows, tokens]` and the new state.
        """
        state = torch.lstm_cell(
            self.targets(tokens), state, *self.decoder.all_weights[0]
        )
        hidden = state[0].view(len(memory.keys), -1, self.units)
        return self.softmax(self.attend(hidden, memory).flatten(0, 1)), state


def _set_lstm(layer: nn.LSTM, weights: LSTMWeights) -> None:
    kernel, recurrent, bias = weights
    values = (kernel.T, recurrent.T, bias, 0 * bias)
    for parameter, value in zip(layer.all_weights[0], values, strict=True):
        parameter.copy_(torch.from_numpy(value.copy()))
    # The others have one bias: a second one that learns would double its steps.
    layer.bias_hh_l0.requires_grad_(False)


def greedy(model, sources, lengths, limits):
    """Returns the targets that follow from the most probable token each time.

    Args:
        model: the transducer.
        sources: ids, `[texts, time]`.
        lengths: tokens of each source, `[texts]`.
        limits: the most tokens of each target, `[texts]`.

    Returns:
        Ids `[texts, longest target]`; what follows after an end is the end.
    """
    memory, state = model.encode(sources, lengths)
    tokens = torch.full_like(lengths, END)
    ended, written = limits == 0, []
    while not ended.all():
        logits, state = model.step(tokens, state, memory)
        tokens = logits.argmax(dim=1).masked_fill(ended, END)
        written.append(tokens)
        ended = (tokens == END) | (limits <= len(written))
    return torch.stack(written, dim=1)


def beam_search(model, sources, lengths, limits, *, width, length_penalty):
    """Returns the best targets that a search over `width` beginnings of each finds.

    Beginnings are compared by ln p / ((5 + length) / 6) ** length_penalty, those that have
    ended too. The other arguments and the results are those of `greedy`.
    """
    memory, state = model.encode(sources, lengths)
    texts = len(lengths)
    first_rows = torch.arange(texts)[:, None] * width
    state = [part.repeat_interleave(width, dim=0) for part in state]
    tokens = torch.full([texts * width], END)
    # One row of a text is possible: all of them are alike at first.
    itself = torch.full([width], -torch.inf)
    itself[0] = 0.0
    sums, counts = itself.repeat(texts, 1), torch.zeros(texts, width)
    ended, history = (limits == 0)[:, None].expand(-1, width), []

    def score(sums, counts):
        return sums / ((5 + counts) / 6) ** length_penalty

    def settled():
        possible = score(sums, limits[:, None]) > score(sums, counts)[:, :1]
        return ended[:, 0].all() and not (possible & ~ended).any()

    while not settled():
        logits, state = model.step(tokens, state, memory)
        best, found = logits.topk(width)
        best = (best - logits.logsumexp(dim=1, keepdim=True)).view(texts, width, -1)
        found = found.view(texts, width, -1)
        best = torch.where(ended[..., None], itself, best)
        found = found.masked_fill(ended[..., None], END)
        counts = counts + ~ended
        every = sums[..., None] + best
        _, places = score(every, counts[..., None]).flatten(1).topk(width)
        parents = places // width
        sums, tokens = (
            every.flatten(1).gather(1, places),
            found.flatten(1).gather(1, places),
        )
        counts, ended = counts.gather(1, parents), ended.gather(1, parents)
        history.append((tokens, parents))
        ended = ended | (tokens == END) | (limits[:, None] <= len(history))
        rows = (first_rows + parents).flatten()
        state = [part.index_select(0, rows) for part in state]
        tokens = tokens.flatten()
    row, written = torch.zeros(texts, 1, dtype=torch.long), []
    for tokens, parents in reversed(history):
        written.append(tokens.gather(1, row))
        row = parents.gather(1, row)
    return torch.cat(written[::-1], dim=1)


def tensors(parts) -> list[torch.Tensor]:
    """Returns arrays as PyTorch takes ids and lengths."""
    return [torch.from_numpy(np.ascontiguousarray(part)).long() for part in parts]


def run(width: int | None, compiled: bool = False) -> None:
    """Trains, or with a `width` translates by beam search; 1 is the greedy loop."""
    model = Transducer(SIZES)
    model.set_weights(first_weights(SIZES))
    torch.manual_seed(0)
    if width is None:
        _train(model, torch.compile(model, dynamic=True) if compiled else model)
    else:
        model.eval()
        if compiled:
            model.step = torch.compile(model.step, dynamic=True)
        _translate(model, width)


def _train(model: Transducer, losses_of: Callable) -> None:
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    batches = itertools.cycle([tensors(batch) for batch in training_batches(SIZES)])
    step = 0

    def train(count: int) -> dict:
        nonlocal step
        total, tokens = 0.0, 0
        for _ in range(count):
            parts = next(batches)
            loss, minimised = losses_of(*parts)
            optimizer.zero_grad()
            (minimised / SIZES.batch).backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.param_groups[0]["eps"] = adam_epsilon(step)
            optimizer.step()
            step += 1
            total, tokens = total + float(loss.detach()), tokens + int(parts[3].sum())
        return {"tokens": tokens, "loss": total / tokens}

    train(LOSS_STEPS)
    facts = {"loss": train(LOSS_STEPS)["loss"]}
    take_turns(lambda: train(SIZES.steps), **facts)


def _translate(model: Transducer, width: int) -> None:
    batches = [tensors(batch) for batch in decoding_batches(SIZES)]

    @torch.inference_mode()
    def turn() -> dict:
        for batch in batches:
            if width == 1:
                greedy(model, *batch)
            else:
                beam_search(model, *batch, width=width, length_penalty=LENGTH_PENALTY)
        return {"tokens": sum(int(limits.sum()) for _, _, limits in batches)}

    turn()
    take_turns(turn)
