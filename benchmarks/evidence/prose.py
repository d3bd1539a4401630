"""Numbers that README.md says in prose, beside those of the tables which they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .tables import Table, places_of, table_at


@dataclass(frozen=True)
class Claim:
    """A phrase of README.md, as a pattern, and which cells of which table it is about."""

    phrase: str
    command: str
    number: int
    columns: tuple[str, ...]
    rows: Mapping[str, str] = field(default_factory=dict)
    """Patterns of cells, by column, of the rows that it is about; all of them without any."""

    def said(self, readme: str) -> str | None:
        """Return what README.md says, None where it says no such thing."""
        found = re.search(self.phrase, " ".join(readme.split()))
        return found[0] if found else None

    def measured(self, page: str) -> str:
        """Return the range of each column in those rows."""
        table = next(
            table_at(page, place)
            for place in places_of(page)
            if (place.command, place.number) == (self.command, self.number)
        )
        rows = list(self._chosen(table))
        return "; ".join(f"{name}: {_range([row[name] for row in rows])}" for name in self.columns)

    def _chosen(self, table: Table) -> Iterator[Mapping[str, str]]:
        for row in table.rows():
            if all(re.fullmatch(pattern, row[name]) for name, pattern in self.rows.items()):
                yield row


def _range(texts: list[str]) -> str:
    """Return the least and the most of some cells, as they are written, or how many there are."""
    if not texts:
        return "no such row"
    ends = [end for text in texts for end in text.split(" – ")]
    numbers = {end: re.search(r"-?[\d.,]*\d(?:e-?\d+)?", end) for end in ends}
    known = {end: float(found[0].replace(",", "")) for end, found in numbers.items() if found}
    if not known:
        return ", ".join(texts)
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return least if least == most else f"{least} to {most}"


CLAIMS = (
    Claim(
        r"Ten million classes take \S+ to \S+ seconds",
        "native.py", 3, ("solve + certificate",), {"Zipf profile, k": "10,000,000"},
    ),
    Claim(
        r"Native solves of real class counts take \S+ to \S+ ms",
        "native.py", 1, ("median ms", "slowest ms", "worst certified gap"),
    ),
    Claim(
        r"for 85 sizes \(CIFAR-100-LT, ridge\) Clarabel takes \S+ s \(gap \S+\)",
        "conic_forms.py --controls ridge sphere", 1, ("seconds", "certified gap"),
        {"solver": "CLARABEL", "form": "dual", "control": "ridge.*"},
    ),
    Claim(
        r"SCS \S+ s \(\S+\)",
        "conic_forms.py --controls ridge sphere", 1, ("seconds", "certified gap"),
        {"solver": "SCS", "form": "dual", "control": "ridge.*"},
    ),
    Claim(
        r"Under decays ImageNet-LT takes \S+ to \S+ s",
        "cross_entropy.py", 1, ("seconds", "worst certified gap"), {"profile": "imagenet-lt"},
    ),
    Claim(
        r"ImageNet-12k \S+ to \S+ s, gaps at most \S+",
        "cross_entropy.py", 1, ("seconds", "worst certified gap"), {"profile": "imagenet12k"},
    ),
    Claim(
        r"for ImageNet-LT in \S+ to \S+ s",
        "verified.py", 1, ("seconds",), {"profile": "imagenet-lt"},
    ),
    Claim(
        r"\S+ times faster than SupContrast's way at n = 4096",
        "torch_loss.py --repeats 5", 1, ("SupContrast-style / screlax.torch",), {"n": "4096"},
    ),
    Claim(
        r"At τ = 0.2 all \d+ networks",
        "trained_network.py --results benchmarks/network/results.jsonl --minutes 0", 1,
        ("networks", "class means within 0.02"), {"τ": "0.2"},
    ),
)  # fmt: skip
"""What of README.md is measured by a script; `all.py --claims` prints it beside the tables."""
