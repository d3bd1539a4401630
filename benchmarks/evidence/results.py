"""What a command printed, kept in a file: by which version, when, on what machine, how long."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Result:
    """A command that ended well; `version` decides whether it is still what would run."""

    command: str
    version: str
    screlax: str
    commit: str
    date: str
    seconds: float
    machine: str
    load: float
    output: str
    files: dict[str, str] = field(default_factory=dict)
    """Digests of what it made besides, by name; see `files`."""

    def caption(self) -> str:
        """Return where its tables are from, in a line."""
        cores = re.search(r"processor: ([^;]*)", self.machine)
        threads = re.search(r"(\w+ kernels, \d+ threads)", self.machine)
        facts = [each[1] for each in (cores, threads) if each]
        facts.append(f"load {self.load:.0f}")
        return f"screlax {self.screlax} ({self.commit}), {self.date}; {', '.join(facts)}"


def name_of(command: str) -> str:
    """Return what `--only` and files call a command: its script, and what else it is given."""
    first, *others = shlex.split(command)
    kept = [Path(first).stem, *(other for other in others if "/" not in other)]
    return re.sub(r"[^\w.]+", "-", " ".join(kept)).strip("-")


def names_of(command: str) -> set[str]:
    """Return what `--only` may call a command."""
    first, *others = shlex.split(command)
    return (
        {name_of(command), *others[:1]}
        if first == "screlax"
        else {name_of(command), Path(first).stem}
    )


def version_of(command: str, package: str, quick: bool) -> str:
    """Return a digest of the command, its script, what that imports and reads, and the version."""
    digest = hashlib.sha256(f"{command} {package} {quick}".encode())
    first, *others = shlex.split(command)
    read = [HERE.parent / word for word in others]
    for path in [*sorted(_sources(HERE / first, set())), *filter(Path.is_file, read)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(path: Path, known: set[Path]) -> set[Path]:
    """Return a script and every file of this folder that it imports; of a package all of it."""
    if path in known or not path.is_file():
        return known
    known.add(path)
    for name in _imported(path.read_text(encoding="utf-8")):
        _sources(HERE / f"{name}.py", known)
        for part in (HERE / name).glob("*.py"):
            _sources(part, known)
    return known


def _imported(text: str) -> Iterator[str]:
    pattern = r"^ *(?:from|import) (?:benchmarks\.| *benchmarks import )?(\w+)"
    yield from (match[1] for match in re.finditer(pattern, text, flags=re.MULTILINE))


def file_of(folder: Path, command: str, quick: bool) -> Path:
    """Return where the result of a command lies."""
    return folder / f"{name_of(command)}{'.quick' if quick else ''}.json"


def read(folder: Path, command: str, quick: bool) -> Result | None:
    """Return what was kept of a command, of whatever version."""
    path = file_of(folder, command, quick)
    return Result(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def write(folder: Path, result: Result, quick: bool) -> None:
    """Keep a result; a run that is killed while it writes leaves the former one."""
    path = file_of(folder, result.command, quick)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False), encoding="utf-8")
    part.replace(path)
