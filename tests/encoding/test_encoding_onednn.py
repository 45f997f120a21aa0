"""Products by oneDNN are torch's, whatever lies how in memory; of other numbers they are torch's own."""

import pytest
import torch

from bids_app.encoding import onednn
from bids_app.encoding.onednn import product


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", ["rows", "columns", "gaps"])
@pytest.mark.parametrize(("n", "k", "m"), [(1001, 300, 64), (1001, 300, 1), (7, 5, 3), (0, 4, 4), (4, 4, 0)])
def test_it_is_the_product(n, k, m, layout, dtype, monkeypatch):
    monkeypatch.setattr(onednn, "WORTH", 1)
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, generator=generator, dtype=dtype) for size in ((n, k), (k, m)))
    if layout == "columns":
        left, right = left.T.contiguous().T, right.T.contiguous().T
    elif layout == "gaps":
        left, right = left.repeat_interleave(2, dim=1)[:, ::2], right.repeat_interleave(2, dim=1)[:, ::2]
    torch.testing.assert_close(product(left, right), left @ right, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not onednn.HAS_ONEDNN, reason="torch was built without oneDNN")
def test_large_products_of_float32_are_onednns(monkeypatch):
    met = []
    linear = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", lambda *given: (met.append(1), linear(*given))[1])
    product(torch.ones(1001, 300), torch.ones(300, 64))
    product(torch.ones(8, 8), torch.ones(8, 8))
    product(torch.ones(1001, 300).double(), torch.ones(300, 64).double())
    assert len(met) == 1
