import pytest
import timm
import torch
from torch import nn

from salkit.layers import fold_batch_norms


def model_of(name):
    """With weights and statistics of batch norms as if it had been trained."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=0)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
                nn.init.normal_(module.running_mean, std=0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def norms_of(model):
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize(
    ('name', 'left'),
    [
        ('tf_efficientnet_lite0', 0),
        # Squeeze-and-excitation, and blocks of another kind.
        ('efficientnet_b0', 0),
        ('efficientnet_es', 0),
        # Not all of it is made of blocks that are known.
        ('mobilenetv3_small_050', 1),
        ('resnet18', 20),
    ],
)
def test_folded_models_give_the_same(name, left):
    model, image = model_of(name), torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = model(image)
        norms = norms_of(model)
        assert fold_batch_norms(model) == norms - left and norms_of(model) == left
        found = model(image)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert fold_batch_norms(model) == 0
