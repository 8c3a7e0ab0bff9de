"""The draft in PyTorch: one layer that reads a token's embedding and the state that predicted it (`hidden-1`).

What it computes is the format's text in src/model/draft.rs; shapes are target.py's. Training runs it several passes deep: pass k
stands for the k-th token that a round proposes, so it reads pass k - 1's own state in place of the target's.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGUFReader
from torch import Tensor, nn

from target import Rope, shape, tensors

# Weights of a pass count so much of those of the pass before, in training.
DECAY = 0.8


class Draft(nn.Module):
    """A draft with the weights of a GGUF file, in float32. `embedding` is the target's, whose rows are its head's too."""

    def __init__(self, path: Path, embedding: Tensor, length: int):
        super().__init__()
        device = embedding.device
        self.shape, self.embedding = shape(path), embedding
        if self.shape.layers != 1:
            raise ValueError(f"{path} has {self.shape.layers} layers, not one")
        self.rope = Rope(self.shape, length, device)
        self.ids = torch.tensor(GGUFReader(path).fields["paceline.draft.ids"].contents(), device=device)
        self.head = embedding[self.ids].contiguous()
        # A parameter's name has no dots.
        self.weights = nn.ParameterDict(
            {name.replace(".", "/"): nn.Parameter(x) for name, x in tensors(path, device).items()}
        )

    def weight(self, name: str) -> Tensor:
        """A weight by its tensor's name without `.weight`."""
        return self.weights[f"{name}/weight".replace(".", "/")]

    def arrays(self) -> dict[str, np.ndarray]:
        """All weights by their tensors' names."""
        return {name.replace("/", "."): x.detach().cpu().numpy() for name, x in self.weights.items()}

    def norm(self, x: Tensor, name: str) -> Tensor:
        """RMS norm."""
        return F.rms_norm(x, (x.shape[-1],), self.weight(name), self.shape.epsilon)

    def logits(self, states: Tensor) -> Tensor:
        """Logits of the draft's ids, from its states."""
        return self.norm(states, "output_norm") @ self.head.t()

    def states(self, tokens: Tensor, starts: Tensor, target: Tensor, passes: int) -> list[Tensor]:
        """States [B, N, W] of each pass; `tokens` and `starts` [B, N], `target` its last states [B, N, W]."""
        first = (torch.arange(tokens.shape[1], device=tokens.device) == starts)[..., None]
        of_embedding, of_state = self.weight("fuse").chunk(2, -1)
        embedded = self.norm(self.embedding[tokens], "fuse.embd_norm") @ of_embedding.t()
        outputs, cache, state = [], [], target
        for _ in range(passes):
            # The state before a text's first token is 0.
            before = shifted(state, 1, -2).masked_fill(first, 0)
            x = embedded + self.norm(before, "fuse.hidden_norm") @ of_state.t()
            state = self.layer(x, starts, cache)
            outputs.append(state)
        return outputs

    def layer(self, x: Tensor, starts: Tensor, cache: list[tuple[Tensor, Tensor]]) -> Tensor:
        """The residual stream behind the layer. `cache`: keys and values of the passes before; this one's are added."""
        s, (rows, length, _) = self.shape, x.shape
        normed = self.norm(x, "blk.0.attn_norm")

        def heads(name: str, count: int) -> Tensor:
            return (normed @ self.weight(f"blk.0.{name}").t()).view(rows, length, count, s.head)

        q = self.rope.at(heads("attn_q", s.heads), slice(length)).transpose(1, 2) * s.head**-0.5
        k = self.rope.at(heads("attn_k", s.kv_heads), slice(length)).transpose(1, 2)
        cache.append((k, heads("attn_v", s.kv_heads).transpose(1, 2)))
        attended = attend(q.unflatten(1, (s.kv_heads, -1)), cache, starts)
        x = x + attended.flatten(1, 2).transpose(1, 2).flatten(2) @ self.weight("blk.0.attn_output").t()
        normed = self.norm(x, "blk.0.ffn_norm")
        gate, up = normed @ self.weight("blk.0.ffn_gate").t(), normed @ self.weight("blk.0.ffn_up").t()
        return x + (F.silu(gate) * up) @ self.weight("blk.0.ffn_down").t()


def shifted(x: Tensor, by: int, dim: int) -> Tensor:
    """`x` moved `by` places along `dim` (counted from the end), with zeros where nothing comes in."""
    pads = [0, 0] * (-dim - 1) + [by, 0]
    return F.pad(x, pads).narrow(dim, 0, x.shape[dim])


def attend(q: Tensor, cache: list[tuple[Tensor, Tensor]], starts: Tensor) -> Tensor:
    """
    What the rows of pass k = len(cache) - 1 read, as `q` [B, KV heads, heads of each, N, D]: keys and values of pass 0 up to k
    positions before their own, then one of each later pass.
    """
    depth, length = len(cache) - 1, q.shape[-2]
    here = torch.arange(length, device=q.device)
    visible = (here[None, None] + depth <= here[:, None]) & (here >= starts[:, :, None])
    keys, values = (y[:, :, None] for y in cache[0])
    scores = [(q @ keys.transpose(-1, -2)).masked_fill(~visible[:, None, None], -1e9)]
    # Pass d's key that a row sees stands depth - d positions before it.
    later = [[shifted(y, depth - d, -2)[:, :, None] for y in cache[d]] for d in range(1, depth + 1)]
    scores += [(q * k).sum(-1, keepdim=True) for k, _ in later]
    weights = torch.softmax(torch.cat(scores, -1), -1)
    read = weights[..., :length] @ values
    for i, (_, v) in enumerate(later):
        read = read + weights[..., length + i, None] * v
    return read
