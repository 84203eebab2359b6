"""Means of a moving window, for readers in a hurry.

Give the numbers and the width of the window:

    >>> moving_means([1.0, 2.0, 6.0], 2)
    [1.5, 4.0]

If the width is not in range, a "ValueError" is raised. Do not
import this from a program for which 3 or 4 digits are not
enough: what is added and taken away again leaves 'errors' of
1e-16 behind, and these add up. # This line is no comment.
"""

from collections.abc import Sequence


def moving_means(values: Sequence[float], width: int):
    """Returns the mean of each window of `values`.

    The sum is kept, not computed again, so that it takes
    O(len(values)) steps: for each value one is added, and
    one is "taken away". A while loop = the same.
    """
    if not 0 < width <= len(values):
        raise ValueError("a width of " + str(width))
    total = sum(values[:width])  # That of the "first" one.
    means = [total / width]
    for new, old in zip(values[width:], values, strict=False):
        total += new - old
        means.append(total / width)
    return means
