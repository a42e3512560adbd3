import numpy as np
import pytest
import torch

from m3vit.host.upsampling import bilinear, spread_cells


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((8, 16), (128, 256)),
        ((32, 64), (128, 256)),
        ((3, 5), (7, 4)),
        ((1, 1), (9, 2)),
        ((6, 6), (6, 6)),
    ],
)
def test_bilinear_equals_torch(source, size):
    maps = np.random.default_rng(0).normal(size=(4, *source)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], size=size, mode="bilinear", align_corners=False
    )[0]
    result = bilinear(maps, size)
    assert result.dtype == np.float32
    # The same formula in another order of operations: a few units in the last place.
    np.testing.assert_allclose(result, expected.numpy(), rtol=0, atol=2e-6)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_cells_lie_as_pixel_shuffle_lays_them(cells):
    output = np.random.default_rng(1).normal(size=(15, 7 * cells**2)).astype(np.float32)
    tokens = torch.from_numpy(output).T.reshape(-1, 3, 5)
    expected = torch.nn.functional.pixel_shuffle(tokens, cells)
    np.testing.assert_array_equal(spread_cells(output, (3, 5), cells), expected.numpy())
