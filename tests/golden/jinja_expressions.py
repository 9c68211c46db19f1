"""Small templates over the whole language; make_template_goldens.py runs them."""

CONTEXT = {
    "s": "Hello, World", "u": "Größe ñandú 日本", "e": "", "n": 42, "f": 2.5, "t": True, "nul": None,
    "xs": [3, 1, 2], "names": ["bob", "Alice", "carol"], "d": {"b": 1, "a": {"c": [1, 2]}, "Z": "z"},
    "people": [{"name": "Bob", "age": 30, "tags": ["x"]}, {"name": "al", "age": 25, "tags": []},
               {"name": "Cy", "age": 30}],
    "ml": "one\n two\n\nthree\n", "messages": [], "items_key": {"items": 1, "get": 2},
}

EXPRESSIONS = r"""
1 + 2 * 3 | 7 // 2 | -7 // 2 | 7 % 3 | -7 % 3 | 7 / 2 | 2 ** 10 | 2 ** -1 | 2 ** 3 ** 2 | 1.0 | 1e16
1e15 | 1.5e-7 | 0.1 + 0.2 | 1e300 * 1e300 | 7.5 // 2 | -7.5 % 2 | 1 / 0 | 1 % 0 | 1_000 | 0x1F | 0b101
n + f | t + 1 | -n | +n | -f | not t | not e | s + 1 | 's' ~ 1 ~ none ~ true | 'a' 'b' | 'ab' * 3
[1] * 2 | [1, 2] + [3] | (1, 2) + (3,) | [1] + (2,) | 'x' * -1 | 1 if t | 1 if e | 1 if e else 2
1 if e else 2 if t else 3 | t and 5 | e or 'x' | e and 1 | none | true | false | True | None
1 < 2 | 1 < 2 < 3 | 3 > 2 > 2 | 1 == 1.0 | true == 1 | 'a' < 'b' | 'a' < 1 | [1, 2] < [1, 3]
none == none | undefined_x == undefined_y | nul == undefined_x | 'a' in s | 'Hello' in s | 1 in xs
9 not in xs | 'b' in d | 'q' in d | 1 in s | 1 in n | 'x' in undefined_x | {} == {} | {'a': 1} == {'a': 1.0}
undefined_x | undefined_x.y | undefined_x['y'] | undefined_x + 1 | undefined_x() | d.q | d.q.r | d['q']
d.b | d['b'] | d.a.c | d.a.c[0] | d.a.c[-1] | d.a.c[5] | d.a['c'].0 | xs[0] | xs[-1] | xs[9] | s[0] | s[-1]
u[2] | u[-1] | s[1:4] | s[:-1] | s[::-1] | s[::2] | s[-3:] | s[5:2] | u[4:9] | u[::-1] | xs[1:] | xs[::-1]
xs[5:] | xs[-2:] | s[10:100] | s[::0] | xs[:2:1] | s[5:1:-2] | xs['a'] | n[0] | n.x | nul.x | nul['x']
items_key.items is callable | items_key['items'] | items_key['get'] | d.items()|list | d.keys()|list | d.values()|list
d.get('b') | d.get('q') | d.get('q', 7) | d.get() | xs.append(4) | d.update({}) | d.pop('b') | s.nope | s.nope()
s.upper() | s.lower() | u.upper() | u.lower() | u.title() | 'hello world-wide'.title() | 'hELLO'.capitalize()
'  x '.strip() | 'xxaxx'.strip('x') | 'xxaxx'.lstrip('x') | 'xxaxx'.rstrip('xa') | '\n a\n'.strip() | s.split(', ')
s.split() | ' a  b c '.split() | 'a,b,c'.split(',', 1) | 'a,b,c'.rsplit(',', 1) | ' a b c '.split(none, 1)
' a b c '.rsplit(none, 1) | 'abc'.split('') | ml.splitlines() | 'a\r\nb'.splitlines() | s.startswith('He')
s.startswith(('x', 'H')) | s.endswith('ld') | s.startswith(1) | s.replace('l', 'L') | s.replace('l', 'L', 1)
'aaa'.replace('', '-') | 'abc'.find('c') | u.find('日') | 'abc'.find('x') | 'abc'.index('x') | 'banana'.count('an')
'banana'.rfind('an') | ', '.join(['a', 'b']) | ', '.join([1]) | ','.join(names) | 'abc'.removeprefix('a')
'abc'.removesuffix('c') | 'a-b-c'.partition('-') | 'a-b-c'.rpartition('-') | 'abc'.partition('x') | 'ab'.ljust(5) ~ '|'
'ab'.rjust(5, '.') | 'ab'.center(5, '*') | '-5'.zfill(4) | 'abc'.isalpha() | '12'.isdigit() | ''.isdigit()
'a1'.isalnum() | ' '.isspace() | 'AB'.isupper() | 'ab1'.islower() | 'aB'.swapcase() | '{} {}'.format(1, 'x')
'{0}{1}{0}'.format('a', 'b') | '{x}'.format(x=3) | '{:>5}'.format('ab') | '{:.2f}'.format(3.14159) | '{{}}'.format()
'{:05d}'.format(42) | '{:,}'.format(1234567) | '{}'.format() | '%s is %d' % ('a', 3) | '%.2f' % f | '%5s|' % 'a'
'%-5s|' % 'a' | '%05d' % 42 | '%x' % 255 | '%%' % () | '%s' % n | '%s %s' % 'a' | '%d' % 'a' | '%r' % 'a' | '%(a)s' % {'a': 1}
s|upper | s|lower | s|title | s|capitalize | ' x '|trim | 'xax'|trim('x') | s|length | u|length | xs|length | d|length
n|length | undefined_x|length | xs|count | xs|first | xs|last | []|first | []|last | ''|first | s|first | d|first
xs|join | xs|join(', ') | names|join('-') | people|join(',', attribute='name') | undefined_x|join | s|join('.')
undefined_x|default('x') | e|default('x') | e|default('x', true) | nul|default('x') | nul|d('x', boolean=true)
d|tojson | d|tojson(indent=2) | d|tojson(sort_keys=true) | 'é"\\\n\u0001\u007f'|tojson | 'é😀'|tojson(ensure_ascii=true)
xs|tojson(separators=(',', ':')) | d|tojson(indent=2, separators=(',', ': ')) | [1.0, 1e20, none, true]|tojson
undefined_x|tojson | {}|tojson(indent=2) | [[], {}]|tojson(indent=1) | {1: 2, none: 3, true: 4}|tojson | (1, 2)|tojson
xs|map('string')|tojson | '<a>&'|tojson | [1, [2, {'a': []}]]|tojson(indent=4) | d|tojson(indent='\t')
'<a>&"\''|escape | '<a>'|e | n|string | 1.5|string | none|string | '42'|int | '4x'|int | '4x'|int(7) | '3.9'|int | 3.9|int
'0x1f'|int(base=16) | none|int | '1.5'|float | 'x'|float | 'x'|float(2.5) | 3|float | s|list | d|list | 'ab'|list
xs|sort | xs|sort(reverse=true) | names|sort | names|sort(case_sensitive=true) | people|sort(attribute='age')|map(attribute='name')|list
people|sort(attribute='age', reverse=true)|map(attribute='name')|join(',') | [1, 'a']|sort | xs|sum | people|sum(attribute='age')
[1.5, 2]|sum(start=10) | xs|min | xs|max | []|max | names|min | people|max(attribute='age') | -3|abs | (-2.5)|abs | 2.5|round
3.5|round | 2.567|round(2) | 2.567|round(1, 'floor') | 2.1|round(0, 'ceil') | 1234|round(-2) | 7|round
names|map('upper')|list | people|map(attribute='name')|list | people|map(attribute='tags.0', default='-')|list
people|map(attribute='nope')|list | xs|map('nofilter')|list | xs|select('odd')|list | xs|reject('odd')|list
[0, 1, '', 'a']|select|list | people|selectattr('tags')|map(attribute='name')|list | people|selectattr('age', 'gt', 26)|list|length
people|selectattr('age', 'equalto', 30)|map(attribute='name')|list | people|rejectattr('age', '==', 30)|map(attribute='name')|list
people|selectattr('tags', 'defined')|list|length | xs|select('in', [1, 2])|list | xs|select('nope')|list | xs|reverse|list
'abc'|reverse | [1, 1, 2, 'a', 'A']|unique|list | ['a', 'A']|unique(case_sensitive=true)|list | d|items|list | d|dictsort
d|dictsort(case_sensitive=true) | {'b': 1, 'a': 2}|dictsort(by='value') | {'b': 1, 'a': 2}|dictsort(reverse=true) | n|items|list
ml|indent | ml|indent(2) | ml|indent(2, true) | ml|indent(2, true, true) | ml|indent('> ', first=true) | 'a b  c_d'|wordcount
[1, 2, 3, 4, 5]|batch(2)|list | [1, 2, 3]|batch(2, 'x')|list | [1, 2, 3, 4, 5]|slice(2)|list | [1, 2, 3]|slice(2, 0)|list
s|replace('l', 'L') | s|replace('l', 'L', 1) | '%s-%s'|format('a', 1) | 'x'|center(5) ~ '|' | s|nofilter | s is notest
people|groupby('age')|length | d is mapping | xs is mapping | xs is sequence | s is sequence | n is sequence | s is iterable
n is iterable | d is iterable | undefined_x is iterable | s is string | n is string | n is number | t is number | f is number
n is integer | t is integer | f is float | n is float | t is boolean | n is boolean | t is true | t is false | 1 is true
nul is none | e is none | undefined_x is none | s is defined | undefined_x is defined | undefined_x is not defined
undefined_x is undefined | d.q is defined | n is even | n is odd | 3 is odd | n is divisibleby 7 | n is divisibleby(5) | 0 is even
'a' is lower | 'A' is upper | 'aB' is lower | '1' is lower | n is eq 42 | n is equalto 42 | n is ne 42 | n is gt 41 | n is lt(41)
n is ge 42 | n is le 41 | n is sameas n | 1 is in [1, 2] | 1 is in xs and true | 'z' is in 'xyz' | n is not none and t
range is callable | s is callable | not n is defined | xs is defined and xs | range(3)|list | range(1, 4)|list | range(5, 0, -2)|list
range(0)|list | range(1, 2, 0) | range(10000000) | range('a') | dict(a=1, b=2) | dict(a=1)|tojson | dict([('a', 1)]) | namespace(a=1).a
{'a': 1, 'a': 2} | {'a': 1}['a'] | {1: 'x'}[1] | {'a': 1}.a | [1, 'a', none, true, 1.5, {'k': ['v']}] | (1,) | () | (1, 2) | ['it\'s', "q\"q", 'b\'"b']
[u] | ['\n\t\\\x00\x7f'] | [[]] | 'a\tb\\n' | '\x41\u00e9\U0001F600' | '\101' | '\q' | "a'b" | 'a"b' | raise_exception('boom')
strftime_now('%Y-%m-%d') | strftime_now('%d %b %Y') | strftime_now('') | n(1) | s() | (1 + 2) * 3 | (s|upper)[0:2] | s|upper|lower|length
-1|abs | -(1)|abs | 'a' ~ 1 + 2 | 'a' ~ 'b'|upper | 1 + 2 == 3 and not false | [1, 2, 3][1] | 'abc'[1] | {'a': {'b': 'c'}}.a.b | xs.index(1)
xs.count(1) | xs.index(9) | f.is_nothing | '' ~ undefined_x ~ '|' | ''.__class__ | xs.__len__ | 9223372036854775807 | '1' + 1 | none + 1 | d + d
[x for x in xs] | a b | 1 + | (1 | [1 | {'a' | 'abc | s| | s is | not | . | a..b | {'a': 1 | @ | a = 1 | in | if | s[ | f( | f(a=1, 2) | xs[1, 2]
s is upper is lower | undefined_x|upper | undefined_x|trim | undefined_x|list | undefined_x|replace('a', 'b') | n|replace(4, 5) | n|upper | xs|upper
none|upper | xs|string | 'a'|map('upper')|list | undefined_x|map('upper')|list | n|map('upper')|list | n|list | n|join | xs|first|string
xs|map('abs')|sum | (xs|map('abs'))|length | ([]|map('abs')) is true | 'yes' if []|select else 'no' | dict(**{'a': 1}) | range(*[1, 3])|list
[] is sequence | [1, 2] == (1, 2) | 0.1 | 100.0 | 123456789.123 | 1e-5 | 1e22 | 1.0e5 | 5 // 0.0 | 2.0 ** 0.5 | 3.0 | 7 // 2.0 | 10 ** 3 | 10 ** -2
"""

STATEMENTS = [
    "a\n", "a\n\n", "\n", "", " {{ 1 }} ", "{{ 1 -}}  x", "x  {{- 1 }}", "x {{+ 1 }}", "  {% if t %}\n  x\n  {% endif %}\ny",
    "{% if t %}\n\n x{% endif %}", "a {% if t %} b {% endif %} c", "a {%- if t -%} b {%- endif -%} c", "  {%+ if t %}\n x {% endif +%}\n y",
    "a\n  {# c #}\nb", "a {#- c -#} b", "{# {{ x }} {% y %} #}z", "{# open", "{% raw %}{{ x }} {% y %}{% endraw %}", "{% raw -%}  a  {%- endraw %} b",
    "  {% raw %}\n  x\n  {% endraw %}\ny", "{% raw %} x", "{{ '}}' }}", "{{ '%}' }}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}.a }}", "{ { } } {x} %} }}",
    "a\r\nb\rc\r\n", "{% if n == 1 %}a{% elif n == 42 %}b{% else %}c{% endif %}", "{% if e %}a{% elif e %}b{% else %}c{% endif %}", "{% if t %}", "{% endif %}",
    "{% else %}", "{% nope %}", "{%", "{{", "{% if %}x{% endif %}", "{% for x in xs %}{{ x }},{% endfor %}", "{% for x in [] %}{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for c in u %}{{ c }}.{% endfor %}", "{% for x in n %}{% endfor %}", "{% for x in undefined_x %}a{% else %}b{% endfor %}", "{% for x in none %}{% endfor %}",
    "{% for x in xs if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{% endfor %}", "{% for x in xs if x > 9 %}a{% else %}b{% endfor %}",
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}|{% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}", "{% for x in xs %}{{ loop.previtem is defined }}{% endfor %}",
    "{% for x in xs %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}", "{% for x in xs %}{{ loop.depth }}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% break %}", "{% for x in xs %}{% for y in xs %}{{ loop.index }}{% if y == 1 %}{% break %}{% endif %}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in xs %}{% set q = x %}{% endfor %}{{ q }}", "{% set q = 0 %}{% for x in xs %}{% set q = x %}{{ q }}{% endfor %}{{ q }}",
    "{% set q = 0 %}{% for x in xs %}{{ q }}{% set q = x %}{% endfor %}", "{% set ns = namespace(v=0) %}{% for x in xs %}{% set ns.v = ns.v + x %}{% endfor %}{{ ns.v }}",
    "{% if t %}{% set q = 1 %}{% endif %}{{ q }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = (1, 2) %}{{ b }}",
    "{% set q %}a{{ n }}{% endset %}{{ q }}{{ q|length }}", "{% set q | upper %}abc{% endset %}{{ q }}", "{% set q | replace('a', 'b') | upper %}abc{% endset %}{{ q }}",
    "{% set d.x = 1 %}", "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace({'a': 5}, b=6) %}{{ ns.a }}{{ ns.b }}", "{% set none = 1 %}",
    "{% macro m(a, b=2) %}[{{ a }}|{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}{{ m() }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}",
    "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(7) }}", "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(5) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in {{ n }}{% endcall %}", "{% macro m() %}<{{ caller(3) }}>{% endmacro %}{% call(x) m() %}in {{ x }}{% endcall %}",
    "{% macro m() %}{% endmacro %}{% call m() %}x{% endcall %}", "{% macro m() %}{{ q }}{% endmacro %}{% set q = 5 %}{{ m() }}", "{% macro m() %} a {% endmacro %}{{ m()|trim }}",
    "{% macro m(a) %}{% endmacro %}{{ m is callable }}", "{% filter upper %}abc {{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aXa{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}", "{% with a = n %}{{ a }}{% endwith %}",
    "{% generation %}x {{ n }}{% endgeneration %}", "{% generation %}\nx\n{% endgeneration %}\ny", "{% print n %}", "{{ 1, 2 }}", "{{ n if n is defined else 0 }}",
    "{% set messages = messages + [1] %}{{ messages }}", "{% for p in people %}{{ p.name }}{{ ', ' if not loop.last }}{% endfor %}", "{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ c }}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}", "{% for p in people|groupby('age') %}{{ p[0] }}:{{ p[1]|length }} {% endfor %}",
    "{% for g, l in people|groupby('age') %}{{ g }}{{ l|map(attribute='name')|join }}{% endfor %}", "{% set x = joiner(',') %}{% for i in xs %}{{ x() }}{{ i }}{% endfor %}",
    "{% for x in xs -%}\n  {{ x }}\n{%- endfor %}", "{%- for x in xs %}\n  {{- x }}\n{%- endfor %}", "  {{ n }}\n  {% set q = 1 %}  \n z", "x{% set q = 1 %}\ny", "x\n   {%- set q = 1 -%}   \ny",
    "{{ n }}\n{{ n }}\n", "{% if t %}a{% endif %}\n{% if t %}b{% endif %}\n", "\t{% if t %}\t\n\tb\n\t{% endif %}\n", "{{ loop is defined }}",
    "{{ raise_exception() }}", "{% if false %}{{ raise_exception('x') }}{% endif %}ok", "{% for x in xs recursive %}{% endfor" , "{{ 'a\nb' }}", "{{ 'a\\\nb' }}", "{% if 'a' in s and 'o' in s %}y{% endif %}",
    "{% if not 'zz' in s %}y{% endif %}", "{{ not 1 in xs }}", "{% if xs|length > 2 and xs[0] is number %}y{% endif %}", "{% if n is defined and n is not none and n != 0 %}y{% endif %}",
]

def split(line):
    """At " | " of which neither side has a filter: those have no spaces around the bar."""
    return [part for part in line.split(" | ") if part]


CASES = ["{{ " + part + " }}" for line in EXPRESSIONS.strip().split("\n") for part in split(line)]
CASES += STATEMENTS
