"""Lists the commands: `python -m tfseq`."""

COMMANDS = {
    "train": "trains a language model or a classifier, or goes on with it",
    "evaluate": "loss, perplexity or accuracy of a trained run; scores of single lines",
    "sample": "text that a trained language model writes",
    "export": "a trained run as a model that needs TensorFlow alone",
    "predict": "whether reviews are positive, by a trained classifier",
}


def main() -> None:
    """Prints each command with what it does."""
    print("Recurrent sequence learning for TensorFlow 2. The commands:\n")
    for name, purpose in COMMANDS.items():
        print(f"  python -m tfseq.{name:9} {purpose}")
    print("\nEach explains its flags with --helpshort.")


if __name__ == "__main__":
    main()
