"""The folder that the kit was staged in, which the tests of install make once for all."""

from tests.installer.test_install import archive, staged, unpacked

__all__ = ["archive", "staged", "unpacked"]
