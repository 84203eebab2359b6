"""Lets a trained language model write: `python -m tfseq.sample --run_dir=RUN`.

Examples:
  python -m tfseq.sample --run_dir=example:english --prompt="The "
  python -m tfseq.sample --run_dir=runs/quickstart --prompt="the function " --length=200
  python -m tfseq.sample --run_dir=runs/ptb_small --num_samples=5 --temperature=0.8
  python -m tfseq.sample --run_dir=runs/ptb_small --prompt="the company" --beam_width=10
  python -m tfseq.sample --run_dir=runs/quickstart --prompt_file=beginning.txt
  python -m tfseq.sample --run_dir=runs/quickstart --interactive
"""

import pathlib
import sys
from typing import Any

from absl import flags

from tfseq import command_line, standard_streams
from tfseq.errors import UsageError
from tfseq.examples import find_run
from tfseq.pipelines import Vocabulary, fit_text
from tfseq.tasks import read_saved_settings
from tfseq.training.run_folder import RunFolder

command_line.define_run_flags()
command_line.define_options("sample")
command_line.define_path(
    "prompt_file",
    None,
    "Text file (UTF-8) with the text to go on from; - for standard input. Line ends at its "
    "end are left out.",
)
flags.DEFINE_boolean(
    "interactive",
    False,
    "Read prompts from standard input, one a line, and go on from each. Ctrl-C stops an "
    "answer, Ctrl-D ends the command. The seed of each answer is one more.",
)
flags.DEFINE_enum("format", "text", ["text", "json"], "Text, or JSON Lines.")
flags.adopt_module_key_flags(command_line)
command_line.explain_first(
    *("run_dir", "prompt", "prompt_file", "interactive", "length", "num_samples"),
    *("temperature", "top_k", "top_p", "greedy", "seed", "stop_at"),
)
# Options of one answer to one prompt that is given before.
WITHOUT_INTERACTION = ("prompt", "prompt_file", "num_samples", "beam_width", "format")


def main() -> int:
    """Writes what the flags describe and returns the exit status."""
    standard_streams.expect_output()
    vocabulary = read_vocabulary(flags.FLAGS.run_dir)
    options = command_line.given_options("sample")
    if flags.FLAGS.interactive:
        check_interaction()
    else:
        options["prompt"] = fit(read_prompt(), vocabulary)
    with command_line.loading():
        from tfseq import runs

    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    if flags.FLAGS.interactive:
        converse(run, vocabulary, options)
    elif flags.FLAGS.beam_width:
        show_found(run.search(**options), options["prompt"])
    elif flags.FLAGS.num_samples == 1 and flags.FLAGS.format == "text":
        show_stream(run, options)
    else:
        show_samples(run.sample(**options), options["prompt"])
    return 0


def read_vocabulary(run_dir: str) -> Vocabulary | None:
    """Returns the vocabulary of a run; None where `load` will say what is wrong there."""
    folder = RunFolder(pathlib.Path(find_run(run_dir)))
    if not folder.config_file.is_file() or not folder.vocabulary_file().is_file():
        return None
    try:
        level = read_saved_settings(folder.read_config()["settings"]).level
    except UsageError:
        return None
    return Vocabulary.load(folder.vocabulary_file(), level)


def read_prompt() -> str:
    """Returns the prompt that the flags give or name.

    Raises:
        UsageError: both of them are given, or the file cannot be read.
    """
    file = flags.FLAGS.prompt_file
    if file is None:
        return flags.FLAGS.prompt
    if flags.FLAGS["prompt"].present:
        raise UsageError("`prompt_file`: found with `prompt`; leave one of them out")
    return "".join(command_line.read_lines(file, keep_ends=True)).rstrip("\n")


def fit(prompt: str, vocabulary: Vocabulary | None) -> str:
    """Returns a prompt as the model reads it; warns of what it does not know."""
    if vocabulary is None:
        return prompt
    fitted, note = fit_text(prompt, vocabulary, "prompt")
    if note:
        command_line.note(note)
    return fitted


def check_interaction() -> None:
    """Raises `UsageError` for an option that has no place beside prompts that are read."""
    for name in WITHOUT_INTERACTION:
        if flags.FLAGS[name].present:
            raise UsageError(
                f"`{name}`: found with `interactive`; leave one of them out"
            )


def converse(run: Any, vocabulary: Vocabulary | None, options: dict[str, Any]) -> None:
    """Writes an answer to each line of standard input, until it ends."""
    asks = standard_streams.standard_input().isatty()
    seed = options.get("seed", 0)
    run.stream(**options)  # Refuses a wrong run or option before it asks for a prompt.
    while True:
        try:
            if asks:
                print("> ", end="", flush=True)
            line = sys.stdin.readline()
            if not line:
                break
            prompt = fit(line.rstrip("\r\n"), vocabulary)
            show_stream(run, {**options, "prompt": prompt, "seed": seed})
            seed += 1
        except KeyboardInterrupt:
            print()
    if asks:
        print()


def show_stream(run: Any, options: dict[str, Any]) -> None:
    """Prints one text as it is written."""
    for part in run.stream(**options):
        print(part, end="", flush=True)
    print(flush=True)


def show_samples(texts: list[str], prompt: str) -> None:
    """Prints texts, one after the other."""
    for number, text in enumerate(texts, 1):
        if flags.FLAGS.format == "json":
            line = {"sample": number, "prompt": prompt, "text": text[len(prompt) :]}
            command_line.print_json(line)
        else:
            print(f"=== {number} " + "=" * 70)
            print(text)


def show_found(found: list[tuple[str, float]], prompt: str) -> None:
    """Prints the most probable continuations, the best first."""
    for text, score in found:
        if flags.FLAGS.format == "json":
            line = {"prompt": prompt, "text": text, "log_probability": score}
            command_line.print_json(line)
        else:
            print(f"{score:10.4f}  {prompt}{text}")


if __name__ == "__main__":
    command_line.run(main)
