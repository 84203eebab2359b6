"""What a model reads of a text that has characters or words which it does not know."""

import re

from tfseq.pipelines.vocabulary import UNKNOWN_TOKEN, Vocabulary

# Stands for a character that is not known; no vocabulary needs it.
REPLACEMENT = "\ufffd"
SHOWN_PARTS = 5
SHOWN_CHARACTERS = 60


def fit_text(text: str, vocabulary: Vocabulary, argument: str) -> tuple[str, str]:
    r"""Returns a text as a model reads it, and a line on what it does not know.

    A word that is not known becomes `<unk>`. A character becomes the replacement character
    (U+FFFD), whose id is that of `<unk>`. Where the vocabulary has no `<unk>`, they are
    left out.

    Args:
        text: the text.
        vocabulary: the vocabulary of the model.
        argument: the name of the argument that gives the text, for the line.

    Returns:
        The text, and the line; "" where all parts are known.

    Example:
        vocabulary = word_vocabulary(["the cat sat\n"])
        text, note = fit_text("The cat", vocabulary, "prompt")  # "<unk> cat"
    """
    unknown = set(vocabulary.unknown_parts(text)) - {REPLACEMENT}
    if not unknown:
        return text, ""
    words = vocabulary.level == "word"
    mark = UNKNOWN_TOKEN if words else REPLACEMENT
    mark = "" if vocabulary.unknown_id is None else mark
    # A part is a word or a character.
    fitted = re.sub(
        r"\S+" if words else r"(?s:.)",
        lambda part: mark if part[0] in unknown else part[0],
        text,
    )
    shown = ", ".join(map(repr, sorted(unknown)[:SHOWN_PARTS]))
    if len(unknown) > SHOWN_PARTS:
        shown += f" and {len(unknown) - SHOWN_PARTS:,} more"
    what = f"read as {UNKNOWN_TOKEN}" if mark else "left out"
    note = (
        f"`{argument}`: found {shown}, expected {vocabulary.kind_of_parts} of the run's "
        f"vocabulary; {what}"
    )
    lower = text.lower()
    fewer = len(vocabulary.unknown_parts(lower))
    if fewer < len(unknown):
        more = "all" if not fewer else "more"
        form = f", `{argument}`={lower!r}" if len(lower) <= SHOWN_CHARACTERS else ""
        note += f"; in lower case {more} of them are known{form}"
    return fitted, note
