"""The target speaks, thousands of texts at once: `collect.py TARGET.gguf SCRIPTS.npz TOKENS.npz`.

Every lane follows a tape of scripts drawn at random, one after the other; where a script says `ASK` or `ANSWER` (scripts.py),
the target's own tokens follow until it ends its turn. A run fills all lanes; TOKENS.npz has the runs' rows as `tokens` (u16),
`starts` (i16: where in its row the text of a position begins) and `kinds` (u8: who said the token behind it: 0 the script,
1 the target as a user, 2 the target as itself), each [rows, length].
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scripts import ANSWER, ASK
from target import Target

# Most tokens of a question and of an answer: the turn is ended there.
MOST = {ASK: 160, ANSWER: 320}
# How much of a cache is looked at grows in these steps, so that early positions cost less.
BLOCK = 128
# Ids of a tape for each position of a row: more than a row can use.
TAPE = 4


class Scripts:
    """The scripts of a file, as ids."""

    def __init__(self, path: Path):
        file = np.load(path)
        ends = np.cumsum(file["lengths"])
        self.scripts = np.split(file["ids"].astype(np.int64), ends[:-1])
        self.temperatures = file["temperatures"]

    def tapes(self, lanes: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Ids, temperature and whether a script begins, [lanes, TAPE * length] each; what no script fills says `ANSWER`."""
        ids = np.full((lanes, TAPE * length), ANSWER, np.int64)
        temperatures = np.ones(ids.shape, np.float32)
        begins = np.zeros(ids.shape, bool)
        for lane in range(lanes):
            at = positions = 0
            while positions < length:
                i = int(rng.integers(len(self.scripts)))
                script = self.scripts[i]
                if at + len(script) > ids.shape[1]:
                    break
                span = slice(at, at + len(script))
                ids[lane, span], temperatures[lane, span], begins[lane, at] = script, self.temperatures[i], True
                at = span.stop
                # A turn of the target is at least three tokens, as a rule.
                positions += len(script) + 2 * int((script >= ASK).sum())
        return ids, temperatures, begins


class Speaker:
    """Lanes that read their tapes and speak, a position a step. Everything is on the device, so that a step can be recorded."""

    def __init__(self, target: Target, lanes: int, length: int):
        s, self.target, self.lanes, self.length = target.shape, target, lanes, length

        def of(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=target.device)

        self.keys = of(s.layers, lanes * s.kv_heads, length, s.head, dtype=target.half)
        self.values = torch.zeros_like(self.keys)
        self.ids = of(lanes, TAPE * length)
        self.temperatures = of(lanes, TAPE * length, dtype=torch.float32)
        self.begins = of(lanes, TAPE * length, dtype=torch.bool)
        self.positions = torch.arange(length, device=target.device)
        # Of each lane: where it is on its tape, tokens of the turn so far, the token to read, where its text begins.
        self.at, self.said, self.token, self.start = of(lanes), of(lanes), of(lanes), of(lanes)
        self.position = of(1)
        self.tokens, self.starts, self.kinds = of(length, lanes), of(length, lanes), of(length, lanes)
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def state(self) -> list[Tensor]:
        """What a step changes, but for the caches."""
        lanes = [self.at, self.said, self.token, self.start, self.position]
        return [*lanes, self.tokens, self.starts, self.kinds]

    def begin(self, tapes: tuple[np.ndarray, ...]) -> None:
        """New tapes, from their beginnings."""
        for mine, tape in zip((self.ids, self.temperatures, self.begins), tapes, strict=True):
            mine.copy_(torch.from_numpy(tape))
        for tensor in self.state():
            tensor.zero_()
        self.token.copy_(self.ids[:, 0])
        self.at.fill_(1)

    @torch.no_grad()
    def step(self, seen: int) -> None:
        """Reads a token in every lane, over the first `seen` positions of the cache, and finds the next."""
        self.tokens.index_copy_(0, self.position, self.token[None])
        self.starts.index_copy_(0, self.position, self.start[None])
        self.follow(self.target.logits(self.read(seen)))
        self.position.add_(1)

    def read(self, seen: int) -> Tensor:
        """The last states of the tokens to read, [lanes, W]."""
        target, s = self.target, self.target.shape
        here = self.positions[:seen]
        visible = (here <= self.position) & (here >= self.start[:, None])
        bias = torch.zeros(self.lanes, 1, seen, dtype=target.half, device=target.device)
        bias.masked_fill_(~visible[:, None], -6e4)
        groups = (self.lanes * s.kv_heads, s.heads // s.kv_heads)
        x = target.embedding[self.token]
        for i, layer in enumerate(target.layers):
            q, k, v = target.qkv(x, layer, self.position)
            self.keys[i].index_copy_(1, self.position, k.reshape(-1, 1, s.head))
            self.values[i].index_copy_(1, self.position, v.reshape(-1, 1, s.head))
            q = (q * s.head**-0.5).reshape(*groups, s.head)
            scores = torch.bmm(q, self.keys[i][:, :seen].transpose(1, 2)).view(self.lanes, s.heads, seen) + bias
            weights = torch.softmax(scores.float(), -1).to(target.half).view(*groups, seen)
            x = target.rest(x, torch.bmm(weights, self.values[i][:, :seen]).reshape(self.lanes, -1), layer)
        return x

    def follow(self, logits: Tensor) -> None:
        """Takes the next token of each lane from its tape, or where the target speaks from `logits`."""

        def on_tape(tape: Tensor) -> Tensor:
            return tape.gather(1, self.at[:, None])[:, 0]

        code, temperature, begins = on_tape(self.ids), on_tape(self.temperatures), on_tape(self.begins)
        asks, answers = code == ASK, code == ANSWER
        speaks = asks | answers
        temperature = torch.where(asks, 1, temperature)
        gumbel = -torch.log(-torch.log(torch.rand_like(logits).clamp_(1e-7, 1 - 1e-7)))
        said = (logits + gumbel * temperature[:, None]).argmax(-1)
        cut = (asks & (self.said >= MOST[ASK])) | (answers & (self.said >= MOST[ANSWER]))
        end = self.target.shape.end
        said = torch.where(cut, end, said)
        self.kinds.index_copy_(0, self.position, ((speaks & ~cut) * (1 + answers.long()))[None])
        moves = ~speaks | (said == end)
        self.said.copy_(torch.where(moves, 0, self.said + 1))
        self.start.copy_(torch.where(begins & ~speaks, self.position + 1, self.start))
        self.token.copy_(torch.where(speaks, said, code.clamp(max=self.target.shape.vocabulary - 1)))
        self.at.copy_((self.at + moves).clamp(max=self.ids.shape[1] - 1))

    def run(self) -> tuple[np.ndarray, ...]:
        """Fills all lanes: tokens, starts and kinds, [lanes, length] each."""
        for position in range(self.length):
            seen = min(self.length, (position // BLOCK + 1) * BLOCK)
            if self.target.device.type == "cuda":
                self.graph(seen).replay()
            else:
                self.step(seen)
        rows = zip((self.tokens, self.starts, self.kinds), (np.uint16, np.int16, np.uint8), strict=True)
        return tuple(tensor.t().cpu().numpy().astype(dtype) for tensor, dtype in rows)

    def graph(self, seen: int) -> torch.cuda.CUDAGraph:
        """A recorded step: launching its kernels one by one would take longer than they do."""
        if seen not in self.graphs:
            before = [tensor.clone() for tensor in self.state()]
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self.step(seen)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            pool = next(iter(self.graphs.values())).pool() if self.graphs else None
            with torch.cuda.graph(graph, pool=pool):
                self.step(seen)
            for tensor, was in zip(self.state(), before, strict=True):
                tensor.copy_(was)
            self.graphs[seen] = graph
        return self.graphs[seen]


def main() -> None:
    """Runs until the time is up, and writes what was said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("scripts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lanes", type=int, default=2048, help="texts at once; each takes 29 MB of memory")
    parser.add_argument("--length", type=int, default=1280, help="positions of a row")
    parser.add_argument("--seconds", type=float, default=90, help="no run begins that would end later")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    args = parser.parse_args()

    torch.manual_seed(7)
    scripts = Scripts(args.scripts)
    speaker = Speaker(Target(args.target, args.length, args.device), args.lanes, args.length)
    runs, began, longest = [], time.monotonic(), 0.0
    while not runs or time.monotonic() - began + longest < args.seconds:
        start = time.monotonic()
        speaker.begin(scripts.tapes(args.lanes, args.length, np.random.default_rng(len(runs))))
        runs.append(speaker.run())
        longest = max(longest, time.monotonic() - start)
        kinds = runs[-1][2]
        print(f"run {len(runs)}: {kinds.size} positions, {(kinds > 0).sum()} by the target, {longest:.1f} s", flush=True)
    tokens, starts, kinds = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    np.savez(args.out, tokens=tokens, starts=starts, kinds=kinds)


if __name__ == "__main__":
    main()
