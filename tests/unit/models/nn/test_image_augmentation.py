import torch

from models.nn import image_augmentation
from models.nn.image_augmentation import MAX_SHIFT, NUM_CHANGES, augmented


def bar(column: int) -> torch.Tensor:
    image = torch.full((1, 1, 64, 64), -1.0)
    image[..., column - 2 : column + 2] = 1.0
    return image


def test_nothing_is_changed_at_probability_zero() -> None:
    torch.manual_seed(0)
    images = 2 * torch.rand(4, 1, 32, 32) - 1
    changed, amounts = augmented(images, 0.0)
    torch.testing.assert_close(changed, images, atol=1e-5, rtol=0)
    assert torch.equal(amounts, torch.zeros(4, NUM_CHANGES))


def test_amounts_describe_what_was_done() -> None:
    torch.manual_seed(0)
    images = 2 * torch.rand(16, 1, 32, 32) - 1
    changed, amounts = augmented(images, 0.5)
    untouched = (amounts == 0).all(dim=1)
    assert 0 < int(untouched.sum()) < 16
    torch.testing.assert_close(changed[untouched], images[untouched], atol=1e-5, rtol=0)
    assert amounts.abs().max() <= 1
    assert changed.abs().max() <= 1


def test_the_left_stays_on_the_left() -> None:
    torch.manual_seed(0)
    changed, _ = augmented(bar(14).expand(50, -1, -1, -1), 1.0)
    brightness = changed.mean(dim=(1, 2))  # (b, w)
    assert (brightness[:, :32].sum(dim=1) > brightness[:, 32:].sum(dim=1)).all()
    assert MAX_SHIFT * 64 + image_augmentation.MAX_ROTATION * 32 < 32 - 14
