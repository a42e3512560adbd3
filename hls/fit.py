"""Whether a network fits a design, and if not, what is too large and which design would do."""

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig, design_names
from m3vit.model.network import Network


def check_fits(network: Network, design: DesignConfig) -> None:
    """Compare every size of a network with the design's maximum.

    Raises:
        UserError: the first size that is too large.
    """
    for what, value, maximum in _sizes(network):
        limit = getattr(design, maximum)
        if value > limit:
            fitting = [name for name in design_names() if _fits(network, DesignConfig.load(name))]
            remedy = (
                f"use the design {' or '.join(fitting)}"
                if fitting
                else f"use a design of your own with a larger {maximum}"
            )
            raise UserError(
                f"this network has {what} {value} and the design '{design.name}' holds {limit} "
                f"({maximum}): {remedy}"
            )


def _fits(network: Network, design: DesignConfig) -> bool:
    return all(value <= getattr(design, maximum) for _, value, maximum in _sizes(network))


def _sizes(network: Network) -> list[tuple[str, int, str]]:
    """What it is, how large, and the design's name for its maximum."""
    patch_values = network.channels * network.patch_size**2
    strip_bytes = network.channels * network.patch_size * network.image_width
    sizes = [
        ("tokens", network.num_tokens, "max_tokens"),
        ("width", network.width, "max_width"),
        ("MLPs of hidden width", network.hidden, "max_hidden"),
        ("values in a patch", patch_values, "max_hidden"),
        ("attention heads", network.num_heads, "max_heads"),
        ("heads of width", network.head_dim, "max_head_width"),
        ("patches of pixels", network.patch_size, "max_patch_size"),
        ("image channels", network.channels, "max_channels"),
        ("bytes in a row of patches", strip_bytes, "max_strip_bytes"),
    ]
    if network.moe_layers:
        sizes += [
            ("experts of hidden width", network.expert_hidden, "max_hidden"),
            ("experts", network.num_experts, "max_experts"),
            ("experts per token", network.experts_per_token, "max_experts_per_token"),
        ]
    return sizes
