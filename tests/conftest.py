"""The order of the tests."""


def pytest_collection_modifyitems(items):
    """The longest first, so that none is left for the end."""
    items.sort(key=lambda item: "faults" not in item.keywords)
