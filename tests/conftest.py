"""Fixtures of the tests of the tools.

Every test works in a folder of its own, so they run in parallel:
/usr/bin/python3 -m pytest -n 2 tests
"""

import pytest

import mentioned
import weft


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true",
                     help="also what `make check-all` adds")
    parser.addoption("--whole", action="store_true",
                     help="all tests run: those that the book mentions must")


def pytest_collection_modifyitems(config, items):
    """Leaves out the tests marked `all`, unless they are asked for."""
    if not config.getoption("--all"):
        left_out = [item for item in items if item.get_closest_marker("all")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    # What takes long comes first, or one worker is alone with it in the end.
    items.sort(key=lambda item: item.path.name != "test_user.py")


def pytest_configure(config):
    config.addinivalue_line("markers", "all: only with --all")
    # The workers only run tests; what they report comes together elsewhere.
    if config.getoption("--whole") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(mentioned.Mentioned())


@pytest.fixture
def tree(tmp_path):
    """A copy of the whole book."""
    return weft.Tree(tmp_path / "weft")


@pytest.fixture
def small(tmp_path):
    """A copy of the first two chapters: enough to have something to spoil,
    and quick to build."""
    return weft.Tree(tmp_path / "weft", last=2)
