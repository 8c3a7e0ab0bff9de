"""Muon with relative steps: the learning rate is the share of itself by which a weight changes (learn::core::relative)."""

import math

import torch
from torch import Tensor, nn

# Of a matrix's own size: rows and columns below it are taken as this large.
FLOOR = 0.1


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the orthogonal matrix next to it, by five Newton-Schulz iterations in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.bfloat16()
    x = x.t() if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.t() if tall else x).float()


def sizes(weight: Tensor) -> Tensor:
    """How large each element's surroundings are: its row and its column of a matrix, itself of a vector."""
    whole = weight.square().mean().sqrt().clamp(min=1e-6)
    floor = FLOOR * whole
    if weight.ndim == 1:
        return weight.abs().clamp(min=floor)
    rows = weight.square().mean(1, keepdim=True).sqrt().clamp(min=floor)
    columns = weight.square().mean(0, keepdim=True).sqrt().clamp(min=floor)
    return rows * columns / whole


class Muon:
    """Muon for matrices, AdamW's steps without decay at a third of the rate for vectors; gradients are clipped to norm 1."""

    def __init__(self, parameters: list[nn.Parameter]):
        self.parameters, self.steps = parameters, 0
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """A step by the gradients, which are then gone."""
        self.steps += 1
        norm = torch.sqrt(sum(p.grad.square().sum() for p in self.parameters))
        for p, first, second in zip(self.parameters, self.first, self.second, strict=True):
            size = sizes(p)
            gradient = p.grad / norm.clamp(min=1) * size
            if p.ndim == 2:
                first.mul_(0.95).add_(gradient)
                update = orthogonal(gradient + 0.95 * first) * 0.2 * math.sqrt(max(p.shape))
                p -= rate * size * update
            else:
                first.lerp_(gradient, 0.1)
                second.lerp_(gradient.square(), 0.02)
                mean = first / (1 - 0.9**self.steps)
                deviation = (second / (1 - 0.98**self.steps)).sqrt()
                p -= rate / 3 * size * mean / (deviation + 1e-8)
            p.grad = None
