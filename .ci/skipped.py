"""Print the tests that a run skipped, as pytest takes them; of a file skipped as a whole that."""

import sys
from pathlib import Path
from xml.etree import ElementTree

found = set()
for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    if case.find("skipped") is None or case.find("skipped").get("type") == "pytest.xfail":
        continue
    of, name = case.get("classname"), case.get("name")
    module = of or name
    file = Path(*module.split(".")).with_suffix(".py")
    found.add(f"{file}::{name}" if of else f"{file}")
print("\n".join(sorted(found)))
