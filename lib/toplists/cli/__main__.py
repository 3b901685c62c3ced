"""Entry point of `./toplists` and `python -m toplists.cli`."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime

from toplists.cli.command import main
from toplists.pipeline.process import leave

if __name__ == "__main__":
    # End quietly, as other commands do, when the reader of a pipe (`| head`) has seen enough.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    leave(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr, now=datetime.now(UTC)))
