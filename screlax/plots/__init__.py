"""Pictures of solutions, paths and runs, with matplotlib (``pip install 'screlax[plot]'``).

Every function draws on the axes (or the figure) it is given, or on those of a new figure that
pyplot knows nothing of, and returns them: ``ax.figure.savefig("picture.png")``. A notebook shows
them where a cell ends with them. Nothing else is shown, no global state is read or changed beyond
matplotlib's own style settings, and matplotlib is loaded by the first call.

For a paper every function takes ``style="one-column"`` (3.25 inches: a column of ICML, CVPR and,
nearly, IEEE), ``style="two-column"`` (6.75 inches: the text of ICML and CVPR) or a width in inches
(``style=5.5``: the text of NeurIPS and ICLR). A figure of its own then has that width; text has 7
to 8.4 points, the size of captions, and lines and marks are in proportion. On axes or a figure of
yours only text, lines and marks change. ``figure.savefig("picture.pdf")`` of a new figure embeds
its fonts, and in SVG text stays text; for a figure of yours `save_figure` does the same.

Colours are the same on every page, legible on white and on dark backgrounds; on a dark one draw
``with matplotlib.style.context("dark_background"):``, so that text and axes are light.

Class labels and names of runs are drawn as they are written: no dollar begins a formula. Characters
that the chosen font lacks are taken from an installed one (of Chinese, Japanese and Korean ones
Debian's ``fonts-noto-cjk`` has all), or written as escapes where there is none.

>>> import screlax
>>> from screlax import plots
>>> solution = screlax.solve_relaxation([500, 50, 5], control=screlax.Ridge(0.01))
>>> axes = plots.plot_norms(solution)
>>> axes.get_ylabel()
'norm of the class mean ‖h‖'
"""

from .comparison import plot_comparison
from .convergence import plot_convergence
from .design import plot_design
from .determinacy import plot_determinacy
from .embedding import plot_embedding
from .geometry import plot_angles, plot_norms
from .gram import plot_gram
from .history import plot_history
from .landscape import plot_landscape
from .losses import plot_losses
from .overview import plot_solution
from .path import plot_path, plot_path_overview
from .phase import plot_phase
from .saving import save_figure
from .spectrum import plot_spectrum

__all__ = [
    "plot_angles",
    "plot_comparison",
    "plot_convergence",
    "plot_design",
    "plot_determinacy",
    "plot_embedding",
    "plot_gram",
    "plot_history",
    "plot_landscape",
    "plot_losses",
    "plot_norms",
    "plot_path",
    "plot_path_overview",
    "plot_phase",
    "plot_solution",
    "plot_spectrum",
    "save_figure",
]
