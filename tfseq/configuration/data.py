"""What is read, and how it is cut."""

import dataclasses

from tfseq.configuration.option import option

REVIEW_DATASETS = ("imdb", "toy_reviews")


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """The settings of data sets and pipelines."""

    dataset: str = option(
        "python_docs",
        "What to learn from. Texts: the language reference inside every Python, text8, "
        "ptb (Penn Treebank), the text of the imdb reviews (imdb_text), or a file of your "
        "own (text, --train_file). Reviews: imdb, or made by a small grammar "
        "(toy_reviews).",
        choices=("python_docs", "text8", "ptb", "imdb_text", "text", *REVIEW_DATASETS),
        fixed=True,
    )
    data_dir: str | None = option(
        None,
        "Folder with data sets as published, packed or unpacked; by default the "
        "environment variable TFSEQ_DATA_DIR.",
    )
    cache_dir: str | None = option(
        None,
        "Folder for downloads and encoded texts; by default tfseq in XDG_CACHE_HOME "
        "or in ~/.cache.",
    )
    train_file: str | None = option(
        None, "Text file (UTF-8) to train on, with --dataset=text."
    )
    valid_file: str | None = option(
        None, "Text file for validation; without it a part of --train_file is held out."
    )
    test_file: str | None = option(
        None, "Text file for the test; without it a part of --train_file is held out."
    )
    skip_characters: int = option(
        0,
        "Characters at the start of --train_file to leave out (a licence, say).",
        lower=0,
        fixed=True,
    )
    valid_size: int | None = option(
        None,
        "Characters held out for validation at the start of the text; by default the "
        "5 % before the test part. Of reviews: how many of them; by default a tenth.",
        lower=0,
        fixed=True,
    )
    test_size: int | None = option(
        None,
        "Characters held out for the test at the end of the text; by default 5 %, or "
        "none where --valid_size is given.",
        lower=0,
        fixed=True,
    )
    level: str | None = option(
        None,
        "What a token is; words stand between white space, and each line end is one. By "
        "default words for ptb, imdb_text and reviews, else characters.",
        choices=("character", "word"),
        fixed=True,
    )
    vocabulary_size: int | None = option(
        None,
        "Most words in the vocabulary, the most frequent ones; the rest is <unk>. By "
        "default all words of the training text.",
        lower=3,
        fixed=True,
    )

    max_length: int = option(
        400, "Tokens of a review that are read, its last ones.", 1, 65536, None, True
    )
    padding: str = option(
        "right",
        "Reviews of a batch: of similar length, what fills them up is never read (right); "
        "or all of --max_length, <pad> before shorter ones and read as text (left).",
        choices=("right", "left"),
        fixed=True,
    )

    batch_size: int = option(
        32,
        "Lanes: contiguous parts of the text read side by side, or reviews.",
        1,
        65536,
        None,
        True,
    )
    num_unrollings: int = option(
        50, "Time steps in one unrolling, in tokens.", 1, 65536, None, True
    )
    num_steps: int | None = option(
        None,
        "Training steps in all; the text is read in a circle and the state is never "
        "reset. Excludes --num_epochs.",
        lower=1,
    )
    num_epochs: int | None = option(
        None,
        "Passes over the text; the state is zero at the start of each. Excludes "
        "--num_steps.",
        lower=1,
    )
