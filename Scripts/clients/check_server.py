# Clients of OpenAI's API against `retort serve`, on this machine: check_server.py RETORT [PICTURE-FOLDER]
import asyncio, base64, hashlib, http.client, json, os, pathlib, random, re, shutil, signal, socket, struct, subprocess, sys, tempfile, threading, time
import warnings

warnings.filterwarnings("ignore")
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", NO_PROXY="*")

import openai
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

retort = sys.argv[1]
pictures = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
work = pathlib.Path(tempfile.mkdtemp(prefix="retort-clients-"))
# Long tests are told to be short while one works on them.
rounds = int(os.environ.get("RETORT_SERVER_ROUNDS", "10000"))
faults, passed = [], 0


def check(condition, what):
    global passed
    if condition:
        passed += 1
    else:
        faults.append(what)
        print(f"fault: {what}", file=sys.stderr)


def section(name):
    print(f"- {name}", file=sys.stderr)


def run(*arguments, **kwargs):
    done = subprocess.run([retort, *map(str, arguments)], capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


class Server:
    """A server on a free port, ended with the block."""

    def __init__(self, *arguments, key=None):
        environment = dict(os.environ, **({"RETORT_SERVE_KEY": key} if key else {}))
        self.process = subprocess.Popen(
            [retort, "serve", "--port", "0", *map(str, arguments)], stderr=subprocess.PIPE, text=True, env=environment)
        for line in self.process.stderr:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
            if found:
                self.port = int(found[1])
                break
        else:
            raise SystemExit(f"the server did not start: {arguments}")
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def client(self, **kwargs):
        return openai.OpenAI(base_url=self.url, api_key=kwargs.pop("api_key", "none"), **{"max_retries": 0, **kwargs})

    def post(self, path, body, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, body if isinstance(body, (bytes, str)) else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text, answer

    def health(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/health")
        return json.loads(connection.getresponse().read())

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            check(self.process.wait(20) in (0, -15, 143), "the server ends when it is told to")
        except subprocess.TimeoutExpired:
            self.process.kill()
            check(False, "the server ends when it is told to")


# MARK: Models

section("models")
words = "the cat dog bird sat lay stood on under near a mat tree house and then it ran away".split()
random.seed(1)
text = "\n%\n".join(" ".join(random.choice(words) for _ in range(random.randint(4, 14))) + "." for _ in range(600))
(work / "text").write_text(text)
run("tokenizer", "train", "--data", work / "text", "--size", 300, "--output", work / "tokenizer")
sizes = [f"--set=model.{key}" for key in ("layers=2", "width=48", "heads=4", "key_value_heads=2", "mlp_width=96")]
for name in ("first", "second"):
    run("train", "--run", work / name, "--set", f"data.files=[{work / 'text'}]", "--set", f"data.tokenizer={work / 'tokenizer'}",
        "--set", "data.sequence_length=64", "--set", "training.batch_size=16", "--set", "model.steps=200", "--set",
        f"seed={1 if name == 'first' else 2}", *sizes, "--quiet")
    config = work / name / "model/tokenizer_config.json"
    settings = json.loads(config.read_text()) if config.exists() else {}
    settings["chat_template"] = "{% for m in messages %}{{ m.content }} {% endfor %}"
    config.write_text(json.dumps(settings))
first, second = work / "first/model", work / "second/model"

section("bill of materials")
run("export", "--model", first, "--output", work / "exported", "--precision", "bf16")
for folder in (first, work / "exported"):
    bill = (folder / "model.cdx.json").read_text()
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill)
    check(fault is None, f"{folder.name} has a bill of materials after CycloneDX 1.6: {fault}")
    hashes = {part["name"]: part["hashes"][0]["content"] for part in json.loads(bill)["components"] if part["type"] == "file"}
    check("model.safetensors" in hashes, "weights are in the bill")
    for name, value in hashes.items():
        # The template was put into one file after the run had written it.
        if name != "tokenizer_config.json":
            check(hashlib.sha256((folder / name).read_bytes()).hexdigest() == value, f"the hash of {name}")

prompts = ["the cat", "a bird", "it ran", "under the", "near a tree", "dog", "then it stood", "the house and"]
say = lambda text: [{"role": "user", "content": text}]

with Server("--model", first, "--slots", 8) as server:
    client = server.client()

    section("openai")
    models = client.models.list().data
    check([model.id for model in models] == ["first"], "/v1/models names the folder")
    check(client.models.retrieve("first").owned_by == "retort", "/v1/models/{id}")
    answer = client.chat.completions.create(model="first", messages=say("the cat"), max_tokens=12, temperature=0)
    check(answer.choices[0].message.content.strip() and answer.usage.completion_tokens <= 12, "a conversation is answered")
    check(answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, "usage adds up")
    check(answer.choices[0].finish_reason in ("stop", "length") and answer.system_fingerprint.startswith("fp_"), "end and fingerprint")
    parts = list(client.chat.completions.create(
        model="first", messages=say("the cat"), max_tokens=12, temperature=0, stream=True, stream_options={"include_usage": True}))
    check(parts[0].choices[0].delta.role == "assistant" and parts[-1].choices == [] and parts[-1].usage == answer.usage, "a stream")
    check("".join(p.choices[0].delta.content or "" for p in parts if p.choices) == answer.choices[0].message.content,
          "a stream says what the whole answer says")
    again = client.chat.completions.create(
        model="first", messages=say("the cat"), max_tokens=12, temperature=1, seed=5, logprobs=True, top_logprobs=3, n=3)
    check(len(again.choices) == 3 and len({c.message.content for c in again.choices}) > 1, "n answers differ")
    tokens = again.choices[0].logprobs.content
    check(b"".join(bytes(t.bytes) for t in tokens).decode() == again.choices[0].message.content, "bytes of tokens spell the answer")
    check(all(len(t.top_logprobs) == 3 and t.logprob <= 0 for t in tokens), "alternatives")
    stopped = client.completions.create(model="first", prompt="the cat", max_tokens=40, temperature=0, stop=["."])
    check("." not in stopped.choices[0].text and stopped.choices[0].finish_reason == "stop", "a stop string")
    echo = client.completions.create(model="first", prompt=["the cat", "a bird"], max_tokens=0, echo=True, logprobs=2)
    check([c.text for c in echo.choices] == ["the cat", "a bird"] and echo.choices[1].logprobs.token_logprobs[0] is None, "echo")
    for error, status, arguments in [
        (openai.BadRequestError, 400, dict(tools=[{"type": "function", "function": {"name": "f"}}])),
        (openai.BadRequestError, 400, dict(logit_bias={"5": 10})), (openai.BadRequestError, 400, dict(temperature=9)),
        (openai.BadRequestError, 400, dict(response_format={"type": "json_object"})),
        (openai.NotFoundError, 404, dict(model="third")), (openai.BadRequestError, 400, dict(max_tokens=10**6)),
    ]:
        try:
            client.chat.completions.create(**{"model": "first", "messages": say("x"), **arguments})
            check(False, f"{arguments} is refused")
        except error as fault:
            check(fault.status_code == status and fault.body["message"] and fault.body["type"], f"{arguments} is refused in form")
    try:
        client.embeddings.create(model="first", input="x")
        check(False, "a language model has no embeddings")
    except openai.BadRequestError:
        check(True, "")

    section("eight at once")
    alone = [client.completions.create(model="first", prompt=p, max_tokens=24, temperature=0).choices[0].text for p in prompts]

    async def together(url, retries, prompts, **arguments):
        client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=retries)
        asked = [client.completions.create(model="first", prompt=p, **arguments) for p in prompts]
        return [answer.choices[0].text for answer in await asyncio.gather(*asked)]

    check(asyncio.run(together(server.url, 0, prompts, max_tokens=24, temperature=0)) == alone, "eight get what each gets alone")
    with Server("--model", first, "--slots", 1) as single:
        one = [single.client().completions.create(model="first", prompt=p, max_tokens=24, temperature=0).choices[0].text for p in prompts]
        check(one == alone, "one slot gives the same texts")
        seeded = [single.client().completions.create(model="first", prompt=p, max_tokens=24, seed=3).choices[0].text for p in prompts * 2]
        check(seeded[:8] == seeded[8:], "the same seed, fingerprint and one slot give the same answer")
        many = asyncio.run(together(single.url, 8, prompts * 12, max_tokens=24, temperature=0))
        check(many == alone * 12, "96 clients of one slot are answered, those that met 503 after another try")

    section("langchain-openai")
    chat = ChatOpenAI(base_url=server.url, api_key="none", model="first", temperature=0, max_tokens=12)
    check(chat.invoke("the cat").content == answer.choices[0].message.content, "invoke")
    check("".join(part.content for part in chat.stream("the cat")) == answer.choices[0].message.content, "stream")

    section("curl")
    body = json.dumps({"model": "first", "prompt": "the cat", "max_tokens": 5, "stream": True, "temperature": 0})
    lines = subprocess.run(["curl", "-sN", f"{server.url}/completions", "-d", body], capture_output=True, text=True).stdout.split("\n\n")
    check(lines[-2] == "data: [DONE]" and all(l.startswith("data: {") for l in lines[:-2]), "an event stream")
    named = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: evil.example", f"{server.url}/models"],
                           capture_output=True, text=True).stdout
    check(named == "403", "a name that leads here is refused")
    page = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Origin: https://evil.example", f"{server.url}/models"],
                          capture_output=True, text=True).stdout
    check(page == "403", "pages of others are refused")

    section("HTTP")
    both = socket.create_connection(("127.0.0.1", server.port))
    both.sendall(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(0.2)
    both.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(0.2)
    heads, tail = both.recv(65536).split(b"\r\n\r\n", 1)
    check(tail.startswith(b"HTTP/1.1 200") and tail.count(b'"status"') == 1, "HEAD has no body")
    both.close()

    section("lm_eval")
    pairs = [("the cat sat", " on the mat"), ("a bird ran", " away and then"), ("it stood", " near a tree under"), ("dog", " dog dog")]
    end = json.loads((first / "tokenizer_config.json").read_text()).get("eos_token", "")
    (work / "pairs.jsonl").write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in pairs))
    (work / "task").mkdir()
    (work / "task/docs.jsonl").write_text("".join(json.dumps({"context": p, "target": c + end}) + "\n" for p, c in pairs))
    (work / "task/toy.yaml").write_text(
        "task: toy\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: " + str(work / "task/docs.jsonl")
        + "\ntest_split: test\noutput_type: loglikelihood\ndoc_to_text: '{{context}}'\ndoc_to_target: '{{target}}'\ntarget_delimiter: ''\n"
        + "metric_list:\n  - metric: acc\n")
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager
    found = simple_evaluate(
        model="local-completions",
        model_args=dict(model="first", base_url=f"{server.url}/completions", tokenizer=str(first), tokenizer_backend="huggingface",
                        num_concurrent=1, max_length=128),
        tasks=["toy"], task_manager=TaskManager(include_path=str(work / "task"), include_defaults=False), bootstrap_iters=0)
    theirs = sum(sample["filtered_resps"][0][0] for sample in found["samples"]["toy"])
    ours = json.loads(run("evaluate", "--model", first, "--data", work / "pairs.jsonl", "--json"))
    print(f"  lm_eval {theirs:.6f}, retort evaluate {-ours['nats_per_token'] * ours['tokens']:.6f}", file=sys.stderr)
    check(abs(theirs + ours["nats_per_token"] * ours["tokens"]) < 1e-4, "log-likelihoods are those of retort evaluate")

    section("clients that go away")
    for streams in (True, False):
        body = json.dumps({"model": "first", "prompt": "the", "max_tokens": 100, "stop": ["\0"], "stream": streams, "n": 8}).encode()
        opened = []
        for _ in range(4):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            opened.append(connection)
        time.sleep(0.02)
        for connection in opened:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        deadline = time.time() + 10
        while time.time() < deadline and server.health()["active"] + server.health()["queued"] > 0:
            time.sleep(0.05)
        check(server.health()["active"] == 0 and server.health()["queued"] == 0, f"whoever goes frees the slots (stream {streams})")

    section(f"{rounds} requests")
    def many(count, make, seen):
        def work_on(number):
            for index in range(number, count, 8):
                seen.append(make(index))
        threads = [threading.Thread(target=work_on, args=(number,)) for number in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]

    short = lambda index: server.post("/v1/completions", {"model": "first", "prompt": prompts[index % 8], "max_tokens": 2, "seed": index})[0]
    warm = []
    many(rounds // 5, short, warm)
    before = server.memory()
    many(rounds - rounds // 5, short, warm)
    after = server.memory()
    print(f"  {before:.0f} MiB after a fifth, {after:.0f} MiB after all", file=sys.stderr)
    check(set(warm) == {200} and len(warm) == rounds, f"all are answered: {set(warm)}")
    check(after - before < max(16, before * 0.05), f"memory grows from {before:.0f} to {after:.0f} MiB")

    section(f"{rounds} malformed bodies")
    good = json.dumps({"model": "first", "messages": say("the cat"), "max_tokens": 2, "temperature": 0.5, "stop": ["a"], "n": 1,
                       "logprobs": True, "top_logprobs": 2, "stream_options": None, "seed": 4}).encode()
    values = [b"null", b"-1", b"1e999", b"[]", b"{}", b'"\\ud800"', b"true", b"99999999999999999999", b'""', b"[[[]]]", b"0.5"]

    def broken(index):
        chance = random.Random(index)
        body = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            kind = chance.randint(0, 4)
            place = chance.randrange(len(body)) if body else 0
            if kind == 0:
                body[place:place + 1] = bytes([chance.randrange(256)])
            elif kind == 1:
                del body[place:place + chance.randint(1, 30)]
            elif kind == 2:
                body[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
            elif kind == 3:
                found = list(re.finditer(rb": ([^,}]+)", body))
                if found:
                    match = chance.choice(found)
                    body[match.start(1):match.end(1)] = chance.choice(values)
            else:
                body = body[:place]
        path = chance.choice(["/v1/chat/completions", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
        try:
            status, text, _ = server.post(path, bytes(body))
        except Exception as error:
            return f"{type(error).__name__} {bytes(body)!r}"
        if status != 200 and "message" not in json.loads(text)["error"]:
            return "no error object"
        return status

    seen = []
    many(rounds, broken, seen)
    check(set(seen) <= {200, 400, 404}, f"statuses {set(seen)}")
    check(len(seen) == rounds and seen.count(400) > rounds // 2, "most are refused")
    check(server.post("/v1/completions", b"x" * (1 << 21))[0] == 413, "a body that is too large")
    check(server.client().models.list().data[0].id == "first", "the server is still there")

section("a key")
with Server("--model", first, "--allow-origin", "https://app.example", key="k" * 40) as server:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("OPTIONS", "/v1/completions", headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"})
    answer = connection.getresponse()
    check(answer.status == 204 and answer.getheader("Access-Control-Allow-Origin") == "https://app.example", "a preflight needs no key")
    status, _, answer = server.post("/v1/completions", {}, {"Origin": "https://app.example"})
    check(status == 401 and answer.getheader("Access-Control-Allow-Origin") and answer.getheader("WWW-Authenticate"), "a page reads why")
with Server("--model", first, key="k" * 40) as server:
    for key, fine in [("k" * 40, True), ("k" * 39, False), ("none", False)]:
        try:
            server.client(api_key=key).models.list()
            check(fine, "a wrong key is refused")
        except openai.AuthenticationError as fault:
            check(not fine and fault.code == "invalid_api_key", "the right key is taken")
    check(server.health()["status"] == "ok", "/health needs none")
refused = subprocess.run([retort, "serve", "--model", str(first), "--host", "0.0.0.0", "--port", "0"], capture_output=True, text=True)
check(refused.returncode == 1 and "RETORT_SERVE_KEY" in refused.stderr, "another host needs a key")

encoder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "retort/all-MiniLM-L6-v2"
if encoder.exists():
    section("embeddings")
    sentences = ["A cat sat on the mat.", "Stocks fell on Monday.", "A feline rested on the rug."]
    with Server("--model", encoder) as server:
        name = server.client().models.list().data[0].id
        vectors = [item.embedding for item in server.client().embeddings.create(model=name, input=sentences).data]
        plain = json.loads(server.post("/v1/embeddings", {"model": name, "input": sentences[0]})[1])["data"][0]["embedding"]
        check(max(abs(a - b) for a, b in zip(plain, vectors[0])) < 1e-6 and len(plain) == 384, "base64 and numbers are the same")
        dot = lambda a, b: sum(x * y for x, y in zip(a, b))
        check(dot(vectors[0], vectors[2]) > dot(vectors[0], vectors[1]) + 0.2, "sentences that mean the same are near")
        check(server.post("/v1/embeddings", {"model": name, "input": [[5] * 300]})[0] == 400, "a list of ids that is too long")
        check(server.health()["status"] == "ok", "and the server is still there")
        chain = OpenAIEmbeddings(base_url=server.url, api_key="none", model=name, check_embedding_ctx_length=False)
        check(max(abs(a - b) for a, b in zip(chain.embed_query(sentences[0]), plain)) < 1e-5, "langchain's embeddings")
else:
    print("skipped: embeddings (Scripts/minilm fetches the encoder)", file=sys.stderr)


def until(page, condition):
    """Waits until an expression is true; the page's policy forbids the waiting that the driver brings."""
    deadline = time.time() + 60
    while not page.evaluate(condition):
        if time.time() > deadline:
            raise SystemExit(f"the page does not come to {condition}")
        time.sleep(0.05)


browser = shutil.which("chromium")
if browser:
    section("the page")
    from playwright.sync_api import sync_playwright

    with Server("--model", first, "--model", second) as server, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        elsewhere = []
        for width, scheme in ((1280, "light"), (390, "dark")):
            page = chromium.new_page(viewport={"width": width, "height": 760}, color_scheme=scheme)
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("request", lambda request: elsewhere.append(request.url) if f":{server.port}/" not in request.url and not request.url.startswith("data:") else None)
            page.goto(f"http://127.0.0.1:{server.port}/")
            until(page, "document.getElementById('models').textContent.includes('second')")
            page.fill("#prompt", "the cat <b>sat</b>")
            page.press("#prompt", "Enter")
            until(page, "[...document.querySelectorAll('.note')].filter(n => n.textContent.includes('token')).length == 2")
            page.fill("#prompt", "and then it")
            page.evaluate("document.getElementById('max_tokens').value = 16")
            page.click("#send")
            until(page, "[...document.querySelectorAll('.note')].filter(n => n.textContent).length == 4")
            check(page.locator(".own").first.text_content() == "the cat <b>sat</b>", "a message stands as it was typed")
            check(page.locator(".answer").count() == 4 and page.locator(".answer.failed").count() == 0, "two models answer twice")
            check(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"the page fits {width} pixels")
            check(errors == [], f"errors of the page: {errors}")
            if pictures:
                pictures.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=pictures / f"chat-{width}-{scheme}.png")
            page.select_option("#mode", "text")
            page.evaluate("document.getElementById('max_tokens').value = 96")
            page.fill("#prompt", "the cat")
            page.evaluate("document.getElementById('send').click(); document.getElementById('stop').click()")
            until(page, "document.getElementById('stop').disabled")
            check(page.locator(".turn").last.locator(".note").all_text_contents() == ["Stopped."] * 2, "Stop stops")
            page.click("#clear")
            check(page.locator(".turn").count() == 0, "a new conversation")
            page.close()
        check(elsewhere == [], f"the page asks for {elsewhere}")
        chromium.close()

    # A model without a chat template, beside an encoder where there is one, behind a key.
    bare = shutil.copytree(second, work / "bare")
    (bare / "tokenizer_config.json").write_text(json.dumps({key: value for key, value in settings.items() if key != "chat_template"}))
    key = "k" * 40
    both = ["--model", bare] + (["--model", encoder] if encoder.exists() else [])
    with Server(*both, "--context", 48, key=key) as server, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 760})
        page.goto(f"http://127.0.0.1:{server.port}/")
        until(page, "document.getElementById('models').textContent.includes('wants a key')")
        page.fill("#key", "wrong")
        page.press("#key", "Tab")
        until(page, "document.getElementById('models').textContent.includes('wrong')")
        page.fill("#key", key)
        page.press("#key", "Tab")
        until(page, "document.getElementById('models').textContent.includes('bare')")
        check(page.input_value("#mode") == "text", "without a template texts go on")
        page.fill("#prompt", "the cat")
        page.press("#prompt", "Enter")
        until(page, "[...document.querySelectorAll('.note')].filter(n => n.textContent.includes('token')).length == 1")
        check(page.locator(".answer").count() == 1, "an encoder has no column")
        page.fill("#prompt", "the cat sat under the tree and " * 12)
        page.press("#prompt", "Enter")
        until(page, "document.querySelectorAll('.answer.failed').length == 1")
        check("Clear" in page.locator(".answer.failed").text_content(), "the page says what helps")
        if pictures:
            page.screenshot(path=pictures / "chat-key.png")
        chromium.close()
else:
    print("skipped: the page (there is no chromium)", file=sys.stderr)

shutil.rmtree(work, ignore_errors=True)
print(f"check-server: {passed} checks held, {len(faults)} did not" + "".join(f"\n  {fault}" for fault in faults))
sys.exit(1 if faults else 0)
