"""What is computed in one step has the values and the gradients of what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from peft.tuners import lora
from torch import Tensor, nn
from torch.nn import functional

from inference import pretrained
from inference.training import adapter, attention
from inference.training.fused import FusedLinear
from inference.training.losses import TOGETHER, token_log_probabilities
from inference.training.spec import Lora

# Heads, groups that share keys, tokens that ask, tokens that are read.
SHAPES = [(4, 4, 7, 7), (4, 2, 7, 7), (6, 2, 3, 9), (2, 1, 1, 5), (2, 2, 1, 1)]


def outcome(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """What `function` gives, and the gradients of a sum of it in which all numbers count differently."""
    leaves = [each.detach().requires_grad_() for each in inputs]
    result = function(*leaves)
    (result * torch.linspace(-1, 1, result.numel()).view(result.shape)).sum().backward()
    return [result.detach(), *(each.grad for each in leaves if each.grad is not None)]


def assert_alike(found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float = 1e-5) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.allclose(one.float(), other.float(), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("heads", "groups", "asking", "tokens"), SHAPES)
def test_attention_by_products_is_torchs(
    heads: int, groups: int, asking: int, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    module = nn.Module()
    module.num_key_value_groups = heads // groups
    inputs = [torch.randn(1, count, size, 8) for count, size in ((heads, asking), (groups, tokens), (groups, tokens))]

    def attended(*parts: Tensor) -> Tensor:
        return attention.attend(module, *parts, dropout=0.0, scaling=0.3)

    found = outcome(attended, inputs)
    monkeypatch.setattr(attention, "LONGEST", 0)
    assert_alike(found, outcome(attended, inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_with_its_adapter_is_pefts(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(2)
    base = nn.Linear(24, 40, bias=bias, dtype=dtype).requires_grad_(False)
    config = LoraConfig(r=4, lora_alpha=8)
    ours, theirs = (kind(base, "default", config, r=4, lora_alpha=8) for kind in (FusedLinear, lora.Linear))
    nn.init.normal_(ours.lora_B["default"].weight)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, 24, dtype=dtype)

    def of(layer: nn.Module) -> list[Tensor]:
        found = outcome(layer, [x])
        return [*found, *(weight.grad for name, weight in layer.named_parameters() if "lora" in name)]

    # bfloat16 has eight bits, and both round after different sums.
    assert_alike(of(ours), of(theirs), 1e-5 if dtype == torch.float32 else 0.1)


@pytest.mark.filterwarnings("ignore")  # peft asks transformers in a way of earlier versions
def test_all_linear_layers_of_a_network_are_fused_and_dropout_is_left_to_peft(tiny_folder: Path) -> None:
    network = pretrained.load_network(tiny_folder, torch.float32, torch.device("cpu"))
    model = adapter.add_adapter(network, Lora(dropout=0.5), seed=0)
    layers = [layer for layer in model.modules() if isinstance(layer, lora.Linear)]
    assert layers
    assert all(isinstance(layer, FusedLinear) for layer in layers)
    layer = layers[0].train()
    nn.init.normal_(layer.lora_B["default"].weight)
    x = torch.ones(1, layer.in_features)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("tokens", [1, TOGETHER, TOGETHER + 3])
def test_log_probabilities_of_a_few_tokens_at_a_time(tokens: int) -> None:
    torch.manual_seed(3)
    logits, targets = 5 * torch.randn(tokens, 50), torch.randint(50, (tokens,))

    def usual(logits: Tensor) -> Tensor:
        return -functional.cross_entropy(logits, targets, reduction="none")

    assert_alike(outcome(lambda logits: token_log_probabilities(logits, targets), [logits]), outcome(usual, [logits]))
