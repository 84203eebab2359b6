"""Training steps of `conll2000_chunks` on made-up sentences of its sizes.

Both sides have the model of the recipe: words, letters that an LSTM reads from both ends, one
further column, an LSTM in each direction, a linear-chain conditional random field, Adam.
Neither has dropout. A third side has a softmax in the place of the field, so that the
field's share of a step is seen.
"""

import numpy as np

from sides.turns import take_turns

SENTENCES, BATCH, STEPS = 1_600, 16, 20
WORDS, LETTERS, FEATURES, TAGS = 15_000, 78, 46, 23
EMBEDDING, LETTER_SIZE, LETTER_UNITS, FEATURE_SIZE, UNITS = 100, 25, 25, 20, 200
RATE, CLIP, EPSILON = 0.003, 5.0, 1e-7


def make_sentences():
    """Returns sentences as ids; words and their letters are as long as those of texts."""
    from tfseq.pipelines import EncodedSentences

    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 45, SENTENCES)
    shares = 1 / np.arange(1, WORDS + 1)
    words = np.searchsorted(
        np.cumsum(shares / shares.sum()), rng.random(lengths.sum())
    ).clip(max=WORDS - 1)
    spelled = rng.integers(1, 12, WORDS)
    return EncodedSentences(
        starts=np.cumsum([0, *lengths], dtype=np.int64),
        spellings=words.astype(np.int32),
        tags=(words % TAGS).astype(np.int32),
        features=(1 + words % (FEATURES - 1)).astype(np.int32)[:, np.newaxis],
        word_ids=np.arange(WORDS, dtype=np.int32),
        letters=rng.integers(1, LETTERS + 1, spelled.sum()).astype(np.int32),
        letter_starts=np.cumsum([0, *spelled], dtype=np.int64),
    )


def run_tfseq(tag_layer: str) -> None:
    """Trains when it is its turn.

    Args:
        tag_layer: `crf` or `softmax`.
    """
    from tfseq.machine.devices import configure_machine
    from tfseq.pipelines import Vocabulary
    from tfseq.tasks import Data, Settings, create_task
    from tfseq.training.learner import Learner
    from tfseq.training.plan import build_plan
    from tfseq.training.steps import no_totals

    settings = Settings(
        dataset="conll2000",
        batch_size=BATCH,
        embedding_size=EMBEDDING,
        letter_units=LETTER_UNITS,
        letter_embedding_size=LETTER_SIZE,
        feature_embedding_size=FEATURE_SIZE,
        units=UNITS,
        bidirectional=True,
        tag_layer=tag_layer,
        unknown_weight=0.0,
        optimizer="adam",
        learning_rate=RATE,
        max_gradient_norm=CLIP,
        schedule="constant",
    )
    devices = configure_machine(settings)
    task = create_task(settings)
    letters = [chr(0x100 + number) for number in range(LETTERS - 1)]
    vocabularies = {
        "tokens": Vocabulary(
            ["<pad>", "<unk>", *(f"w{number}" for number in range(WORDS - 2))], "word"
        ),
        "letters": Vocabulary(["<unk>", *letters], "character"),
        "features": Vocabulary(
            ["<pad>", "0:<unk>", *(f"0:{number}" for number in range(FEATURES - 2))],
            "word",
        ),
        "tags": Vocabulary([f"B-{number}" for number in range(TAGS)], "word"),
    }
    data = Data("", vocabularies, {"train": make_sentences()})
    plan = build_plan(settings, task, data)
    learner = Learner(task, data, settings, devices=devices, plan=plan)
    iterator, state, step = iter(learner.batches(0)), learner.initial_state(), 0

    def turn() -> dict:
        nonlocal state, step
        state, totals = learner.train(
            iterator, state, no_totals(), step=step, count=STEPS
        )
        step += STEPS
        count = float(totals.count)
        return {"tokens": count, "loss": float(totals.loss) / count}

    turn()
    take_turns(turn)


def run_pytorch() -> None:
    """Trains with PyTorch when it is its turn, on the same batches."""
    import torch
    from torch import nn

    from tfseq.pipelines import training_sentences

    class Tagger(nn.Module):
        """The same model, with `nn.LSTM` on packed sequences."""

        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(WORDS, EMBEDDING)
            self.letters = nn.Embedding(LETTERS + 1, LETTER_SIZE)
            self.features = nn.Embedding(FEATURES, FEATURE_SIZE)
            both = {"batch_first": True, "bidirectional": True}
            self.spelling = nn.LSTM(LETTER_SIZE, LETTER_UNITS, **both)
            width = EMBEDDING + 2 * LETTER_UNITS + FEATURE_SIZE
            self.lstm = nn.LSTM(width, UNITS, **both)
            self.linear = nn.Linear(2 * UNITS, TAGS)
            self.moves = nn.Parameter(torch.zeros(TAGS, TAGS))
            self.start = nn.Parameter(torch.zeros(TAGS))
            self.end = nn.Parameter(torch.zeros(TAGS))

        def spell(self, spellings, letters):
            """Returns the vectors of words, each different one read once."""
            inside = letters[..., 0] > 0
            different, places = torch.unique(spellings[inside], return_inverse=True)
            chosen = torch.zeros(len(different), dtype=torch.long)
            chosen[places] = torch.arange(len(places))
            spelled = letters[inside][chosen]
            packed = nn.utils.rnn.pack_padded_sequence(
                self.letters(spelled),
                (spelled > 0).sum(1),
                batch_first=True,
                enforce_sorted=False,
            )
            _, (last, _) = self.spelling(packed)
            vectors = torch.cat([last[0], last[1]], dim=1)
            found = vectors.new_zeros(*inside.shape, vectors.shape[1])
            found[inside] = vectors[places]
            return found

        def loss(self, words, spellings, letters, features, lengths, tags):
            """Returns the sum of -ln p of the tags of all sentences."""
            inputs = [self.words(words), self.spell(spellings, letters)]
            inputs = torch.cat([*inputs, self.features(features[..., 0])], dim=-1)
            packed = nn.utils.rnn.pack_padded_sequence(
                inputs, lengths, batch_first=True, enforce_sorted=False
            )
            outputs, _ = self.lstm(packed)
            outputs, _ = nn.utils.rnn.pad_packed_sequence(
                outputs, batch_first=True, total_length=words.shape[1]
            )
            logits = self.linear(outputs)
            inside = torch.arange(words.shape[1]) < lengths[:, None]
            last = tags.gather(1, lengths[:, None] - 1)[:, 0]
            chosen = logits.gather(2, tags[..., None])[..., 0]
            moves = self.moves[tags[:, :-1], tags[:, 1:]]
            score = (chosen * inside).sum() + (moves * inside[:, 1:]).sum()
            score = score + (self.start[tags[:, 0]] + self.end[last]).sum()
            forward = self.start + logits[:, 0]
            for time in range(1, words.shape[1]):
                ways = forward[:, :, None] + self.moves
                following = torch.logsumexp(ways, dim=1) + logits[:, time]
                forward = torch.where(inside[:, time, None], following, forward)
            return torch.logsumexp(forward + self.end, dim=1).sum() - score

    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), RATE, eps=EPSILON)
    batches = iter(training_sentences(make_sentences(), BATCH, seed=0))

    def turn() -> dict:
        total, count = 0.0, 0
        for _ in range(STEPS):
            parts = [torch.from_numpy(part.numpy()).long() for part in next(batches)]
            kept = parts[4] > 0  # Rows that fill up a batch are left out here.
            parts = [part[kept] for part in parts]
            loss = model.loss(*parts)
            optimizer.zero_grad()
            (loss / BATCH).backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            total, count = total + float(loss.detach()), count + int(parts[4].sum())
        return {"tokens": count, "loss": total / count}

    turn()
    take_turns(turn)
