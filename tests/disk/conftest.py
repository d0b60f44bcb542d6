"""The fixture of the tests from the outside, for those that break the disk."""

from tests.e2e.conftest import place

__all__ = ["place"]
