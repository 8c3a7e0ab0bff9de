"""Scripts: what stands in a conversation, and the places where the target speaks.

A script is a list of texts and of `ASK` (the target goes on with what the user says, at temperature 1) and `ANSWER` (the
target answers, at the script's temperature). No prompt of Spec-Bench is among them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from corpora import passage

# No token ids: those of the target end below 49,152.
ASK, ANSWER = 65000, 65001
Part = str | int

HEAD = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\n"
)
TURN = "\n<|im_start|>user\n"
# Behind the <|im_end|> that the target itself says, and with it.
REPLY = "\n<|im_start|>assistant\n"
TAIL = "<|im_end|>" + REPLY

TEMPERATURES = [0, 0, 0, 0.4, 0.7, 0.7, 1, 1]
# Openings of what users say; the target goes on by itself. Six of them are empty.
OPENINGS = [""] * 6 + (
    "Write|Write a short story about|Write an email to|Write a poem about|Write a paragraph on|Write a Python function|"
    "Write a program|Write a blog post|Draft|Compose|Explain|Explain how|Explain the difference between|Explain why|"
    "What is|What are|What does|What would happen if|What was|How do|How can I|How does|How many|How long|How would you|"
    "Why|Why do|Who|Who was|Who wrote|Who plays|When did|When was|Where is|Where was|Where did|Which|Can you|"
    "Could you please|I need|I want to|I'm trying to|I have|My|Help me|Give me|List|Describe|Compare|"
    "Rewrite the following sentence|Correct the grammar of|Answer this question in one sentence:|Solve|A train|"
    "A farmer has|A store|If|Calculate|Find the|Find all|Create a plan|Design|Imagine|Imagine you are|Pretend to be|"
    "You are|Suggest|Classify|Is it true that|Tell me about|The|In|Sally has|Tom bought|John is|Mary and|There are|"
    "A group of|Each|Evaluate|Analyze|Discuss|Extract|Given the following|Name|Define|Prove that|Consider|Implement|"
    "Debug|What's|Do you|Should I|Provide|Outline|Identify|In what year|How much|On average|Translate|"
    "Translate to English:|Who sang|What type of|Where does"
).split("|")
SUMS = (
    "Sally has|Tom bought|A farmer has|John earns|There are 24 students|A train travels|Mary baked|A store sells|"
    "Each box|If 5 workers|James runs|Lisa has twice|A recipe needs|The price of|Ben saves|In a garden|A bakery|"
    "Emma reads|A tank holds|Mark is"
).split("|")
QUESTIONS = (
    "Who|Who was the|Who wrote|Who plays|Who sings|When did|When was|Where is|Where was|Where did|What is the|What year|"
    "How many|Which|What is the name of|When does|Who won the|What does|In which|How long"
).split("|")
SUMMARIES = [
    "Summarize: {}",
    "Summarize the following text: {}",
    "Summarize this article.\n\n{}",
    "{}\n\nSummarize the text above.",
    "What are the main points of this text?\n\n{}",
    "TL;DR of this, please:\n{}",
    "Give a summary in three sentences.\n{}",
    "Rewrite this passage in simpler words: {}",
    "Shorten this: {}",
]
FROM_GERMAN = [
    "Translate German to English: {}",
    "Translate to English: {}",
    "Translate the following German sentence into English: {}",
    "What does this mean in English? {}",
]
OF_ENGLISH = [
    "Translate English to German: {}",
    "Translate this into French: {}",
    "Translate into Spanish: {}",
    "Paraphrase: {}",
    "Correct the grammar: {}",
    "Rewrite this formally: {}",
    "Who says this, and why? {}",
]


@dataclass(frozen=True)
class Texts:
    """What people wrote: texts as lists of sentences, and single sentences."""

    brown: list[list[str]]
    english: list[str]
    german: list[str]


def scripts(rng: random.Random, texts: Texts, share: float = 1) -> Iterator[list[Part]]:
    """All scripts, in the order of their kinds; `share` of the 39,700 that the shipped draft learnt from."""

    def times(count: int) -> range:
        return range(round(count * share))

    def asked(opening: str) -> list[Part]:
        return [opening, ASK, REPLY, ANSWER]

    def told(template: str, text: str) -> list[Part]:
        return [HEAD + template.format(text) + TAIL, ANSWER]

    for _ in times(14_000):  # Conversations; one in four has a second turn.
        script = asked(HEAD + rng.choice(OPENINGS))
        if rng.randrange(4) == 0:
            script += asked(TURN + rng.choice(OPENINGS))
        yield script
    for _ in times(3_500):
        yield asked(HEAD + rng.choice(SUMS))
    for _ in times(3_500):
        yield asked(HEAD + rng.choice(QUESTIONS))
    for _ in times(6_500):
        yield told(rng.choice(SUMMARIES), passage(rng, texts.brown, 80, 620))
    for _ in times(5_500):
        yield asked(HEAD + passage(rng, texts.brown, 60, 560) + "\n" + rng.choice(QUESTIONS))
    for _ in times(700):
        context = passage(rng, texts.brown, 60, 400)
        yield asked(f"{HEAD}Context: {context}\n\nQuestion: {rng.choice(QUESTIONS)}")
    for _ in times(3_500):
        yield told(rng.choice(FROM_GERMAN), rng.choice(texts.german))
    for _ in times(2_500):
        yield told(rng.choice(OF_ENGLISH), rng.choice(texts.english))
