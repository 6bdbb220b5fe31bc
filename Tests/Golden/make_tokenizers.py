"""Trains a small tokenizer of every family with the `tokenizers` library and writes, into tokenizers/, the strings that
are compared, and for each family a checksum of every string's ids and of their decoding.

Run: python3 -m venv venv && venv/bin/pip install tokenizers sentencepiece && venv/bin/python make_tokenizers.py [MINILM]
MINILM is the folder of all-MiniLM-L6-v2 (Scripts/minilm fetches it), whose own tokenizer is compared too.
"""
import base64
import json
import pathlib
import random
import struct
import sys
import tempfile
import unicodedata
import zlib

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).parent / "tokenizers"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace("{1,3}", "")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
FOREIGN = [
    "今日は良い天気ですね。東京都に行きましょう。", "我们明天去北京看长城，好吗？", "안녕하세요, 반갑습니다. 오늘 날씨가 좋네요.",
    "السلام عليكم ورحمة الله وبركاته، كيف حالك؟", "שלום עולם, מה שלומך היום?", "Привет, мир! Как дела?",
    "Ça va très bien, merci – à bientôt!", "Größe, Straße, ÄÖÜ, ẞ", "Việt Nam đất nước mến yêu", "Ελληνική γλώσσα: καλημέρα",
    "नमस्ते दुनिया, आप कैसे हैं?", "สวัสดีชาวโลก", "İstanbul'da güzel bir gün", "ﬁne ﬂour ½ ² ™ №", "ｆｕｌｌ　ｗｉｄｔｈ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒽𝑒𝓁𝓁𝑜",
]
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "1️⃣", "😀", "❤️", "🧑🏿‍🚀", "☺", "🤷‍♀️"]
SPECIAL = ["<|endoftext|>", "<|begin_of_text|>", "<s>", "</s>", "[CLS]", "[MASK]", "<unk>", "<pad>", "<|im_start|>"]


def english():
    files = sorted(pathlib.Path("/usr/share/games/fortunes").glob("*"))
    texts = [f.read_text(errors="replace") for f in files if f.is_file() and "." not in f.name]
    return [line for text in texts for line in text.split("\n") if line.strip() and line != "%"]


def strings(lines):
    r = random.Random(20240611)

    def scalar(low, high):
        while True:
            c = r.randrange(low, high)
            if not 0xD800 <= c < 0xE000:
                return chr(c)

    def base(text):
        return "".join(c + chr(r.randrange(0x300, 0x36F)) * r.randrange(0, 3) for c in text)

    kinds = [
        lambda: r.choice(lines), lambda: r.choice(lines)[r.randrange(0, 9):][:r.randrange(1, 40)],
        lambda: " ".join(r.choice(lines).split()[:4]) + r.choice(["", " ", "  ", "\n", "\n\n ", "\t"]),
        lambda: r.choice(FOREIGN)[r.randrange(0, 6):], lambda: r.choice(FOREIGN) + r.choice(EMOJI) + r.choice(lines)[:20],
        lambda: "".join(r.choice(EMOJI) for _ in range(r.randrange(1, 6))),
        lambda: base(r.choice(lines)[:12]), lambda: base(r.choice(FOREIGN)[:8]),
        lambda: unicodedata.normalize(r.choice(["NFC", "NFD", "NFKC", "NFKD"]), r.choice(FOREIGN)),
        lambda: "".join(scalar(0x10000 * p, 0x10000 * (p + 1)) for p in r.sample(range(17), 4)),
        lambda: "".join(scalar(0, 0x3000) for _ in range(r.randrange(1, 8))),
        lambda: "".join(scalar(0x3000, 0x20000) for _ in range(r.randrange(1, 8))),
        lambda: "".join(scalar(0x20000, 0x110000) for _ in range(r.randrange(1, 4))),
        lambda: "a" + "".join(chr(r.randrange(0, 0xA1)) for _ in range(r.randrange(1, 9))) + "b",
        lambda: r.choice(["x", ""]) + "".join(r.choice(" \n\t\r\u00a0\u3000\u2028") for _ in range(r.randrange(1, 12))) + "y",
        lambda: str(r.randrange(10 ** r.randrange(1, 14))) + r.choice([" ", ",", "."]) + "٣٤२௫Ⅷ½"[r.randrange(0, 6):],
        lambda: r.choice(["I", "WE", "they", "it"]) + r.choice(["'s", "'S", "'LL", "'ll", "'ve", "'Re", "’s", "'ſ", "'d", "'T"])
        + r.choice(["", " x", "a"]),
        lambda: r.choice(lines)[:9] + r.choice([" ", ""]) + r.choice(SPECIAL) + r.choice([" ", "", "  "]) + r.choice(lines)[:9],
        lambda: r.randbytes(r.randrange(1, 16)).decode("utf-8", errors="replace"),
        lambda: "".join(r.choice("=-_*/\\{}()[];:'\"!?.,<>@#$%^&+~`|") for _ in range(r.randrange(1, 12))),
        lambda: r.choice(lines)[:7].upper() + r.choice(lines)[:7].title() + r.choice(lines)[:5],
        lambda: r.choice("abç▁Ġ#") * r.randrange(1, 130),
    ]
    made = dict.fromkeys(["", " ", "\n", "'", "a", "▁", "  a"])
    while len(made) < 20000:
        made[r.choice(kinds)()] = None
    return list(made)


def byte_level(pattern, normalizer=None, special="<|endoftext|>", size=1500, **options):
    t = Tokenizer(models.BPE(**options))
    if normalizer:
        t.normalizer = normalizer
    if pattern == GPT2:
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        t.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    train = trainers.BpeTrainer(vocab_size=size, special_tokens=[special], show_progress=False,
                                initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    return t, train


def llama2(t):
    """SentencePiece's BPE with bytes, as transformers converts it."""
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])


def families(lines):
    text = [l for l in lines[::3]] + FOREIGN * 20
    out = {}
    t, train = byte_level(GPT2)
    t.train_from_iterator(text, train)
    out["gpt2"] = t
    t, train = byte_level(LLAMA3, special="<|begin_of_text|>", ignore_merges=True)
    t.train_from_iterator(text, train)
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)])])
    out["llama3"] = t
    t, train = byte_level(QWEN, normalizers.NFC())
    t.train_from_iterator(text, train)
    t.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    t.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("the the", normalized=True, single_word=True)])
    out["qwen"] = t
    t, train = byte_level(O200K)
    t.train_from_iterator(text, train)
    out["o200k"] = t

    # BPE with bytes: trained by the library on words, spaces written as SentencePiece writes them.
    base = ["<unk>", "<s>", "</s>"]
    trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=1500, special_tokens=base + [f"<0x{b:02X}>" for b in range(256)], show_progress=False, limit_alphabet=200))
    spec = json.loads(trained.to_str())
    spec["added_tokens"] = [a for a in spec["added_tokens"] if a["content"] in base]
    t = Tokenizer.from_str(json.dumps(spec | {"pre_tokenizer": None}))
    llama2(t)
    out["llama2"] = t
    t = Tokenizer.from_str(json.dumps(spec))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    out["mistral"] = t

    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(text, trainers.WordPieceTrainer(
        vocab_size=1500, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    out["bert"] = t
    t = Tokenizer.from_str(t.to_str())
    t.normalizer = normalizers.BertNormalizer(lowercase=False)
    out["bert-cased"] = t

    # SentencePiece's unigram model with its table of replacements, as T5 and XLM-R have it.
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "text").write_text("\n".join(text))
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=1500, model_type="unigram",
            normalization_rule_name="nmt_nfkc", minloglevel=2, num_threads=1)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString((pathlib.Path(folder) / "m.model").read_bytes())
    pieces = [(p.piece, p.score) for p in proto.pieces]
    charsmap = proto.normalizer_spec.precompiled_charsmap
    t = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap)])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.decoder = decoders.Metaspace()
    t.add_special_tokens(["</s>", AddedToken("<mask>", lstrip=True, normalized=False)])
    end = t.token_to_id("</s>")
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    out["t5"] = t
    t = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    t.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap), normalizers.Strip(False, True), normalizers.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    t.decoder = decoders.Metaspace()
    out["unigram"] = t
    return out


def checksum(items):
    return zlib.crc32(items)


def golden(tokenizer, texts):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    out = b""
    for text in texts:
        ids = tokenizer.encode(text).ids
        decoded = tokenizer.decode(ids).encode("utf-8")
        out += struct.pack("<II", checksum(struct.pack(f"<{len(ids)}i", *ids)), checksum(decoded))
    return out


def trained(texts):
    """The merges of a byte-level BPE of 700 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<|endoftext|>"], min_frequency=2,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]["merges"]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    lines = english()
    texts = strings(lines)
    (FOLDER / "strings.json").write_text(json.dumps(texts, ensure_ascii=True, indent=0))
    for name, tokenizer in families(lines).items():
        (FOLDER / f"{name}.json").write_text(tokenizer.to_str())
        (FOLDER / f"{name}.sums").write_bytes(golden(tokenizer, texts))
    (FOLDER / "trained.json").write_text(json.dumps(trained(texts[:2000])) + "\n")
    if len(sys.argv) > 1:
        real = Tokenizer.from_file(f"{sys.argv[1]}/tokenizer.json")
        (FOLDER / "minilm.sums").write_bytes(golden(real, texts))
