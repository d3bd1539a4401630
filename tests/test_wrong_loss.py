"""A file that claims another loss than its numbers are of is refused, or proves that other one."""

import json

import numpy as np
import pytest
from every_loss import LOSSES, SIZES, TEMPERATURE, every_loss
from test_storage import tamper

from screlax import UFM, Solution, Sphere, solve_relaxation
from screlax.errors import FileFormatError


def solved(name):
    return solve_relaxation(UFM(SIZES, Sphere(1.0), TEMPERATURE, loss=LOSSES[name]))


@every_loss
@pytest.mark.filterwarnings("ignore::screlax.errors.InaccurateWarning")
def test_the_loss_of_a_file_is_part_of_what_it_proves(name, tmp_path):
    solution = solved(name)
    path = solution.save(tmp_path / "x.npz")
    assert Solution.load(path).problem == solution.problem
    with np.load(path) as archive:
        record = json.loads(str(archive["record"]))
    for other in LOSSES:
        problem = UFM(SIZES, Sphere(1.0), TEMPERATURE, loss=LOSSES[other])
        if other == name or problem.class_sizes != solution.problem.class_sizes:
            continue
        tamper(path, record={"loss": problem.loss.record()})
        try:
            loaded = Solution.load(path)
        except FileFormatError:
            continue
        finally:
            tamper(path, record={"loss": record.get("loss", "supcon")})
        # of losses with one optimum and one value the file is right, and proves it again
        assert loaded.problem == problem
        best = solved(other)
        assert loaded.value == pytest.approx(best.value, rel=1e-12)
        assert loaded.lower <= best.upper
