"""`make bench`: what the main job costs, as figures and ratios, on the world of the demo. Nothing here passes or fails.

Times are of this machine and mean little; ratios against a floor measured in the same run, counts and sizes mean more.
Writes bench/results.json and a drawing per figure. `make bench FIGURE=import` measures that one alone.
"""

import argparse
import sys

from rich.console import Console

from sandbox.benchmarks import runner


def main() -> int:
    """Measure all figures, or the one named; 2 for a name that is none."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.bench", description="What the main job costs.")
    parser.add_argument("figure", nargs="?", default="", help="one alone, by name or the beginning of it")
    try:
        figures = runner.chosen(parser.parse_args().figure)
    except runner.NoSuchFigure as wrong:
        print(wrong, file=sys.stderr)
        return 2
    runner.run(figures, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
