"""Files that are there whole or not at all."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO


@contextmanager
def written_whole(to: Path) -> Generator[IO[bytes]]:
    """A file to write, readable by its owner alone, that takes its name once all is in it.

    Raises OSError where it cannot be written.
    """
    with NamedTemporaryFile(dir=to.parent, prefix=f".{to.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, to)  # noqa: PTH105 - the name of an open file is a text
        finally:
            Path(file.name).unlink(missing_ok=True)
