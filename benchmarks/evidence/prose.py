"""Numbers that README.md says in prose, beside those of the tables which they come from."""

from __future__ import annotations

import math
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

    within: float | None = None
    """Where it says how many rows are within a bound: that, in place of the range."""

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
        columns = {name: [row[name] for row in rows] for name in self.columns}
        return "; ".join(f"{name}: {self._in_words(texts)}" for name, texts in columns.items())

    def _in_words(self, texts: list[str]) -> str:
        if self.within is None:
            return _range(texts)
        few = [text for text in texts if _number(text) <= self.within]
        return f"{len(few)} of {len(texts)} within {self.within:g}"

    def _chosen(self, table: Table) -> Iterator[Mapping[str, str]]:
        for row in table.rows():
            if all(re.fullmatch(pattern, row[name]) for name, pattern in self.rows.items()):
                yield row


def _number(text: str) -> float:
    """Return the first number of a cell, NaN where it has none."""
    found = re.search(r"-?[\d.,]*\d(?:e-?\d+)?", text)
    return float(found[0].replace(",", "")) if found else math.nan


def _range(texts: list[str]) -> str:
    """Return the least and the most of some cells, as they are written, or how many there are."""
    if not texts:
        return "no such row"
    ends = [end for text in texts for end in text.split(" – ")]
    known = {end: _number(end) for end in ends if not math.isnan(_number(end))}
    if not known:
        return ", ".join(texts)
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return least if least == most else f"{least} to {most}"


NATIVE = "native.py --plot growth.png"
NETWORKS = (
    "trained_network.py --results benchmarks/network/results.jsonl --minutes 0 "
    "--figure trained_network.png"
)

CLAIMS = (
    Claim(
        r"Ten million classes take \S+ to \S+ seconds",
        "singletons.py --plot singletons.png", 1, ("ms", "CPU ms"), {"profile": "k=10,000,000.*"},
    ),
    Claim(
        r"Ten million classes take \S+ to \S+ seconds",
        NATIVE, 3, ("solve + certificate",), {"Zipf profile, k": "10,000,000"},
    ),
    Claim(
        r"Native solves of real class counts take \S+ to \S+ ms",
        NATIVE, 1, ("median ms", "slowest ms", "worst certified gap"),
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
        r"\S+ to \S+ times faster at n = 4096",
        "torch_loss.py --repeats 5", 1, ("SupContrast-style / screlax.torch",), {"n": "4096"},
    ),
    Claim(
        r"At τ = 0.2 all \d+ networks",
        NETWORKS, 1, ("networks", "class means within 0.02"), {"τ": "0.2"},
    ),
    Claim(
        r"at τ = 0.07 none",
        NETWORKS, 1, ("networks", "class means within 0.02"), {"τ": "0.07"},
    ),
    Claim(
        r"\d+ of \d+ \[did\]",
        "classifier_network.py --results benchmarks/network/classifier_results.jsonl --minutes 0",
        1, ("both",), within=0.02,
    ),
    Claim(
        r"\S+ away for ten step-imbalanced classes, B = 64, τ = 0.2",
        "batches.py", 1, ("away",),
        {"profile": "step.*", "sampler": "shuffle:size=64", "control, τ": "sphere 1, 0.2"},
    ),
)  # fmt: skip
"""What of README.md is measured by a script; `all.py --claims` prints it beside the tables."""
