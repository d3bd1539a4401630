"""What a measurement was made on: processor, threads, BLAS core type, versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path


def provenance() -> dict[str, str]:
    """Return the facts that a time means nothing without."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = ", ".join(
        sorted(
            {f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')} kernels, "
             f"{p['num_threads']} threads)" for p in pools}
        )
    )  # fmt: skip
    packages = ("numpy", "scipy", "cvxpy", "scs", "clarabel")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "blas": blas,
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "not set"),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {metadata.version(name)}" for name in packages),
    }


def provenance_line() -> str:
    """Return the same on one line of Markdown."""
    return "; ".join(f"{name}: {value}" for name, value in provenance().items())


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
