"""Every Python block of the READMEs runs, commands and links exist, the first one is short."""

import re
from pathlib import Path

import pytest

from screlax.cli.commands import build_parser

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
MEASURED = README.parent / "benchmarks" / "README.md"
BLOCKS = re.findall(
    r"```python\n(.*?)```", TEXT + MEASURED.read_text(encoding="utf-8"), flags=re.DOTALL
)


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


def test_the_readme_is_for_people():
    assert TEXT.count("\n") <= 250


@pytest.mark.parametrize("page", [README, MEASURED], ids=["README", "measured"])
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.is_file(), target
        if heading:
            titles = re.findall(
                r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE
            )
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in anchors, target


def test_scripts_named_in_the_tables_exist():
    for script in re.findall(r"python (benchmarks/\w+\.py)", MEASURED.read_text(encoding="utf-8")):
        assert script == "benchmarks/attack.py" or (README.parent / script).is_file()
