"""The fixture of the tests from the outside, for those that kill."""

from tests.e2e.conftest import place

__all__ = ["place"]
