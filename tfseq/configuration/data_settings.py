"""The settings of the data: data sets, tokens and batches."""

import dataclasses

from tfseq.configuration.choices import DATASETS
from tfseq.configuration.option import option


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """The settings of data sets and pipelines."""

    dataset: str = option(
        "python_docs",
        f"Data set to learn from: {DATASETS.explain()}.",
        choices=DATASETS,
        fixed=True,
    )
    data_dir: str | None = option(
        None,
        "Folder with data sets as published, packed or unpacked; by default that of the "
        "environment variable TFSEQ_DATA_DIR.",
        path=True,
    )
    cache_dir: str | None = option(
        None,
        "Folder for downloads and encoded texts; by default tfseq in XDG_CACHE_HOME "
        "or in ~/.cache.",
        path=True,
    )
    train_file: str | None = option(
        None,
        "Text file (UTF-8) to train on, with `dataset`=text: plain or packed with gzip, "
        "bzip2 or xz, a pipe, or several with commas between them. With `dataset`=labelled "
        "a table (.csv, .tsv), JSON lines (.jsonl), or a folder with a folder of texts for "
        "each label. With `dataset`=tagged a token and its tag on each line, a blank line "
        "between sentences. With `dataset`=pairs a source and a target on each line, a tab "
        "between them.",
        path="files",
        needs=[{"dataset": DATASETS}],
    )
    valid_file: str | None = option(
        None,
        "Text file for validation; by default a part of `train_file` is held out.",
        path="files",
        needs=[{"dataset": DATASETS}],
    )
    test_file: str | None = option(
        None,
        "Text file for the test; by default a part of `train_file` is held out.",
        path="files",
        needs=[{"dataset": DATASETS}],
    )
    source_file: str | None = option(
        None,
        "File of the sources to train on, one a line, in the place of `train_file`.",
        path="files",
        needs=[{"dataset": DATASETS}, "target_file"],
        without=("train_file",),
    )
    target_file: str | None = option(
        None,
        "File of the targets, a line for each line of `source_file`.",
        path="files",
        needs=[{"dataset": DATASETS}, "source_file"],
    )
    valid_source_file: str | None = option(
        None,
        "File of the sources for validation.",
        path="files",
        needs=[{"dataset": DATASETS}, "valid_target_file"],
        without=("valid_file",),
    )
    valid_target_file: str | None = option(
        None,
        "File of the targets for validation.",
        path="files",
        needs=[{"dataset": DATASETS}, "valid_source_file"],
    )
    test_source_file: str | None = option(
        None,
        "File of the sources for the test.",
        path="files",
        needs=[{"dataset": DATASETS}, "test_target_file"],
        without=("test_file",),
    )
    test_target_file: str | None = option(
        None,
        "File of the targets for the test.",
        path="files",
        needs=[{"dataset": DATASETS}, "test_source_file"],
    )
    source_language: str = option(
        "en",
        "Language that is translated: en (English into German) or de (German into "
        "English).",
        choices=("en", "de"),
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    stress: bool = option(
        False,
        "Keep the stress of vowels, a digit behind the phoneme.",
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    text_column: str | None = option(
        None,
        "Column of the texts in labelled files; by default the one with a usual name, such "
        "as text or review. In a table without a line of names its number, counted from 1.",
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    label_column: str | None = option(
        None,
        "Column of the labels; by default the one with a usual name, such as label or "
        "sentiment. In a table without a line of names its number, counted from 1.",
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    test_rows: str = option(
        "drawn",
        "Labelled texts of `train_file` that are the test: drawn (each label in its share) "
        "or last (those at the end).",
        choices=("drawn", "last"),
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    skip_characters: int = option(
        0,
        "Characters to leave out at the start of `train_file`, such as a licence.",
        lower=0,
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    valid_size: int | None = option(
        None,
        "Characters held out for validation at the start of the text; by default the "
        "5 % before the test part. Of labelled texts, tagged sentences and pairs: their "
        "number; by default a tenth, of pairs at most 5,000.",
        lower=0,
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    test_size: int | None = option(
        None,
        "Characters held out for the test at the end of the text; by default 5 %, or "
        "none if `valid_size` is given. Of labelled texts, tagged sentences and pairs: their "
        "number; by default a tenth, of pairs at most 5,000.",
        lower=0,
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    level: str | None = option(
        None,
        "Kind of token. Words are separated by white space, and each line end is a word. "
        "Sub-words are words or parts of words, learned by byte-pair encoding. By default "
        "words for ptb, wikitext2, imdb_text, imdb_text_backward, labelled and tagged texts, "
        "pairs and multi30k, otherwise characters.",
        choices=("character", "word", "subword"),
        fixed=True,
    )
    vocabulary_size: int | None = option(
        None,
        "Size of the vocabulary: the most frequent words have their own tokens, all others "
        "are <unk>. By default all words of the training text have their own. With "
        "`level`=subword the number of pieces, which must be given.",
        lower=3,
        fixed=True,
        needs=[dict.fromkeys(("level", "target_level"), ("word", "subword"))],
    )

    batch_size: int = option(
        32,
        "Lanes in a batch: contiguous parts of the text that are read side by side. Or "
        "labelled texts, tagged sentences or pairs in a batch.",
        lower=1,
        upper=65536,
        fixed=True,
        without=("batch_tokens",),
    )
    num_steps: int | None = option(
        None,
        "Training steps of the whole run. The text begins again where it ends, and the state "
        "is never reset. With more of them a finished run goes on. Excludes `num_epochs`.",
        lower=1,
    )
    num_epochs: int | None = option(
        None,
        "Passes over the text; the state is zero at the start of each. With more of them a "
        "finished run goes on. Excludes `num_steps`.",
        lower=1,
    )
