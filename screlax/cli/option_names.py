"""Messages about arguments of Python in the words of the command line."""

import argparse
import re
from dataclasses import fields

from ..problem.batches.base import BATCHES
from ..problem.constraints.base import CONTROLS
from ..problem.losses.registry import LOSSES

_ARGUMENT = re.compile(
    r"(?<![\w:,.=\-])([a-z][a-z_]+)=('[^'\s]*'|\"[^\"\s]*\"|True|False|\d[\d.e-]*)?"
)
"""``name='value'``, but nothing within the text of a loss or a sampler."""

_CALL = re.compile(r"(?:screlax\.(?:losses\.)?)?\b([A-Z]\w*)\((\w+=[\w.+-]+(?:, \w+=[\w.+-]+)*)\)")
"""``Kind(name=value, ...)``, of values that are words or numbers."""

_SPOKEN = {
    r"\An_jobs, unless": "--jobs, unless",
    r"\Astrengths must": "--values must",
    r"(?<=beside )strengths=": "--values",
    r", unless it is None,": "",
    r"unless it is −1 or None,": "unless it is -1,",
    r"give strengths or temperatures \(or batch sizes\), not both": "give --values, "
    "--temperatures or --batch-sizes, not both",
    r"InFile\(path, name\), or (--\w+ NAME) on the command line": r"\1",
    r"an InFile that allows pickles, or --allow-pickle on the command line,": "--allow-pickle",
    r"UFM\.from_labels, or (screlax solve --labels)": r"\1",
    r"(the optimum of )?problem\.without_constraints\(\)": r"\1the problem without --constraints",
}
"""What Python calls otherwise, and how the command line says it."""

_NUMBER = re.compile(r"\A([A-Z]\w*): (\w+)(?= must)")

_CHOICE = re.compile(r"(choose one of )([A-Z]\w*(?:, [A-Z]\w*)*)")


def in_option_names(message: str, options: argparse.Namespace) -> str:
    """Write ``level='orbits'`` as ``--level orbits``, and options of a loss as its text has them.

    ``Sphere(radius_squared=1.0)`` is ``--sphere 1.0``, and a loss ``--loss`` with its text. Names
    that are none of these stay as they are.
    """
    within = {
        place: {field.name for kind in kinds.values() for field in fields(kind)}
        for place, kinds in (("loss", LOSSES), ("sampler", BATCHES))
    }

    def option(found: re.Match[str]) -> str:
        name, value = found[1], (found[2] or "").strip("'\"")
        if name in vars(options):
            written = f"--{name.replace('_', '-')}"
            if value in ("True", "False"):
                return written if value == "True" else f"no {written}"
            return f"{written} {value}".rstrip()
        for place, known in within.items():
            given = getattr(options, place, None)
            if name in known and isinstance(given, str):
                return f"--{place} {given.partition(':')[0]}:{name}={value.lower()}"
        if "option" in vars(options):  # of a solver
            return f"--option {name}={value}"
        return found[0]

    told = _CHOICE.sub(_choice, _ARGUMENT.sub(option, _CALL.sub(_call, message)))
    for name in vars(options):
        if _is_given(options, name):
            told = re.sub(_spoken(name), f"--{name.replace('_', '-')}", told)
    for place, spoken in _SPOKEN.items():
        told = re.sub(place, spoken, told)
    return _NUMBER.sub(_number, told)


def _is_given(options: argparse.Namespace, name: str) -> bool:
    value = getattr(options, name)
    return value is not None and value is not False and not callable(value)


def _spoken(name: str) -> str:
    """Return where a message calls an argument by its name alone."""
    begins = rf"\A{name}(?=:|, unless| (?:must|are|is)\b)"
    return rf"{begins}|(?<=leave out ){name}\b(?! =)|(?<=use ){name}(?= >= )"


def _number(found: re.Match[str]) -> str:
    """Write a number of a control as its option."""
    for name, control in CONTROLS.items():
        known = [field.name for field in fields(control)]
        if control.__name__ == found[1] and found[2] in known:
            return f"--{name}{f' {found[2].upper()}' * (len(known) > 1)}"
    return found[0]


def _choice(found: re.Match[str]) -> str:
    """Write the controls that may be chosen as options."""
    options = {control.__name__: f"--{name}" for name, control in CONTROLS.items()}
    return found[1] + ", ".join(options.get(name, name) for name in found[2].split(", "))


def _call(found: re.Match[str]) -> str:
    """Write a loss or control that Python makes as the option that asks for it."""
    given = [argument.split("=") for argument in found[2].split(", ")]
    for name, loss in LOSSES.items():
        if loss.__name__ == found[1]:
            return f"--loss {name}:" + ",".join(f"{key}={value.lower()}" for key, value in given)
    for name, control in CONTROLS.items():
        if control.__name__ == found[1]:
            return " ".join([f"--{name}", *(value for _, value in given)])
    return found[0]
