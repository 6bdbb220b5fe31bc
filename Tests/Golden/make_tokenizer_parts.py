#!/usr/bin/env python3
"""Writes tokenizers/parts.json: small tokenizers whose parts are drawn at random, with the ids that the `tokenizers`
library gives some texts. Needs: pip install tokenizers."""
import json, pathlib, random
from tokenizers import Tokenizer

draw = random.Random(8)


def letters():
    """GPT-2's letter for each byte."""
    out, extra = [], 0
    for byte in range(256):
        shown = 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174
        out.append(chr(byte) if shown else chr(256 + extra))
        extra += not shown
    return out


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
PAIRS = ["ab", "12", "23", "aa", "Ġa", "bc", "ĠĠ", "34", "cĠ", "ĊĊ", "ĠĊ", "!!", "ba"]
vocab = {letter: byte for byte, letter in enumerate(letters())} | {pair: 256 + i for i, pair in enumerate(PAIRS)}
END = {"id": len(vocab), "content": "<e>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
       "special": True}
BPE = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
       "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
BASE = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [END], "normalizer": None,
        "pre_tokenizer": BYTES, "post_processor": None, "decoder": BYTES,
        "model": BPE | {"vocab": vocab, "merges": [list(pair) for pair in PAIRS]}}

ATOMS = ["", "(?:|a)", "(?i:[^A])", r"(?i:\p{Lu})", "[a[^b]]", "[^a-c&&[^b]]", "[a-c-e]", "[a&&]", "[[:punct:]]", r"[\w-]",
         "(?m:.)", "(?x: a b # c\n )", "(?#x)", "(?<=a*)", "(?<!a{1,2})", "(?<=a(?:b|cc))", "(?<=^)", r"\x{e9}", r"\101",
         r"\W", "ß", "a", "b", "c", ".", r"\s", r"\d", "[ab]", "[^a]", r"\w", r"\n", " ", "!", "^", "$", r"\b", r"\p{L}", r"\p{N}",
         "(?:ab|c)", "(?=b)", "(?!b)", "(?<=a)", "(?<!a)", "(?<=ab|c)", "[a-c&&[^b]]", "(a)", "[[:alpha:]]", r"\A", r"\z",
         r"\Z", "(?i:A)", r"\h", "(?>a+)", r"\S", r"\R", "(?<n>b)"]
ANCHORS = {"^", "$", r"\b", r"\A", r"\z", r"\Z"}
REPEATS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "*?", "+?", "??", "*+", "++", "?+", "{2}+",
           "{1,2}?", "{2}?", "{3,1}", "{,2}?", "**", "+*", "*??", "{0}"]


def pattern(depth=0):
    parts = []
    for _ in range(draw.randint(1, 3)):
        atom = draw.choice(ATOMS)
        if depth < 2 and draw.random() < 0.25:
            atom = "(?:" + pattern(depth + 1) + ")"
        looks = atom in ANCHORS or atom.startswith(("(?=", "(?!", "(?<=", "(?<!"))
        parts.append(atom + ("" if looks else draw.choice(REPEATS)))
    more = depth < 2 and draw.random() < 0.25
    return "".join(parts) + ("|" + pattern(depth + 1) if more else "")


def wanted(regex=0.85):
    return {"Regex": pattern()} if draw.random() < regex else {"String": draw.choice(["a", " ", "ab", ""])}


def coin(probability=0.5): return draw.random() < probability


def behavior():
    return draw.choice(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"])


def normalizer():
    return {"type": "Sequence", "normalizers": [draw.choice([
        {"type": "NFC"}, {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "ByteLevel"},
        {"type": "Strip", "strip_left": coin(), "strip_right": coin()},
        {"type": "Prepend", "prepend": draw.choice(["a", " "])},
        {"type": "Replace", "pattern": wanted(0.5), "content": draw.choice(["", "x", " a"])},
        {"type": "BertNormalizer", "clean_text": coin(), "handle_chinese_chars": coin(),
         "strip_accents": draw.choice([None, True]), "lowercase": coin()}]) for _ in range(draw.randint(0, 2))]}


def pre_tokenizer():
    first = draw.choice([
        {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"},
        {"type": "Digits", "individual_digits": coin()}, {"type": "Punctuation", "behavior": behavior()},
        {"type": "CharDelimiterSplit", "delimiter": "a"},
        {"type": "Split", "pattern": wanted(0.5), "behavior": behavior(), "invert": coin()}])
    second = {"type": "Metaspace", "replacement": "a", "prepend_scheme": draw.choice(["always", "first", "never"]),
              "split": coin()}
    last = BYTES | {"add_prefix_space": coin(), "use_regex": coin()}
    return {"type": "Sequence", "pretokenizers": draw.sample([first, second, last], draw.randint(1, 3))}


def decoder():
    steps = [{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": "a", "start": 1, "stop": 1},
             {"type": "WordPiece", "prefix": "a", "cleanup": coin()},
             {"type": "Replace", "pattern": wanted(0.5), "content": "x"},
             {"type": "Metaspace", "replacement": "a", "prepend_scheme": draw.choice(["always", "never"]), "split": True}]
    return {"type": "Sequence", "decoders": draw.sample(steps, draw.randint(1, 3))} if coin(0.7) else None


def added(start):
    contents = draw.sample(["<e>", "A", "é", "b c", " 1", "!", "\n", "bb"], draw.randint(0, 3))
    contents = [content for content in contents if start < 256 or content not in vocab]
    return [{"id": start + i, "content": content, "single_word": coin(0.3), "lstrip": coin(0.3), "rstrip": coin(0.3),
             "normalized": coin(), "special": coin()} for i, content in enumerate(contents)]


def post_processor():
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "s", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                "special_tokens": {"s": {"id": "s", "ids": [1, 2], "tokens": ["s", "t"]}}}
    return draw.choice([None, BYTES, template, {"type": "BertProcessing", "sep": ["b", 2], "cls": ["a", 1]},
                        {"type": "Sequence", "processors": [BYTES, template]}])


def parts():
    kind = draw.random()
    if kind < 0.6:
        split = {"type": "Split", "pattern": wanted(), "behavior": behavior(), "invert": coin(0.4)}
        return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, BYTES]}}
    if kind < 0.8:
        return {"normalizer": {"type": "Replace", "pattern": wanted(), "content": draw.choice(["", "x", "a ", "\n"])}}
    if kind < 0.88:
        return {"normalizer": normalizer(), "pre_tokenizer": pre_tokenizer(), "added_tokens": added(len(vocab)),
                "post_processor": post_processor()}
    pieces = {"<unk>": 0, "a": 1, "b": 2, "<0x0A>": 3, "<0xC3>": 4, "<0xA9>": 5, " ": 6, "ab": 7}
    model = BPE | {"unk_token": draw.choice(["<unk>", None]), "fuse_unk": coin(), "byte_fallback": coin(0.7),
                   "vocab": pieces, "merges": [["a", "b"]]}
    if coin(0.4):
        model = {"type": "Unigram", "unk_id": 0, "byte_fallback": coin(0.7),
                 "vocab": [[piece, -1.0 - id / 10] for piece, id in pieces.items()]}
    if coin(0.2):
        model = {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": draw.choice(["", "a", " "]),
                 "max_input_chars_per_word": draw.choice([3, 100]), "vocab": pieces}
    return {"added_tokens": added(len(pieces)) if coin(0.3) else [], "decoder": decoder(), "model": model,
            "pre_tokenizer": pre_tokenizer() if coin(0.4) else None, "normalizer": normalizer() if coin(0.3) else None}


def text():
    return "".join(draw.choice(list("aaabbc  12 34!\n\n") + ["é", "  ", "ab", "\r\n", "<e>", "A", "ß", "²", "中"])
                   for _ in range(draw.randint(0, 14)))


cases = []
while len(cases) < 420:
    chosen = parts()
    try:
        tokenizer = Tokenizer.from_str(json.dumps(BASE | chosen))
        rows = []
        for sample in [text() for _ in range(2)]:
            ids = tokenizer.encode(sample).ids
            # What added tokens are decoded to depends on the library's version.
            decodes = "decoder" in chosen and not chosen["added_tokens"]
            rows.append([sample, ids] + ([tokenizer.decode(ids, skip_special_tokens=False)] if decodes else []))
    except BaseException:  # patterns that the library refuses, or that make it panic
        continue
    cases.append({"parts": chosen, "texts": rows})
path = pathlib.Path(__file__).parent / "tokenizers" / "parts.json"
path.write_text(json.dumps({"base": BASE, "cases": cases}, ensure_ascii=True).replace('{"parts"', '\n{"parts"') + "\n")
