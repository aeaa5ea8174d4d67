import pytest
import torch

from models.families.gan.networks import SteadyUpsampling


@pytest.mark.parametrize("patch_size", [2, 4, 8])
def test_constant_features_become_a_constant_image(patch_size):
    torch.manual_seed(0)
    upsampling = SteadyUpsampling(3, patch_size)
    features = torch.randn(2, 3, 1, 1).expand(-1, -1, 6, 6)
    image = upsampling(features)
    assert image.shape == (2, 1, 6 * patch_size, 6 * patch_size)
    torch.testing.assert_close(image, image[..., :1, :1].expand_as(image), rtol=0, atol=1e-5)


def test_features_that_vary_still_draw_what_lies_within_a_patch():
    torch.manual_seed(0)
    image = SteadyUpsampling(1, 4)(torch.randn(1, 1, 6, 6))
    assert image[0, 0].std() > 0.01
    assert image[0, 0, 8:12, 8:12].std() > 0.01


def test_a_steady_kernel_is_left_as_it_is():
    upsampling = SteadyUpsampling(1, 4)
    with torch.no_grad():
        upsampling.weight.fill_(0.25)
    features = torch.randn(1, 1, 5, 5)
    expected = torch.nn.functional.conv_transpose2d(
        features, upsampling.weight, upsampling.bias, stride=4, padding=2
    )
    inner = ..., slice(2, -2), slice(2, -2)
    torch.testing.assert_close(upsampling(features)[inner], expected[inner])


def test_the_border_is_drawn_as_if_the_features_went_on_beyond_it():
    upsampling = SteadyUpsampling(1, 4)
    features = torch.randn(1, 1, 5, 5)
    beyond = features[:, :, [0, 0, *range(5), 4, 4]][..., [0, 0, *range(5), 4, 4]]
    torch.testing.assert_close(upsampling(features), upsampling(beyond)[..., 8:-8, 8:-8])
