"""`benchmarks/all.py`: marks of a page, what runs again and what does not, what failures leave."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.evidence.files import files_of
from benchmarks.evidence.prose import CLAIMS, Claim
from benchmarks.evidence.results import Result, name_of, names_of, version_of
from benchmarks.evidence.tables import commands_of, places_of, tables_of, unmarked, with_tables
from screlax.bench.problems import problem_sets

ROOT = Path(__file__).resolve().parents[1]
MEASURED = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")

PAGE = """# Measured

Before.

<!-- table 2 of: fake.py --size 3 -->
| a | b |
|---|---|
| 1 | old |

*entered with 1234567*
<!-- end -->

After, with `|` in it.

<!-- table by hand -->
| source | year |
|---|---|
| paper | 2024 |
"""
PRINTED = "words\n| x |\n|---|\n| 0 |\nmore\n\n| a | b |\n|---|---|\n| 1 | new |\n| 2 | new |\n"


def test_a_table_takes_the_place_of_the_old_one_and_nothing_else_moves():
    page = with_tables(PAGE, {"fake.py --size 3": (PRINTED, "screlax 9")})
    assert page == PAGE.replace("| 1 | old |", "| 1 | new |\n| 2 | new |").replace(
        "entered with 1234567", "screlax 9"
    )
    assert with_tables(page, {"fake.py --size 4": (PRINTED, "")}) == page


def test_tables_without_a_mark_are_found():
    assert not unmarked(PAGE)
    bare = PAGE.replace("<!-- table by hand -->\n", "\n")
    assert [table.header for table in unmarked(bare)] == ["| source | year |"]


@pytest.mark.parametrize("after", ["", "<!-- table 1 of: other.py -->\n| a |\n|---|\n| 1 |\n"])
def test_a_mark_that_nothing_ends_is_said_with_its_line(after):
    with pytest.raises(ValueError, match="line 5 begins a table that no line"):
        places_of(PAGE.replace("<!-- end -->\n", after))


def test_words_between_marks_are_not_lost_with_their_table():
    page = PAGE.replace("*entered with 1234567*", "A remark.")
    with pytest.raises(ValueError, match="line 10, between the marks of a table, would be lost"):
        with_tables(page, {"fake.py --size 3": (PRINTED, "screlax 9")})


def test_tables_are_counted_from_one():
    page = PAGE.replace("table 2", "table 0")
    assert with_tables(page, {"fake.py --size 3": (PRINTED, "screlax 9")}) == page


def test_a_file_is_marked_by_its_command_and_its_place_is_the_link_below():
    mark = "<!-- file out/a.png of: draw.py --out out -->\n"
    page = PAGE.replace("After,", f"{mark}![A picture](figures/b.png)\n\nAfter,")
    (made,) = files_of(page)
    assert (made.command, made.name) == ("draw.py --out out", "out/a.png")
    assert made.place == "figures/b.png"
    assert commands_of(mark + "[x](y)\n" + page) == ["draw.py --out out", "fake.py --size 3"]
    for after in ("", "words\n"):
        with pytest.raises(ValueError, match="line 2 marks a file, the next one links none"):
            files_of("# Page\n" + mark + after)


def test_every_figure_of_the_pages_is_made_by_a_command():
    places = {each.place for each in files_of(MEASURED)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[.*?\]\((?:benchmarks/)?(.*?)\)", readme + MEASURED)
    assert set(shown) <= places
    kept = {f"figures/{path.name}" for path in (ROOT / "benchmarks" / "figures").iterdir()}
    assert kept | {"tutorial.ipynb"} == places


def test_lines_with_bars_that_are_no_table_are_left_out():
    assert not tables_of("| a | b |\n| 1 | 2 |\n\n|x| is a modulus\n")


def test_names_of_commands_are_short():
    assert name_of("conic.py --time-limit 120") == "conic-time-limit-120"
    assert names_of("screlax bench --time-limit 15") >= {"bench"}
    assert (
        name_of("network.py --results some/file.jsonl --minutes 0") == "network-results-minutes-0"
    )


def test_a_script_that_imports_another_changes_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.evidence.results.HERE", tmp_path)
    (tmp_path / "parts").mkdir()
    files = [tmp_path / name for name in ("one.py", "two.py", "parts/three.py", "apart.py")]
    texts = [
        "import numpy\nfrom two import x\n",
        "def f():\n    import parts.three\n",
        "y = 1\n",
        "",
    ]
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)
    first = version_of("one.py", "0.3", False)
    files[3].write_text("y = 2\n")
    assert version_of("one.py", "0.3", False) == first
    changed = {first, version_of("one.py", "0.4", False), version_of("one.py", "0.3", True)}
    for path in files[:3]:
        path.write_text(path.read_text() + "z = 1\n")
        changed.add(version_of("one.py", "0.3", False))
    assert len(changed) == 6


def test_a_file_that_a_command_reads_is_part_of_its_version(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.evidence.results.HERE", tmp_path / "scripts")
    (tmp_path / "data.jsonl").write_text("1\n")
    first = version_of("one.py data.jsonl --out made.jsonl", "0.3", False)
    (tmp_path / "made.jsonl.part").write_text("")
    assert version_of("one.py data.jsonl --out made.jsonl", "0.3", False) == first
    (tmp_path / "data.jsonl").write_text("2\n")
    assert version_of("one.py data.jsonl --out made.jsonl", "0.3", False) != first


def test_a_caption_says_version_date_and_machine():
    machine = "processor: AMD EPYC, 2 cores; blas: openblas 0.3 (Zen kernels, 1 threads); python: 3"
    made = Result("a.py", "0f", "0.3.0", "1234567", "1 May 2026", 3.0, machine, 2.4, "")
    assert made.caption() == (
        "screlax 0.3.0 (1234567), 1 May 2026; AMD EPYC, 2 cores, Zen kernels, 1 threads, load 2"
    )


def again(folder, *arguments, page=None):
    """Run all.py on a page whose commands are scripts of this folder."""
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "all.py"),
        "--results",
        str(folder / "kept"),
    ]
    command += ["--page", str(page or folder / "page.md"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def make_page(folder, **scripts):
    """Write scripts that note their runs, and a page with a table of each."""
    parts = ["# Page\n"]
    for name, ending in scripts.items():
        path = folder / f"{name}.py"
        path.write_text(
            f"open({str(folder / 'runs')!r}, 'a').write('{name} ')\n"
            f"print('processor: one\\n\\n| a |\\n|---|\\n| new |')\n{ending}\n"
        )
        parts.append(f"<!-- table 1 of: {path} -->\n| a |\n|---|\n| old |\n<!-- end -->\n")
    (folder / "page.md").write_text("\n".join(parts))


@pytest.mark.slow
def test_what_is_done_is_kept_what_fails_is_named_and_keeps_its_table(tmp_path):
    make_page(tmp_path, good="", bad="raise SystemExit('out of luck')", last="")
    done = again(tmp_path)
    page = (tmp_path / "page.md").read_text()
    assert done.returncode == 1
    assert f"failed: {tmp_path / 'bad.py'}: exit code 1: out of luck" in done.stderr
    assert (page.count("| new |"), page.count("| old |")) == (2, 1)
    assert page.index("| new |") < page.index("| old |") < page.rindex("| new |")
    (tmp_path / "bad.py").write_text((tmp_path / "bad.py").read_text().replace("raise", "#"))
    assert again(tmp_path, "--again", "last").returncode == 0
    assert (tmp_path / "page.md").read_text().count("| new |") == 3
    assert (tmp_path / "runs").read_text() == "good bad last bad last "


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_former_table_and_figure(tmp_path):
    (tmp_path / "draw.py").write_text(
        "from pathlib import Path\n"
        f"runs = Path({str(tmp_path / 'runs')!r})\n"
        "runs.write_text(str(number := int(runs.read_text()) + 1))\n"
        "Path('made.png').write_text(f'{number}')\n"
        "rows = Path('kept/rows')\n"  # to go on from after a failure, and only then
        "assert rows.exists() == (number == 3), number\n"
        "rows.parent.mkdir(exist_ok=True)\n"
        "rows.touch()\n"
        "print(f'processor: one\\n\\n| a |\\n|---|\\n| run {number} |')\n"
        "assert number != 2, 'unlucky'\n"
    )
    (tmp_path / "runs").write_text("0")
    command = f"of: {tmp_path / 'draw.py'} -->"
    (tmp_path / "page.md").write_text(
        f"<!-- table 1 {command}\n<!-- end -->\n\n<!-- file made.png {command}\n![](shown.png)\n"
    )

    def stands():
        return (tmp_path / "shown.png").read_text(), (tmp_path / "page.md").read_text()

    assert again(tmp_path).returncode == 0
    first, page = stands()
    assert (first, "| run 1 |" in page) == ("1", True)
    failed = again(tmp_path, "--only", "draw", "--again", "draw")
    assert failed.returncode == 1
    assert "failed: " in failed.stderr
    assert "unlucky" in failed.stderr
    assert stands() == (first, page)
    listed = again(tmp_path, "--list").stdout
    assert "| table 1, shown.png |" in listed
    assert "runs again: files changed" in listed  # those of the run that failed lie there
    assert again(tmp_path).returncode == 0
    assert stands()[0] == "3"


@pytest.mark.slow
def test_a_name_that_is_none_and_a_page_with_more_tables_than_are_printed(tmp_path):
    make_page(tmp_path, good="")
    script = tmp_path / "good.py"  # one that does not say what it was measured on
    script.write_text(script.read_text().replace("processor: one", "words"))
    text = (tmp_path / "page.md").read_text()
    (tmp_path / "page.md").write_text(text.replace("table 1", "table 2"))
    assert "'other' names no command" in again(tmp_path, "--only", "other").stderr
    assert "printed 1 tables, the page has number 2" in again(tmp_path).stderr
    assert (tmp_path / "page.md").read_text().count("| old |") == 1


def test_the_pages_count_the_problems_of_the_suite():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text, pattern in (
        (readme, r"every method on (\d+) problems"),
        (MEASURED, r"(\d+) problems: balanced, step"),
    ):
        assert int(re.search(pattern, text)[1]) == len(problem_sets(quick=False))
    small = re.search(r"(\d+) small problems", MEASURED)
    assert int(small[1]) == len(problem_sets(quick=True))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.phrase[:30])
def test_a_claim_in_prose_stands_there_and_its_table_has_such_rows(claim):
    assert claim.said((ROOT / "README.md").read_text(encoding="utf-8"))
    assert "no such row" not in claim.measured(MEASURED)


def test_a_claim_is_about_its_rows_alone():
    page = (
        "<!-- table 1 of: a.py -->\n| k | s |\n|---|---|\n"
        "| 1 | 2.5e-3 |\n| 1 | 0.01 – 0.02 |\n| 2 | 9 |\n<!-- end -->\n"
    )
    claim = Claim("takes .* s", "a.py", 1, ("s",), {"k": "1"})
    assert claim.measured(page) == "s: 2.5e-3 to 0.02"
    assert claim.said("it\ntakes 3 s") == "takes 3 s"
    assert replace(claim, rows={}, within=0.02).measured(page) == "s: 2 of 3 within 0.02"
