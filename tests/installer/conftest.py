"""What was staged once for all, and machines to install on."""

from tests.support.staging import (
    archive,
    bare_machine,
    empty,
    former_staged,
    former_unpacked,
    installed,
    staged,
    unpacked,
)

__all__ = ["archive", "bare_machine", "empty", "former_staged", "former_unpacked", "installed", "staged", "unpacked"]
