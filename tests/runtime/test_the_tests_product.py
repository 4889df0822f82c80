"""What tests start (tests/product.py) leaves nothing behind that another test would stumble over."""

from __future__ import annotations

import pytest

from tests.product import Product


def test_a_product_that_does_not_start_leaves_no_folder() -> None:
    product = Product(DATABASE_URL="nonsense")
    with pytest.raises(AssertionError, match="did not start"), product:
        pytest.fail("it started")
    assert not product.folder.exists()
