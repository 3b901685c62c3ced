"""Adds bytecode to an archive of Python sources, in which Python itself cannot keep any.

Spark puts `pyspark.zip` in front of the installed package, so that every driver and every daemon of
workers would compile PySpark anew: a second each.

    python conf/compile_pyspark.py ARCHIVE
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode
from zipfile import ZIP_DEFLATED, ZipFile


def add_bytecode(archive: Path) -> None:
    """Put a `.pyc` beside every `.py` of the archive that has none; complete or not at all."""
    with ZipFile(archive) as opened:
        if any(name.endswith(".pyc") for name in opened.namelist()):
            return
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            opened.extractall(folder)
            # Times in an archive are local and coarse: the bytecode is not compared with its source.
            compile_dir(
                folder,
                quiet=2,
                legacy=True,
                stripdir=folder,
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
            )
            draft = Path(folder) / archive.name
            shutil.copyfile(archive, draft)
            with ZipFile(draft, "a", ZIP_DEFLATED) as extended:
                for file in sorted(Path(folder).rglob("*.pyc")):
                    extended.write(file, file.relative_to(folder))
            draft.replace(archive)


if __name__ == "__main__":
    add_bytecode(Path(sys.argv[1]))
