"""The target in PyTorch: the weights of a llama's GGUF file, and its states over texts that are packed into rows.

Shapes: B rows of N positions, W the width, H heads of D elements. `starts[b, n]` is the position in its row where the text
that position n belongs to begins: nothing before it is seen.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGUFReader
from gguf.quants import dequantize
from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """A llama's hyper-parameters."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    feed_forward: int
    vocabulary: int
    end: int
    epsilon: float
    base: float


def shape(path: Path) -> Shape:
    """The hyper-parameters of a GGUF file, a llama's or a draft's."""
    fields = GGUFReader(path).fields
    prefix = fields["general.architecture"].contents()

    def get(name: str) -> float:
        return fields[f"{prefix}.{name}"].contents()

    width, heads = get("embedding_length"), get("attention.head_count")
    return Shape(
        width=width,
        layers=get("block_count"),
        heads=heads,
        kv_heads=get("attention.head_count_kv"),
        head=width // heads,
        feed_forward=get("feed_forward_length"),
        vocabulary=len(fields["tokenizer.ggml.tokens"].contents()),
        end=fields["tokenizer.ggml.eos_token_id"].contents(),
        epsilon=get("attention.layer_norm_rms_epsilon"),
        base=get("rope.freq_base"),
    )


def tensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    """All tensors of a GGUF file in float32, matrices as [rows, columns]."""

    def load(tensor) -> Tensor:
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
        return torch.from_numpy(values.copy()).reshape(tuple(reversed(tensor.shape.tolist()))).to(device)

    return {tensor.name: load(tensor) for tensor in GGUFReader(path).tensors}


class Rope:
    """Rotation of neighbouring elements, as GGUF's llama files have it."""

    def __init__(self, shape: Shape, length: int, device: torch.device):
        frequencies = 1 / shape.base ** (torch.arange(0, shape.head, 2, device=device).float() / shape.head)
        angles = torch.arange(length, device=device).float()[:, None] * frequencies
        self.cos, self.sin = angles.cos(), angles.sin()

    def at(self, x: Tensor, positions: Tensor | slice) -> Tensor:
        """`x` [..., positions, heads, D], rotated."""
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


NAMES = "attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate ffn_up ffn_down".split()


@dataclass(frozen=True)
class Layer:
    """A layer's weights; matrices [columns, rows], those that read the same side by side."""

    attn_norm: Tensor
    qkv: Tensor
    output: Tensor
    ffn_norm: Tensor
    gate_up: Tensor
    down: Tensor


class Target:
    """A llama. Matrices and caches are `half` (float16 on a GPU, float32 on a CPU), the residual stream is float32."""

    def __init__(self, path: Path, length: int, device: torch.device):
        self.shape, self.device = shape(path), device
        self.half = torch.float16 if device.type == "cuda" else torch.float32
        self.rope = Rope(self.shape, length, device)
        weights = tensors(path, device)
        self.embedding = weights["token_embd.weight"]
        self.output_norm = weights["output_norm.weight"]
        self.head = self.columns(weights.get("output.weight", self.embedding))
        self.layers = []
        for i in range(self.shape.layers):
            layer = {name: weights[f"blk.{i}.{name}.weight"] for name in NAMES}
            self.layers.append(
                Layer(
                    layer["attn_norm"],
                    self.columns(torch.cat([layer[f"attn_{x}"] for x in "qkv"])),
                    self.columns(layer["attn_output"]),
                    layer["ffn_norm"],
                    self.columns(torch.cat([layer["ffn_gate"], layer["ffn_up"]])),
                    self.columns(layer["ffn_down"]),
                )
            )

    def columns(self, matrix: Tensor) -> Tensor:
        """A matrix as `x @ columns` wants it."""
        return matrix.to(self.half).t().contiguous()

    def norm(self, x: Tensor, weight: Tensor) -> Tensor:
        """RMS norm with the model's epsilon."""
        return F.rms_norm(x, (x.shape[-1],), weight, self.shape.epsilon)

    def qkv(self, x: Tensor, layer: Layer, positions: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [..., H, D], keys and values [..., KV heads, D] of the residual stream, rotated."""
        s = self.shape
        kv = s.kv_heads * s.head
        q, k, v = (self.norm(x, layer.attn_norm).to(self.half) @ layer.qkv).split([s.heads * s.head, kv, kv], -1)
        q = self.rope.at(q.unflatten(-1, (s.heads, s.head)), positions).to(self.half)
        k = self.rope.at(k.unflatten(-1, (s.kv_heads, s.head)), positions).to(self.half)
        return q, k, v.unflatten(-1, (s.kv_heads, s.head))

    def rest(self, x: Tensor, attended: Tensor, layer: Layer) -> Tensor:
        """The residual stream behind a layer, from what its heads read, [..., H * D]."""
        x = x + attended @ layer.output
        gate, up = (self.norm(x, layer.ffn_norm).to(self.half) @ layer.gate_up).chunk(2, -1)
        return x + (F.silu(gate.float()).to(self.half) * up) @ layer.down

    def logits(self, states: Tensor) -> Tensor:
        """Logits of all ids, from last states."""
        return (self.norm(states, self.output_norm).to(self.half) @ self.head).float()

    @torch.no_grad()
    def states(self, tokens: Tensor, starts: Tensor) -> Tensor:
        """The residual stream behind the last layer, [B, N, W], of `tokens` and `starts` [B, N]."""
        s, (_, length) = self.shape, tokens.shape
        here = torch.arange(length, device=self.device)
        mask = (here[None, None] <= here[:, None]) & (here >= starts[:, :, None])
        x = self.embedding[tokens]
        for layer in self.layers:
            q, k, v = (y.transpose(1, 2) for y in self.qkv(x, layer, slice(length)))
            k, v = (y.repeat_interleave(s.heads // s.kv_heads, 1) for y in (k, v))
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None])
            x = self.rest(x, attended.transpose(1, 2).flatten(2), layer)
        return x

