"""`screlax profiles`: the named profiles of class sizes, and where each comes from."""

import argparse

from ..io.tables import json_text
from ..problem.profiles import profile, profile_names

DESCRIPTION = (
    "List the profiles that --profile takes, with their source; or print the class sizes of "
    "one, a count on each line."
)

EXAMPLES = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="print the class sizes of this one")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Print the list, or one profile."""
    if options.name is not None:
        counts = profile(options.name).tolist()
        print(json_text(counts) if options.json else "\n".join(map(str, counts)))
        return True
    names = profile_names()
    if options.json:
        print(json_text([{"name": name, "source": source} for name, source in names]))
    else:
        width = max(len(name) for name, _ in names)
        print("\n".join(f"{name:{width}}  {source}" for name, source in names))
    return True
