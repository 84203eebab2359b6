"""Prints how many characters of python_code a lexer without a carried state tags rightly.

    python tools/tag_without_state.py --num_unrollings=64

Python's own `tokenize` begins anew at each unrolling of the test part, as a model does whose
state is reset there. A string that it finds no end of reaches to the end of the unrolling.
The figure is what a model of `python_code` must exceed to show that its state is worth
something. From Python 3.12 on `tokenize` gives up at a bracket without a partner, and the
figure is lower.
"""

import io
import sys
import tokenize

import numpy as np
from absl import app, flags

from tfseq.datasets.python_code import KINDS, kind_of, python_code_corpus
from tfseq.errors import DataError

NUM_UNROLLINGS = flags.DEFINE_integer(
    "num_unrollings", 64, "Characters in one unrolling.", lower_bound=1
)


def tag_piece(piece: str) -> np.ndarray:
    """Returns the number in `KINDS` of each character's kind, `[characters]`.

    Args:
        piece: a piece of Python source, which may begin and end anywhere.
    """
    # Within brackets no line is refused for its indentation.
    source = f"({piece}"
    tags = np.zeros(len(source), np.uint8)
    starts = np.cumsum([0, *map(len, io.StringIO(source))])

    def place(position: tuple[int, int]) -> int:
        return int(starts[position[0] - 1]) + position[1]

    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = kind_of(token)
            if kind is not None:
                tags[place(token.start) : place(token.end)] = KINDS.index(kind)
    except tokenize.TokenError as error:
        message, position = error.args
        if "string" in message:
            tags[place(position) :] = KINDS.index("string")
    except SyntaxError:
        pass  # What was not reached stays `space`.
    return tags[1:]


def count_right(source: str, tags: np.ndarray, length: int) -> int:
    """Returns how many characters are tagged rightly, piece by piece.

    Args:
        source: the text.
        tags: the right tags, `[characters]`.
        length: the characters of a piece.
    """
    pieces = [source[first : first + length] for first in range(0, len(source), length)]
    return int((np.concatenate([tag_piece(piece) for piece in pieces]) == tags).sum())


def main(arguments: list[str]) -> None:
    """Prints the share of the test part."""
    if arguments[1:]:
        sys.exit(f"tag_without_state.py: found {arguments[1]}, expected flags only")
    try:
        parts = list(python_code_corpus().splits["test"].read())
    except DataError as error:
        sys.exit(f"tag_without_state.py: {error}")
    source = "".join(text for text, _ in parts)
    tags = np.concatenate([kinds for _, kinds in parts])
    right = count_right(source, tags, NUM_UNROLLINGS.value)
    print(f"{right / len(source):.4f} of {len(source):,} characters")


if __name__ == "__main__":
    app.run(main)
