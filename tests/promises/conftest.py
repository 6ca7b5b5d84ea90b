"""The folder that the kit was staged in, which is made once for all tests."""

from tests.support.staging import archive, staged, unpacked

__all__ = ["archive", "staged", "unpacked"]
