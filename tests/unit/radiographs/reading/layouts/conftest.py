"""Lists files that are given by name."""

from __future__ import annotations

import pytest

from radiographs.errors import IngestRefused
from radiographs.reading.file_tree import FolderTree
from radiographs.reading.layouts import find_images


@pytest.fixture
def listed(folder_of):
    """List files that are given by name; images hold no pixels."""
    return lambda files: find_images(FolderTree(folder_of(files)))


@pytest.fixture
def refused(listed):
    """Say why files that are given by name are refused."""

    def refuse(files):
        with pytest.raises(IngestRefused) as caught:
            listed(files)
        return caught.value

    return refuse
