"""The settings of the tasks that read one long text in contiguous lanes."""

import dataclasses
from typing import Any

from tfseq.configuration.option import option
from tfseq.errors import UsageError

# Shorter unrollings have no lengths to choose from; longer ones could exceed what is read
# at once.
RANDOM_LENGTHS = (14, 16384)


@dataclasses.dataclass(frozen=True)
class LaneSettings:
    """How the text of a run is cut."""

    num_unrollings: int = option(
        50, "Time steps in one unrolling, in tokens.", lower=1, upper=65536, fixed=True
    )
    random_unrollings: bool = option(
        False,
        "Draw the length of each unrolling at random: about `num_unrollings`, or half of it "
        "in one of 20 cases. Every token has the same weight, so that a step is as large as "
        "its unrolling is long.",
        fixed=True,
        needs=["num_epochs"],
    )
    shuffle_lanes: bool = option(
        False,
        "Begin each lane of the text at another place in each epoch, and go on from its end "
        "at its beginning.",
        fixed=True,
        needs=["num_epochs"],
    )


def check_lanes(settings: Any) -> None:
    """Raises `UsageError` for unrollings that cannot have random lengths."""
    fewest, most = RANDOM_LENGTHS
    if settings.random_unrollings and not fewest <= settings.num_unrollings <= most:
        raise UsageError(
            f"`num_unrollings`={settings.num_unrollings}: found with `random_unrollings`, "
            f"expected from {fewest} to {most}; choose another number, or leave "
            "`random_unrollings` out"
        )
