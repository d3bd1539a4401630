"""What a message calls an argument on the command line."""

import pytest

from screlax.cli import main
from screlax.cli.commands import parsed
from screlax.cli.option_names import in_option_names

SOLVE = parsed(["solve", "--counts", "3,2", "--sphere", "1", "--loss", "prototypes:per_class=2"])
COMPARE = parsed(["compare", "a.npz", "h.npy"])


@pytest.mark.parametrize(
    ("options", "python", "told"),
    [
        (SOLVE, "level='orbits' needs only 3", "--level orbits needs only 3"),
        (SOLVE, "use solver='native'", "use --solver native"),
        (SOLVE, "take features='real'", "take --features real"),
        (SOLVE, "use dim >= 5, or truncate=True", "use dim >= 5, or --truncate"),
        (SOLVE, "take loss_terms=False", "take --loss prototypes:loss_terms=false"),
        (SOLVE, "use form='psd'", "use --option form=psd"),
        (SOLVE, "time_limit=0.5 is", "--time-limit 0.5 is"),
        (COMPARE, "use loss='none'", "use --loss none"),
        (COMPARE, "(normalize=True here)", "(--normalize here)"),
        (COMPARE, "allow_pickle=True reads it", "--allow-pickle reads it"),
        (COMPARE, "give its weights as classifier=", "give its weights as --classifier"),
        (
            COMPARE,
            "with screlax.losses.CrossEntropy(bias=True),",
            "with --loss cross-entropy:bias=true,",
        ),
        (SOLVE, "and Sphere(radius_squared=1.0) is not", "and --sphere 1.0 is not"),
        (SOLVE, "WeightDecay(features=5e-04, classifier=0.7)", "--weight-decay 5e-04 0.7"),
        (SOLVE, "choose one of Ridge, Ball, Sphere", "choose one of --ridge, --ball, --sphere"),
        # nothing else: text of losses and samplers, sentences, options of other commands
        (SOLVE, "loss supcon:views=2 of shuffle:size=16", "loss supcon:views=2 of shuffle:size=16"),
        (SOLVE, "--loss=x and 3 = 2, a==b", "--loss=x and 3 = 2, a==b"),
        (COMPARE, "take level='classes'", "take level='classes'"),
    ],
)
def test_arguments_by_their_option(options, python, told):
    assert in_option_names(python, options) == told


def test_a_refusal_of_a_command_names_its_option(capsys):
    command = ["solve", "--counts", "5,4,3", "--sphere", "1", "--dim", "1"]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "--truncate" in told
    assert "truncate=True" not in told
