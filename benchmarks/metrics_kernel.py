"""Our metrics of the lists that benchmarks/metrics.py made: FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from toplists.engine.kernels.metrics import measure
from toplists.engine.kernels.outcomes import liked_only, unknown_traits


def main() -> None:
    """Every user's figures, by our names."""
    folder = Path(sys.argv[1])
    data = np.load(folder / "data.npz")
    names = list(json.loads((folder / "names.json").read_text()))
    outcomes = liked_only(data["lists"], data["indptr"], data["items"])
    n_items = int(data["lists"].max()) + 1
    measured = measure(outcomes._replace(values=data["values"]), unknown_traits(n_items), names)
    np.savez(folder / "kernel.npz", **{name: one.numerators for name, one in measured.items()})


if __name__ == "__main__":
    main()
