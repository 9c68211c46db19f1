#!/usr/bin/env python3
"""Holds every #include of src/ to the module lists of src/CMakeLists.txt.

A module may include itself, base, and the modules that its DEPS name (directly, not through
others). Tests (x_test.cc) may also include tests/support and their module's TEST_DEPS. Boost.Beast
stays in the .cc files of http and client, and files with ISA flags include no standard containers.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
CONTAINERS = {
    "vector", "string", "map", "unordered_map", "set", "deque", "list", "functional", "memory",
    "algorithm", "iostream", "sstream", "array", "span", "optional", "variant", "string_view",
}


def module_lists() -> dict[str, dict[str, set[str]]]:
    text = re.sub(r"#.*", "", (SRC / "CMakeLists.txt").read_text())
    modules: dict[str, dict[str, set[str]]] = {}
    for body in re.findall(r"sluice_module\(([^)]*)\)", text):
        words = body.split()
        lists: dict[str, set[str]] = {"DEPS": set(), "TEST_DEPS": set(), "LIBS": set()}
        current = None
        for word in words[1:]:
            if word in lists:
                current = word
            elif current:
                lists[current].add(word)
        modules[words[0]] = lists
    return modules


def problems_of(path: Path, modules: dict[str, dict[str, set[str]]]) -> list[str]:
    relative = path.relative_to(SRC)
    module = relative.parts[0]
    if module not in modules:
        return [f"src/{relative}: folder '{module}' has no sluice_module() row in src/CMakeLists.txt"]
    is_test = path.stem.endswith("_test")
    allowed = {module, "base"} | modules[module]["DEPS"]
    if is_test:
        allowed |= modules[module]["TEST_DEPS"]
    out = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not match:
            continue
        kind, name = match.groups()
        where = f"src/{relative}:{number}"
        if kind == '"':
            target = name.split("/")[0]
            if is_test and name.startswith("tests/support/"):
                continue
            if target not in allowed:
                out.append(f"{where}: {module} may not include {name}; it may include: "
                           + ", ".join(sorted(allowed)))
        elif name.startswith("boost/beast") and (
            module not in ("http", "client") or path.suffix != ".cc"
        ) and not is_test:
            out.append(f"{where}: Boost.Beast stays in the .cc files of http and client")
        elif re.search(r"_(avx2|avx512|avxvnni)\.(cc|h)$", path.name) and name in CONTAINERS:
            out.append(f"{where}: a file with ISA flags includes no <{name}>: an inline function "
                       "compiled here could be the copy that the linker keeps")
    return out


def main() -> int:
    modules = module_lists()
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".cc", ".h"))
    problems = [problem for path in files for problem in problems_of(path, modules)]
    for problem in problems:
        print(problem)
    print(f"includes: {len(files)} files, {len(problems)} against the rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
