"""The arrays that signatures speak of."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""Double precision, one number per cell, class or sample."""

Matrix = NDArray[np.float64]
"""Double precision, two axes."""
