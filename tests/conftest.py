"""Fixtures of the tests of the tools.

Every test works in a folder of its own, so they run in parallel:
/usr/bin/python3 -m pytest -n 2 tests
"""

import pytest

import weft


@pytest.fixture
def tree(tmp_path):
    """A copy of the whole book."""
    return weft.Tree(tmp_path / "weft")


@pytest.fixture
def small(tmp_path):
    """A copy of the first two chapters: enough to have something to spoil,
    and quick to build."""
    return weft.Tree(tmp_path / "weft", last=2)
