"""The fixture of the tests from the outside, for peers that mean harm."""

from tests.e2e.conftest import place

__all__ = ["place"]
