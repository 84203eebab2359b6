"""Lets a trained language model write: `python -m tfseq.sample --run_dir=RUN`.

Examples:
  python -m tfseq.sample --run_dir=runs/quickstart --prompt="the function " --length=200
  python -m tfseq.sample --run_dir=runs/ptb_small --num_samples=5 --temperature=0.8
  python -m tfseq.sample --run_dir=runs/ptb_small --prompt="the company" --beam_width=10
"""

import json

from absl import flags

from tfseq import command_line
from tfseq.errors import UsageError

command_line.define_run_flags()
flags.adopt_module_key_flags(command_line)
flags.DEFINE_string("prompt", "", "Text to go on from; by default a line's beginning.")
flags.DEFINE_integer("length", 500, "Tokens to write.", 1, 10_000_000)
flags.DEFINE_integer("num_samples", 1, "Texts to write.", 1, 100_000)
flags.DEFINE_float("temperature", 1.0, "Below 1 the likely gets likelier.", 1e-3, 1e3)
flags.DEFINE_integer("top_k", 0, "Only the k most probable tokens; 0: all.", 0)
flags.DEFINE_float(
    "top_p",
    1.0,
    "Only the most probable tokens that reach this probability.",
    1e-6,
    1.0,
)
flags.DEFINE_boolean("greedy", False, "Always the most probable token.")
flags.DEFINE_integer("seed", 0, "Seed of the choice.", 0, 2**31 - 1)
flags.DEFINE_string("stop_at", None, "End a text where this occurs in it.")
flags.DEFINE_integer(
    "beam_width",
    0,
    "Search for the most probable continuations, keeping so many beginnings; 0: sample.",
    0,
    10_000,
)
flags.DEFINE_enum(
    "format", "text", ["text", "json"], "Text, or one JSON object a line."
)


def main() -> int:
    """Writes what the flags describe; the exit status."""
    with command_line.loading():
        from tfseq.experiment import load_run

    values = flags.FLAGS
    if values.beam_width and (values.num_samples > 1 or values.greedy):
        raise UsageError(
            f"--beam_width={values.beam_width}: found with --num_samples or --greedy, "
            "expected neither; leave them out"
        )
    run = load_run(values.run_dir, values.checkpoint)
    return search(run) if values.beam_width else sample(run)


def sample(run) -> int:
    """Samples texts; a single one is shown as it comes."""
    from tfseq.experiment import Rule, write_texts

    values = flags.FLAGS
    rule = Rule(values.temperature, values.top_k, values.top_p, values.greedy)
    streaming = values.num_samples == 1 and values.format == "text"
    texts, ended = [""] * values.num_samples, [False] * values.num_samples
    prompt = values.prompt
    for parts in write_texts(
        run, values.prompt, values.num_samples, values.length, rule, values.seed
    ):
        for row, part in enumerate(parts):
            if ended[row]:
                continue
            before = len(texts[row])
            texts[row], ended[row] = cut(texts[row] + part, values.stop_at)
            if streaming:
                print(prompt + texts[row][before:], end="", flush=True)
                prompt = ""
        if all(ended):
            break
    if streaming:
        print()
        return 0
    for number, text in enumerate(texts, 1):
        if values.format == "json":
            line = {"sample": number, "prompt": values.prompt, "text": text}
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"=== {number} " + "=" * 70)
            print(values.prompt + text)
    return 0


def cut(text: str, stop_at: str | None) -> tuple[str, bool]:
    """The text up to the end of `stop_at` in it, and whether that occurs."""
    place = text.find(stop_at) if stop_at else -1
    return (text, False) if place < 0 else (text[: place + len(stop_at)], True)


def search(run) -> int:
    """Shows the most probable continuations, the best first."""
    from tfseq.experiment import most_probable_texts

    values = flags.FLAGS
    found = most_probable_texts(run, values.prompt, values.beam_width, values.length)
    for text, score in found:
        if values.format == "json":
            line = {"prompt": values.prompt, "text": text, "log_probability": score}
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"{score:10.4f}  {values.prompt}{text}")
    return 0


if __name__ == "__main__":
    command_line.run(main)
