"""Lets a trained language model write: `python -m tfseq.sample --run_dir=RUN`.

Examples:
  python -m tfseq.sample --run_dir=runs/quickstart --prompt="the function " --length=200
  python -m tfseq.sample --run_dir=runs/ptb_small --num_samples=5 --temperature=0.8
  python -m tfseq.sample --run_dir=runs/ptb_small --prompt="the company" --beam_width=10
"""

from absl import flags

from tfseq import command_line, standard_streams

command_line.define_run_flags()
command_line.define_options("sample")
flags.adopt_module_key_flags(command_line)
flags.DEFINE_enum(
    "format", "text", ["text", "json"], "Text, or one JSON object a line."
)


def main() -> int:
    """Writes what the flags describe and returns the exit status."""
    standard_streams.expect_output()
    with command_line.loading():
        from tfseq import runs

    run = runs.load(flags.FLAGS.run_dir, flags.FLAGS.checkpoint)
    options = command_line.given_options("sample")
    if flags.FLAGS.beam_width:
        show_found(run.search(**options))
    elif flags.FLAGS.num_samples == 1 and flags.FLAGS.format == "text":
        for part in run.stream(**options):
            print(part, end="", flush=True)
        print()
    else:
        show_samples(run.sample(**options))
    return 0


def show_samples(texts: list[str]) -> None:
    """Prints texts, one after the other."""
    prompt = flags.FLAGS.prompt
    for number, text in enumerate(texts, 1):
        if flags.FLAGS.format == "json":
            line = {"sample": number, "prompt": prompt, "text": text[len(prompt) :]}
            command_line.print_json(line)
        else:
            print(f"=== {number} " + "=" * 70)
            print(text)


def show_found(found: list[tuple[str, float]]) -> None:
    """Prints the most probable continuations, the best first."""
    prompt = flags.FLAGS.prompt
    for text, score in found:
        if flags.FLAGS.format == "json":
            line = {"prompt": prompt, "text": text, "log_probability": score}
            command_line.print_json(line)
        else:
            print(f"{score:10.4f}  {prompt}{text}")


if __name__ == "__main__":
    command_line.run(main)
