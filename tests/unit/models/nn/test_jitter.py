import torch

from models.nn.jitter import MAX_BRIGHTNESS, NUM_CHANGES, changed, draw_changes, jittered


def images():
    return torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5


def test_no_change_leaves_images_as_they_are():
    torch.testing.assert_close(changed(images(), torch.zeros(6, NUM_CHANGES)), images())


def test_a_change_has_the_strength_given():
    brighter = torch.zeros(6, NUM_CHANGES)
    brighter[:, -1] = 1
    torch.testing.assert_close(
        changed(images(), brighter, 1.4), images() + 1.4 * MAX_BRIGHTNESS, atol=1e-5, rtol=0
    )


def test_each_image_is_changed_in_its_own_way():
    torch.manual_seed(0)
    expected = changed(images(), draw_changes(6, torch.device("cpu")))
    torch.manual_seed(0)
    torch.testing.assert_close(jittered(images()), expected)
    assert (expected - images()).abs().mean((1, 2, 3)).unique().numel() == 6
