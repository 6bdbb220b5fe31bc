"""Renders chat templates in the manner of every family with jinja2, as transformers does, into templates.json.

Run: python3 -m venv venv && venv/bin/pip install jinja2 && venv/bin/python make_templates.py
"""
import json
import pathlib

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Written for this test; each has the forms and the constructs of its family's own.
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}{% set system = messages[0]['content'] %}"
    "{% else %}{% set turns = messages %}{% set system = false %}{% endif %}"
    "{% for turn in turns %}{% if (turn['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate!') }}{% endif %}"
    "{% if loop.index0 == 0 and system != false %}"
    "{% set text = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + turn['content'] %}"
    "{% else %}{% set text = turn['content'] %}{% endif %}"
    "{% if turn['role'] == 'user' %}{{ bos_token + '[INST] ' + text.strip() + ' [/INST]' }}"
    "{% elif turn['role'] == 'assistant' %}{{ ' ' + text.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")
MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system = messages[0]["content"] %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set turns = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set users = turns | selectattr("role", "equalto", "user") | list %}

{%- set ns = namespace(index=0) %}
{%- for turn in turns %}
    {%- if not (turn.role == "tool" or (turn.tool_calls is defined and turn.tool_calls is not none)) %}
        {%- if (turn["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("Roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}

{{- bos_token }}
{%- for turn in turns %}
    {%- if turn["role"] == "user" %}
        {%- if tools is not none and (turn == users[-1]) %}
            {{- "[AVAILABLE_TOOLS]" + (tools | tojson) + "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system is defined %}
            {{- "[INST] " + system + "\\n\\n" + turn["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + turn["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif turn["role"] == "assistant" %}
        {{- " " + turn["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
"""
LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The system's message comes first. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today: " + ("2" in date_string and "yes" or "no") + "\\n\\n" }}
{{- system }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- else %}
        {%- for key, value in message.items() %}{{ key }}={{ value | tojson(indent=4) }};{% endfor %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
QWEN3 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "<|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
CONSTRUCTS = r"""{% macro shout(text, mark='!', times=2) %}{{ text|upper }}{{ mark * times }}{% endmacro -%}
{% for message in messages if message.role != 'system' %}
  {% if loop.index > 3 %}{% break %}{% endif %}
  {% if message.content == 'skip' %}{% continue %}{% endif %}
{{ loop.index }}/{{ loop.length }} {{ shout(message.content|capitalize, times=1) }}
  {% else %}
nothing
  {% endfor %}
{% set kept %}<{{ 7 // 2 }},{{ -7 // 2 }},{{ -7 % 3 }},{{ 7 / 2 }},{{ 2 * 3 + 1 }},{{ 1.5 + 1 }}>{% endset %}
{{ kept }} {{ [1, 'two', none, true, 2.5, {'a': 'it''s'}] }} {{ {'b': [1, "x"]} | tojson }}
{{ 'a-b-c'.split('-', 1) | join('+') }} {{ "abc"[::-1] }} {{ 'abc'[-2:] }} {{ [1,2,3,4][1:3] }} {{ (1, 2) | length }}
{{ 'x' if false else 'y' }}{{ 'z' if false }} {{ missing is defined }} {{ missing | default('fallback') }} {{ missing }}
{{ 1 == 1.0 and not 2 < 1 }} {{ 'a' ~ 1 ~ none }} {{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 'é☃' | tojson }} {{ '"\n' | tojson }}
{{ range(3) | list }} {{ range(1, 8, 3) | list }} {{ messages | map(attribute='role') | join(',') }}
{{ "one\ntwo" | indent(2) }} {{ ' pad '|trim }}|{{ 'xxabxx'.strip('x') }} {{ 'a,b'.replace(',', ';') }} {{ "Hello World"|lower }}
{{ dict(a=1).get('b', 'none') }} {{ {'k': 1, 'l': 2}.items() | list | length }} {{ [3,1] + [2] }} {{ 'b' in ['a','b'] }} {{ 'q' not in 'abc' }}
{{ "one \
line, \u00e9\x41 \'q\' \d" }} {{ "%s" }}
{{ [1,2,3] | first }}{{ [1,2,3] | last }} {{ "%" }}{# gone #}  end {{- ' tight' }}   {%- if true %} x {%+ if true %} y{% endif %}{% endif %}
"""

SHORT = [{"role": "user", "content": " Why is the sky blue? "}]
LONG = [{"role": "system", "content": "Be brief. "}, {"role": "user", "content": "Hi\n"},
        {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\nHello 👋"}, {"role": "user", "content": "Más?"}]
TAIL = LONG + [{"role": "assistant", "content": "<think>x</think>Yes."}]
WRONG = SHORT + SHORT
TOOLS = [{"name": "add", "parameters": {"a": 1.5, "b": [True, None, "é<&>"]}}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
environment.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
    x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def refuse(message):
    raise ValueError(message)


environment.globals["raise_exception"] = refuse
environment.globals["strftime_now"] = lambda format: "2026"

cases = []
for name, template in dict(llama2=LLAMA2, mistral=MISTRAL, llama3=LLAMA3, chatml=CHATML, qwen3=QWEN3,
                           constructs=CONSTRUCTS).items():
    for messages in [SHORT, LONG, TAIL, WRONG]:
        for answers in [True, False]:
            for options in [{}, {"enable_thinking": False}, {"tools": TOOLS}]:
                case = dict(name=name, template=template, messages=messages, answers=answers, options=options)
                arguments = dict(tools=None, documents=None) | TOKENS | options
                try:
                    case["result"] = environment.from_string(template).render(
                        messages=messages, add_generation_prompt=answers, **arguments)
                except ValueError as error:
                    case["refusal"] = str(error)
                cases.append(case)

templates = {case["name"]: case.pop("template") for case in cases}
path = pathlib.Path(__file__).parent / "templates.json"
path.write_text(json.dumps(dict(tokens=TOKENS, templates=templates, cases=cases), ensure_ascii=False, indent=1) + "\n")

# Single expressions and small templates, one a line in template_expressions.txt; null where the engine refuses.
DATA = {"a": 1, "b": [1, 2, 3], "s": "Hello wörld\nx", "n": None, "f": 1.5, "t": True, "d": {"k": "v", "items": [1]},
        "e": [], "m": [{"role": "user", "x": 2}, {"role": "assistant"}]}
MESSAGES = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
lines = (path.parent / "template_expressions.txt").read_text().splitlines()
expressions = []
for line in lines:
    template = (line if "{%" in line or "{{" in line or "{#" in line else "{{ " + line + " }}").replace("\\N", "\n")
    try:
        result = environment.from_string(template).render(
            messages=MESSAGES, add_generation_prompt=True, tools=None, documents=None, d=DATA, **TOKENS)
    except Exception:
        result = None
    expressions.append([template, result])
(path.parent / "template_expressions.json").write_text(
    json.dumps(dict(data=DATA, messages=MESSAGES, cases=expressions), ensure_ascii=False, indent=0) + "\n")
