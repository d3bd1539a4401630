"""What a measurement was made on: processor, threads, BLAS core type, versions."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "scipy", "cvxpy", "scs", "clarabel")


def provenance(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the facts that a time means nothing without, with the versions of these packages."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = ", ".join(
        sorted(
            {f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')} kernels, "
             f"{p['num_threads']} threads)" for p in pools}
        )
    )  # fmt: skip
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "blas": blas,
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "not set"),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in packages),
    }


def provenance_line(packages: Sequence[str] = PACKAGES) -> str:
    """Return the same on one line of Markdown."""
    return "; ".join(f"{name}: {value}" for name, value in provenance(packages).items())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
