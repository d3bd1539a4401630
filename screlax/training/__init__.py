"""What a training loop in torch takes: losses, a penalty, callbacks; behind `screlax.torch`."""

from ..errors import MissingExtraError

try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise MissingExtraError(
        "screlax.torch needs torch, which is not installed: pip install 'screlax[torch]'"
    ) from None
