"""Small face embedding network, for re-identification among the few people of one scene."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from facetrain.models.landmarks import ConvNorm, Residual


@dataclass(frozen=True, slots=True)
class AppearanceNetOptions:
    """Size of the network.

    input_px: side of the crop
    widths: channels at strides 2, 4, 8, 16
    size: dimensions of the embedding
    """

    input_px: int = 64
    widths: tuple[int, int, int, int] = (16, 32, 48, 96)
    size: int = 32


class AppearanceNet(nn.Module):
    """Convolutional embedding network.

    (N, S, S, 3) uint8 BGR crops, aligned upright -> {"embedding": (N, size)}, L2-normalised.
    In training also (N, 2, S, S, 3), two augmented views of each of N people -> {"embedding": (N, 2, size)}.
    """

    MEAN, SCALE = 127.5, 64.0

    def __init__(self, options: AppearanceNetOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or AppearanceNetOptions()
        a, b, c, d = options.widths
        self.trunk = nn.Sequential(
            ConvNorm(3, a, stride=2), ConvNorm(a, b, stride=2), ConvNorm(b, c, stride=2), Residual(c),
            ConvNorm(c, d, stride=2), Residual(d),
        )  # fmt: skip
        # A feature's position in the face matters as much as its presence: flatten, no global average pooling.
        self.mix = ConvNorm(d, options.size, kernel=1)
        side = options.input_px // 16
        self.embed = nn.Sequential(nn.Dropout(0.3), nn.Linear(options.size * side * side, options.size))

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        pairs = crops.dim() == 5
        flat = crops.flatten(0, 1) if pairs else crops
        x = (flat.permute(0, 3, 1, 2).float() - self.MEAN) / self.SCALE
        embedding = F.normalize(self.embed(self.mix(self.trunk(x)).flatten(1)), dim=1)
        return {"embedding": embedding.unflatten(0, (-1, 2)) if pairs else embedding}
