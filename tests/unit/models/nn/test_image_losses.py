import pytest
import torch
from torch.nn import functional as F

from models.nn.image_losses import ms_ssim_loss


@pytest.mark.parametrize("side", [16, 64, 256])
def test_equal_images_have_no_loss(side: int) -> None:
    torch.manual_seed(0)
    images = 2 * torch.rand(2, 1, side, side) - 1
    assert float(ms_ssim_loss(images, images)) == pytest.approx(0, abs=1e-5)


def test_loss_grows_with_blur_and_is_symmetric() -> None:
    torch.manual_seed(0)
    images = F.avg_pool2d(torch.randn(2, 1, 68, 68), 5, stride=1).clamp(-1, 1)
    slight, strong = (F.avg_pool2d(images, k, stride=1, padding=k // 2) for k in (3, 7))
    assert 0 < float(ms_ssim_loss(slight, images)) < float(ms_ssim_loss(strong, images)) < 1
    torch.testing.assert_close(ms_ssim_loss(slight, images), ms_ssim_loss(images, slight))


def test_constant_images_differ_by_brightness_alone() -> None:
    """There the coarsest scale has l = (2 a b + C1) / (a^2 + b^2 + C1), and contrast is 1."""
    a, b, c1 = 0.5, 0.25, 0.02**2
    brightness = (2 * a * b + c1) / (a**2 + b**2 + c1)
    loss = ms_ssim_loss(torch.full((1, 1, 16, 16), a), torch.full((1, 1, 16, 16), b))
    assert float(loss) == pytest.approx(1 - brightness, abs=1e-4)
