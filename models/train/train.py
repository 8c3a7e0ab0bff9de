"""A draft learns from what the target said: `train.py TARGET.gguf DRAFT.gguf TOKENS.npz WEIGHTS.npz`.

It begins with DRAFT.gguf and learns for --seconds; WEIGHTS.npz has its weights by their tensors' names (write_gguf.py makes a
GGUF file of them). A row is a position whose next token the target said. Its loss is -log sum min(p, q), the log of how
probably a proposal is accepted there (`lk`), with p the target's exact law over the draft's ids; each pass weighs DECAY times
the one before. A few sequences are held back: their alpha, the mean of sum min(p, q) over all ids, is what is printed.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from draft import DECAY, Draft
from muon import Muon
from target import Target

# Sequences that are never learnt from.
HELD = 24
WARM_UP = 20
# Rows whose full laws are made at once.
LAW_ROWS = 4096


def rate(step: int, elapsed: float, peak: float) -> float:
    """The learning rate: up over the first steps, level for a quarter of the time, then down to a fiftieth."""
    return peak * min(1, (step + 1) / WARM_UP) * max(0.02, 1 - max(0, elapsed - 0.25) / 0.75)


class Batch:
    """Some sequences with the target's law at their rows."""

    def __init__(self, target: Target, draft: Draft, data: tuple[Tensor, ...], at: np.ndarray):
        self.tokens, self.starts, kinds = (x[torch.from_numpy(at).to(x.device)].to(target.device) for x in data)
        self.tokens, self.starts = self.tokens.long(), self.starts.long()
        self.states = target.states(self.tokens, self.starts)
        rows = kinds > 0
        rows[:, -1] = False
        self.rows = rows.flatten().nonzero()[:, 0]
        # How far a row is from its text's beginning: the k-th pass has no state to read in the first k.
        age = torch.arange(self.tokens.shape[1], device=target.device) - self.starts
        self.age = age.flatten()[self.rows]
        self.law, self.covered = self.laws(target, draft)

    @torch.no_grad()
    def laws(self, target: Target, draft: Draft) -> tuple[Tensor, Tensor]:
        """The target's law of each row over the draft's ids, given that it says one of them; how probably it does."""
        states = self.states.flatten(0, 1)[self.rows]
        laws = torch.empty(len(states), len(draft.ids), device=target.device)
        covered = torch.empty(len(states), device=target.device)
        for i in range(0, len(states), LAW_ROWS):
            part = slice(i, i + LAW_ROWS)
            law = torch.softmax(target.logits(states[part]), -1)[:, draft.ids]
            covered[part] = law.sum(-1)
            laws[part] = law / law.sum(-1, keepdim=True).clamp(min=1e-9)
        return laws, covered


@torch.no_grad()
def alphas(draft: Draft, batch: Batch, count: int) -> list[float]:
    """Alpha of each of the first `count` passes: sum min(p, q) over all ids, in the mean over rows."""
    law, found = batch.law * batch.covered[:, None], []
    for k, states in enumerate(draft.states(batch.tokens, batch.starts, batch.states, count)):
        proposed = torch.softmax(draft.logits(states.flatten(0, 1)[batch.rows]), -1)
        found.append(float(torch.minimum(law, proposed).sum(-1)[batch.age >= k].mean()))
    return found


def learn(draft: Draft, batch: Batch, count: int) -> float:
    """
    Leaves the gradients of the loss over the first `count` passes, and says how large it is.

    The heads' gradients are taken pass by pass, at the states of the rows alone, so that the memory holds the logits of one
    pass at a time; then all of them go back through the layer together.
    """
    outputs = draft.states(batch.tokens, batch.starts, batch.states, count)
    gradients, total = [], 0.0
    for k, output in enumerate(outputs):
        states = output.flatten(0, 1)[batch.rows].detach().requires_grad_()
        counts = (batch.age >= k).float()
        overlap = torch.minimum(batch.law, torch.softmax(draft.logits(states), -1)).sum(-1)
        loss = -(overlap.clamp(min=1e-6).log() * batch.covered * counts).sum() / counts.sum()
        loss = loss * DECAY**k / sum(DECAY**i for i in range(count))
        loss.backward()
        gradient = torch.zeros_like(output).flatten(0, 1).index_copy_(0, batch.rows, states.grad)
        gradients.append(gradient.view_as(output))
        total += float(loss.detach())
    torch.autograd.backward(outputs, gradients)
    return total


def main() -> None:
    """Learns until the time is up, and writes the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("draft", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--batch", type=int, default=12, help="sequences of a step")
    parser.add_argument("--rate", type=float, default=6e-3)
    parser.add_argument("--unroll", type=int, default=3, help="passes")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    args = parser.parse_args()

    torch.manual_seed(7)
    torch.backends.cuda.matmul.allow_tf32 = True
    file = np.load(args.tokens)
    data = tuple(torch.from_numpy(file[name].astype(np.int32)) for name in ("tokens", "starts", "kinds"))
    count, length = data[0].shape
    target = Target(args.target, length, args.device)
    draft = Draft(args.draft, target.embedding, length)
    optimizer = Muon(list(draft.parameters()))
    held = np.unique(np.linspace(0, count - 1, min(HELD, count // 2)).astype(int))
    learnt = np.setdiff1d(np.arange(count), held)

    def check() -> list[float]:
        parts = [held[i : i + args.batch] for i in range(0, len(held), args.batch)]
        found = [alphas(draft, Batch(target, draft, data, at), args.unroll) for at in parts]
        return np.mean(found, axis=0).round(4).tolist()

    print(json.dumps({"step": 0, "held_alpha": check()}), flush=True)
    rng, order = np.random.default_rng(1), np.array([], int)
    began, step, rows = time.monotonic(), 0, 0
    while (elapsed := (time.monotonic() - began) / args.seconds) < 1:
        while len(order) < args.batch:
            order = np.concatenate([order, rng.permutation(learnt)])
        at, order = order[: args.batch], order[args.batch :]
        batch = Batch(target, draft, data, at)
        loss = learn(draft, batch, args.unroll)
        optimizer.step(rate(step, elapsed, args.rate))
        step, rows = step + 1, rows + len(batch.rows)
        if step % 100 == 0:
            print(json.dumps({"step": step, "rows": rows, "loss": round(loss, 4)}), flush=True)
    print(json.dumps({"step": step, "rows": rows, "held_alpha": check()}), flush=True)
    np.savez(args.out, **draft.arrays())


if __name__ == "__main__":
    main()
