"""Class sizes of public data sets, counted; each file with its source and checksum."""

import hashlib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError


@dataclass(frozen=True)
class RealProfile:
    """Where the counts of a data set come from, and what they are."""

    name: str  # what `screlax.profile` calls it
    source: str  # what was counted, and who published it
    checksum: str  # SHA-256 of the file of counts, one a line in the order of the classes

    def counts(self) -> NDArray[np.int64]:
        """Return the number of samples of every class, shape (k,), read-only; checked."""
        data = (resources.files(__package__) / "class_counts" / f"{self.name}.csv").read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != self.checksum:
            raise FileFormatError(
                f"the counts of profile {self.name!r} have been changed (SHA-256 {found}); "
                "install screlax again"
            )
        counts = np.array(data.split(), dtype=np.int64)
        counts.flags.writeable = False
        return counts


REAL_PROFILES: dict[str, RealProfile] = {
    known.name: known
    for known in (
        RealProfile(
            "imagenet-lt",
            "training list of ImageNet-LT, Liu et al. 2019 (arXiv 1904.05160), counted",
            "264bf997dc8030998be446727caae6b209239e9a97052d97bc69bce7f8ffb838",
        ),
        RealProfile(
            "imagenet12k",
            "frequencies of the 11,821 ImageNet synsets with at least 400 images",
            "17f0ff0bad21d8f0572626392b24c8b51f3de519a55a9fca092cc4ae958f66f9",
        ),
        RealProfile(
            "inat2018-supercategory",
            "training images of the 14 super-categories of iNaturalist 2018, its official table",
            "13423cfb226907d5c7b4ceeef17d91db0b12221ec415700816263de37055a086",
        ),
        RealProfile(
            "covtype",
            "class distribution of UCI Covertype, as published with the data",
            "d5c536421f4a6a8b841242852b1d3fc8a0aa9375245435959614ee778e53d5c7",
        ),
        RealProfile(
            "reuters46",
            "Reuters newswire topics, the training split (80 %) that keras distributes",
            "6ad3a76db2fe10dc48066c4054757bb94fda5774f5bc8fd51e737e72bff4c11e",
        ),
    )
}
"""Every counted data set by name."""
