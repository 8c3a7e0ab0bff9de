"""Tests of what needs PyTorch, gguf and tokenizers, on a CPU: `python3 -m unittest test_training`.

Most run on models of random weights, a few seconds in all; `Real` takes the draft beside this folder, the target where
`cargo xtask setup` puts it (or PACELINE_MODEL), and cargo.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGUFReader, GGUFWriter

from collect import Scripts, Speaker
from draft import DECAY, Draft, shifted
from make_scripts import encode, tokenizer
from muon import Muon, orthogonal, sizes
from scripts import ANSWER, ASK, HEAD, TAIL
from target import Target
from train import WARM_UP, Batch, alphas, learn, rate
from write_gguf import write

ROOT = Path(__file__).parents[2]
DRAFT = ROOT / "models/SmolLM2-135M-Instruct.draft.gguf"
CACHE = Path(os.environ.get("PACELINE_CACHE", Path.home() / ".cache/paceline"))
MODEL = Path(os.environ.get("PACELINE_MODEL", CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf"))
CPU = torch.device("cpu")
# The random models: width, heads, KV heads, feed-forward width, token ids, those of the draft.
WIDTH, HEADS, KV, FF, VOCAB, IDS = 64, 4, 2, 96, 120, range(0, 120, 2)
LENGTH = 96


def random_model(path, architecture, layers, extra):
    """A file of a llama's shape with random weights."""
    writer = GGUFWriter(path, architecture)
    for key, value in [
        ("block_count", layers),
        ("embedding_length", WIDTH),
        ("feed_forward_length", FF),
        ("attention.head_count", HEADS),
        ("attention.head_count_kv", KV),
    ]:
        writer.add_uint32(f"{architecture}.{key}", value)
    writer.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32(f"{architecture}.rope.freq_base", 10000)
    writer.add_array("tokenizer.ggml.tokens", [f"<{i}>" for i in range(VOCAB)])
    writer.add_uint32("tokenizer.ggml.eos_token_id", 2)
    writer.add_array("paceline.draft.ids", list(IDS))
    rng, kv = np.random.default_rng(layers), KV * WIDTH // HEADS
    shapes = {"output_norm": (WIDTH,), **extra}
    for i in range(layers):
        named = {
            "attn_norm": (WIDTH,),
            "attn_q": (WIDTH, WIDTH),
            "attn_k": (kv, WIDTH),
            "attn_v": (kv, WIDTH),
            "attn_output": (WIDTH, WIDTH),
            "ffn_norm": (WIDTH,),
            "ffn_gate": (FF, WIDTH),
            "ffn_up": (FF, WIDTH),
            "ffn_down": (WIDTH, FF),
        }
        shapes |= {f"blk.{i}.{name}": shape for name, shape in named.items()}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape) * (2 / shape[-1]) ** 0.5 if len(shape) > 1 else rng.uniform(0.5, 1.5, shape)
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Trained(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.manual_seed(1)
        with tempfile.TemporaryDirectory() as folder:
            path, cls.folder = Path(folder) / "target.gguf", folder
            random_model(path, "llama", 3, {"token_embd": (VOCAB, WIDTH)})
            cls.target = Target(path, LENGTH, CPU)
            path = Path(folder) / "draft.gguf"
            fuse = {"fuse.embd_norm": (WIDTH,), "fuse.hidden_norm": (WIDTH,), "fuse": (WIDTH, 2 * WIDTH)}
            random_model(path, "paceline-draft", 1, fuse)
            cls.draft = Draft(path, cls.target.embedding, LENGTH)
        cls.prompt = [5, 17, 80, 3, 44, 9]
        cls.text = cls.greedy(cls.prompt, 34)

    @classmethod
    def greedy(cls, prompt, count):
        """The prompt and what the target says after it, a whole pass a token."""
        ids = list(prompt)
        for _ in range(count):
            tokens = torch.tensor([ids])
            ids.append(int(cls.target.logits(cls.target.states(tokens, tokens * 0))[0, -1].argmax()))
        return ids

    def two_texts(self):
        """A row that has the text twice, the second time its end, and one that has it once, behind other tokens."""
        n, short = len(self.text), self.text[-20:]
        rows = [self.text + short, [7] * 20 + self.text]
        return torch.tensor(rows), torch.tensor([[0] * n + [n] * 20, [0] * 20 + [20] * n])

    def data(self):
        tokens, starts = self.two_texts()
        kinds = torch.zeros_like(tokens)
        kinds[:, 10:50] = 2
        return tokens, starts, kinds

    def test_a_text_is_read_as_if_it_were_alone(self):
        tokens, starts = self.two_texts()
        said = self.target.logits(self.target.states(tokens, starts)).argmax(-1)
        first, n = len(self.prompt), len(self.text)
        self.assertEqual(said[0, first - 1 : n - 1].tolist(), self.text[first:])
        self.assertEqual(said[1, 20 + first - 1 : 20 + n - 1].tolist(), self.text[first:])

    def test_lanes_follow_their_tapes_and_speak(self):
        script, count = [*self.prompt, ANSWER], len(self.prompt) + 24
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scripts.npz"
            np.savez(path, ids=np.array(script, np.uint16), lengths=[len(script)], temperatures=np.float32([0]))
            scripts = Scripts(path)
        speaker = Speaker(self.target, 2, count)
        ids, temperatures, begins = scripts.tapes(2, count, np.random.default_rng(1))
        self.assertTrue(begins[:, 0].all() and ids[0, : len(script)].tolist() == script)
        # The second lane reads three other tokens before, as a text of their own.
        ids[1, 3:], temperatures[1, 3:], begins[1, 3:] = ids[1, :-3], temperatures[1, :-3], begins[1, :-3].copy()
        ids[1, :3], begins[1, 1:3] = 7, False
        speaker.begin((ids, temperatures, begins))
        tokens, starts, kinds = speaker.run()
        wanted = self.text[: len(self.prompt) + 24]
        # It ends its turn where it says so; then the tape goes on.
        end = (wanted.index(2, len(self.prompt)) if 2 in wanted[len(self.prompt) :] else count - 1) + 1
        self.assertEqual(tokens[0, :end].tolist(), wanted[:end])
        self.assertEqual(tokens[1, 3:end].tolist(), wanted[: end - 3])
        self.assertEqual(starts[1, :end].tolist(), [0] * 3 + [3] * (end - 3))
        asked = len(self.prompt) - 1
        self.assertEqual(kinds[0, : end - 1].tolist(), [0] * asked + [2] * (end - 1 - asked))

    def test_a_question_is_cut_and_then_answered(self):
        speaker = Speaker(self.target, 1, 8)
        tape = np.full((1, 32), ANSWER, np.int64)
        tape[0, :4] = [1, ASK, 98, ANSWER]
        speaker.begin((tape, np.zeros((1, 32), np.float32), np.zeros((1, 32), bool)))
        logits = torch.zeros(1, VOCAB)
        logits[0, 11] = 50
        heard = []
        for _ in range(5):
            if len(heard) == 2:
                speaker.said.fill_(160)
            speaker.follow(logits)
            heard.append((speaker.token.item(), speaker.kinds[speaker.position].item()))
            speaker.position.add_(1)
        self.assertEqual(heard, [(11, 1), (11, 1), (2, 0), (98, 0), (11, 2)])

    def test_passes_are_the_rows_of_a_round(self):
        # What src/model/draft.rs says, row by row: a context's rows, then rows that read the draft's own states.
        tokens = torch.tensor([self.text[:12]])
        starts = torch.zeros_like(tokens)
        states = self.target.states(tokens, starts)
        with torch.no_grad():
            packed = self.draft.states(tokens, starts, states, 3)
            for last in (4, 9):
                cache = []
                before = torch.cat([torch.zeros(1, 1, WIDTH), states[:, :last]], 1)[0]
                for at in range(last + 3):
                    x = before[at] if at <= last else state
                    state = self.row(self.text[at], at, x, cache)
                    if at >= last:
                        torch.testing.assert_close(packed[at - last][0, at], state, rtol=1e-3, atol=1e-3)

    def row(self, token, at, before, cache):
        """One row of the draft over a cache that it adds to."""
        d, s = self.draft, self.draft.shape
        fused = torch.cat([d.norm(d.embedding[token], "fuse.embd_norm"), d.norm(before, "fuse.hidden_norm")])
        x = d.weight("fuse") @ fused
        n = d.norm(x, "blk.0.attn_norm")
        q, k, v = ((d.weight(f"blk.0.attn_{name}") @ n).view(1, -1, s.head) for name in "qkv")
        q, k = (d.rope.at(y, slice(at, at + 1)) for y in (q, k))
        cache.append((k[0], v[0]))
        keys, values = (torch.stack(y, 1).repeat_interleave(s.heads // s.kv_heads, 0) for y in zip(*cache))
        read = F.scaled_dot_product_attention(q.transpose(0, 1), keys, values).flatten()
        x = x + d.weight("blk.0.attn_output") @ read
        n = d.norm(x, "blk.0.ffn_norm")
        return x + d.weight("blk.0.ffn_down") @ (F.silu(d.weight("blk.0.ffn_gate") @ n) * (d.weight("blk.0.ffn_up") @ n))

    def test_texts_of_a_row_do_not_see_each_other(self):
        tokens, starts = self.two_texts()
        alone = torch.tensor([self.text])
        with torch.no_grad():
            packed = self.draft.states(tokens, starts, self.target.states(tokens, starts), 3)
            single = self.draft.states(alone, alone * 0, self.target.states(alone, alone * 0), 3)
        for k in range(3):
            # The first rows of a pass stand where there is no state of the pass before.
            wanted = self.draft.logits(single[k][0, k:])
            torch.testing.assert_close(self.draft.logits(packed[k][1, 20 + k :]), wanted, rtol=1e-3, atol=2e-2)

    def test_laws_are_exact_over_the_draft_s_ids(self):
        batch = Batch(self.target, self.draft, self.data(), np.array([0, 1]))
        self.assertEqual(len(batch.rows), 80)
        self.assertEqual(batch.age[:3].tolist(), [10, 11, 12])
        tokens, starts = self.two_texts()
        law = torch.softmax(self.target.logits(self.target.states(tokens, starts)), -1)[0, 10]
        torch.testing.assert_close(batch.law[0] * batch.covered[0], law[list(IDS)])
        proposed = torch.softmax(self.draft.logits(self.draft.states(tokens, starts, batch.states, 1)[0]), -1)
        overlaps = torch.minimum(batch.law * batch.covered[:, None], proposed.flatten(0, 1)[batch.rows]).sum(-1)
        self.assertAlmostEqual(alphas(self.draft, batch, 1)[0], float(overlaps.mean()), places=5)

    def test_gradients_are_those_of_the_whole_loss(self):
        batch = Batch(self.target, self.draft, self.data(), np.array([1, 0]))
        loss = learn(self.draft, batch, 2)
        found = {name: p.grad.clone() for name, p in self.draft.named_parameters()}
        self.draft.zero_grad()
        whole = 0
        for k, states in enumerate(self.draft.states(batch.tokens, batch.starts, batch.states, 2)):
            proposed = torch.softmax(self.draft.logits(states), -1).flatten(0, 1)[batch.rows]
            losses = -torch.minimum(batch.law, proposed).sum(-1).log() * batch.covered
            whole = whole + losses[batch.age >= k].mean() * DECAY**k / (1 + DECAY)
        whole.backward()
        self.assertAlmostEqual(loss, float(whole.detach()), places=4)
        for name, p in self.draft.named_parameters():
            torch.testing.assert_close(found[name], p.grad, rtol=1e-3, atol=1e-6, msg=name)
            p.grad = None

    def test_a_draft_learns_what_it_sees(self):
        batch = Batch(self.target, self.draft, self.data(), np.array([0, 1]))
        weights = {name: x.detach().clone() for name, x in self.draft.named_parameters()}
        before, optimizer = alphas(self.draft, batch, 2), Muon(list(self.draft.parameters()))
        for step in range(30):
            learn(self.draft, batch, 2)
            optimizer.step(rate(WARM_UP + step, 0, 1e-2))
        after = alphas(self.draft, batch, 2)
        self.draft.load_state_dict(weights, strict=False)
        self.assertTrue(all(a > b + 0.05 for a, b in zip(after, before, strict=True)), (before, after))


class Parts(unittest.TestCase):
    def test_the_rate_rises_stays_and_falls(self):
        self.assertAlmostEqual(rate(0, 0, 1), 1 / 20)
        self.assertEqual(rate(19, 0.25, 1), 1)
        self.assertAlmostEqual(rate(500, 0.625, 1), 0.5)
        self.assertEqual(rate(900, 1, 1), 0.02)

    def test_orthogonal_matrices_have_singular_values_near_one(self):
        torch.manual_seed(1)
        for size in ((40, 90), (90, 40)):
            values = torch.linalg.svdvals(orthogonal(torch.randn(size)))
            self.assertTrue(values.min() > 0.3 and values.max() < 1.4, values)

    def test_a_row_or_a_column_that_is_large_moves_more(self):
        torch.manual_seed(1)
        weight = torch.randn(64, 64)
        weight[3] *= 100
        found = sizes(weight)
        self.assertTrue(20 < found[3].mean() / found[4].mean() < 200)
        self.assertEqual(sizes(torch.tensor([3.0, -4.0, 0.0]))[1], 4)
        self.assertTrue(sizes(torch.tensor([3.0, -4.0, 0.0]))[2] > 0)

    def test_shifting_puts_zeros_in_front(self):
        x = torch.arange(1.0, 7).view(1, 3, 2)
        self.assertEqual(shifted(x, 1, -2).tolist(), [[[0, 0], [1, 2], [3, 4]]])


class Real(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reference = json.loads((ROOT / "tests/fixtures/greedy_reference.json").read_text())["runs"][0]

    def test_the_tokenizer_spells_as_the_reference_does(self):
        script = [HEAD + self.reference["prompt"] + TAIL, ANSWER]
        self.assertEqual(encode(tokenizer(MODEL), script), [*self.reference["prompt_ids"], ANSWER])

    def test_the_target_says_what_the_reference_says(self):
        prompt, said = self.reference["prompt_ids"], self.reference["ids"][:40]
        tokens = torch.tensor([prompt + said])
        target = Target(MODEL, tokens.shape[1], CPU)
        logits = target.logits(target.states(tokens, tokens * 0))
        self.assertEqual(logits[0, len(prompt) - 1 : -1].argmax(-1).tolist(), said)

    def test_a_file_with_the_same_weights_is_the_same_and_our_reader_takes_it(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "draft.gguf"
            weights = Draft(DRAFT, torch.zeros(49152, 576), 8).arrays()
            write(DRAFT, weights, out, "again")
            old, new = GGUFReader(DRAFT), GGUFReader(out)
            for a, b in zip(old.tensors, new.tensors, strict=True):
                self.assertEqual((a.name, a.tensor_type, a.shape.tolist()), (b.name, b.tensor_type, b.shape.tolist()))
                self.assertTrue(np.array_equal(a.data, b.data), a.name)
            for key in set(old.fields) - {"general.name"}:
                self.assertEqual(old.fields[key].contents(), new.fields[key].contents(), key)
            command = ["cargo", "run", "--quiet", "--", "generate", "--target", MODEL, "--device", "cpu", "--json"]
            asked = ["--prompt", "The sea", "--max-tokens", "8", "--gamma", "3", "--draft"]
            printed = [
                json.loads(subprocess.run([*command, *asked, path], cwd=ROOT, capture_output=True, check=True).stdout)
                for path in (DRAFT, out)
            ]
            for name in ("drafted", "accepted", "alpha_tf"):
                self.assertEqual(printed[0]["stats"][name], printed[1]["stats"][name])
            weights["fuse.weight"] = weights["fuse.weight"].T
            with self.assertRaisesRegex(ValueError, "fuse.weight"):
                write(DRAFT, weights, out, "turned")


if __name__ == "__main__":
    unittest.main()
