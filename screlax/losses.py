"""The losses a problem can have, and what a new one is made of.

All are of one family, over the Gram matrix M of class means in units of the temperature:

    f(M) = Σ_c a_c [ log( o_c e^{M_cc/τ} + Σ_{c'≠c} u_c' e^{M_cc'/τ} ) − Σ_c' T_cc' M_cc'/τ ]

a_c is the anchor mass of class c, o_c the weight on itself, u_c' that on others, T the targets,
r_c the number of embeddings of a class, which control and penalty count. A class of one embedding
has no positives, and mass zero. With n_c samples and V views:

| loss | text | a_c | o_c | u_c | r_c | T |
|---|---|---|---|---|---|---|
| `SupCon` | ``supcon`` | V n_c | V n_c − 1 | V n_c | V n_c | own class |
| `NegativesOnly` (NSCL) | ``negatives-only`` | V n_c | 0 | V n_c | V n_c | own class |
| `ClassAveraged` (BCL) | ``class-averaged`` | n_c, or 1 | 1 | 1 | n_c | own class |
| `Prototypes`, n_w a class | ``prototypes`` | r_c, or n_c | r_c − 1 | r_c | n_c + n_w | own class |
| `Queue`, q keys a class (MoCo) | ``queue`` | n_c | n_c + q_c − 1 | n_c + q_c | n_c | own class |
| `SoftTargets` | ``soft-targets`` | n_c | n_c − 1 | n_c | n_c | as given |
| `InstanceMix`, of samples | ``instance-mix`` | V | V − 1 | V | V | own views, own class |
| `SelfSupervised`, of samples | ``self-supervised`` | V | V − 1 | V | V | own views |
| `RowSoftmax` | ``row-softmax`` | given | given | given | n_c | own class, or given |

Free prototypes (``prototypes:tied=false,loss_terms=false``) are k points more. `class_weights`
multiply a_c. Text, ``name:option=value,…``, is what command line, sweep files and
files have: ``supcon:views=2``, ``supcon:class_weights=balanced``, ``soft-targets:epsilon=0.1``;
numbers by class are JSON, ``prototypes:per_class=[1,2,4]`` or ``…={"cat":1,"dog":2}``. Sources are
with each loss. `register_loss` adds one.

>>> import screlax
>>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), loss=screlax.losses.SupCon(views=2))
>>> print(problem.loss)
supcon:views=2
>>> problem == screlax.UFM([50, 20, 5], screlax.Sphere(1.0), loss="supcon:views=2")
True
>>> sorted(screlax.losses.LOSSES)[:3]
['class-averaged', 'cross-entropy', 'instance-mix']
"""

from .problem.losses.base import Loss
from .problem.losses.class_averaged import ClassAveraged
from .problem.losses.class_rows import ClassTerms
from .problem.losses.class_softmax import ClassSoftmax
from .problem.losses.cross_entropy import CrossEntropy
from .problem.losses.gram_loss import GramLoss
from .problem.losses.in_batches import InBatches
from .problem.losses.instance_mix import InstanceMix
from .problem.losses.negatives_only import NegativesOnly
from .problem.losses.prototypes import Prototypes
from .problem.losses.queue import Queue
from .problem.losses.registry import LOSSES, check_loss, register_loss
from .problem.losses.row_softmax import RowSoftmax
from .problem.losses.self_supervised import SelfSupervised
from .problem.losses.soft_targets import SoftTargets
from .problem.losses.softmax_rows import RowWeights, SoftmaxRows
from .problem.losses.supcon import SupCon

__all__ = [
    "LOSSES",
    "ClassAveraged",
    "ClassSoftmax",
    "ClassTerms",
    "CrossEntropy",
    "GramLoss",
    "InBatches",
    "InstanceMix",
    "Loss",
    "NegativesOnly",
    "Prototypes",
    "Queue",
    "RowSoftmax",
    "RowWeights",
    "SelfSupervised",
    "SoftTargets",
    "SoftmaxRows",
    "SupCon",
    "check_loss",
    "register_loss",
]
