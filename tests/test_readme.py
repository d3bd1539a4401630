"""Every Python block of the README runs, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from screlax.cli import build_parser

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_block_runs(block, capsys):
    exec(compile(block, str(README), "exec"), {})
    assert "Traceback" not in capsys.readouterr().out


def test_there_are_exactly_two_set_up_commands():
    commands = re.findall(r"```bash\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)


def test_commands_in_the_table_are_those_of_the_parser():
    named = set(re.findall(r"`screlax (\w+)", TEXT))
    actions = [action for action in build_parser()._actions if action.choices]
    assert named == set(actions[0].choices)


def test_pictures_exist():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT):
        assert (README.parent / path).is_file()
