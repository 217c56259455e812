#!/usr/bin/env python3
"""Holds the source tree to its layout: who may include whom, and that the core is pure.

usage: layout_test.py SOURCE_ROOT CORE_LIBRARY
"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1])
CORE_LIBRARY = Path(sys.argv[2])

# What a folder of src may include beside itself. `core` stands for the pure core.
MAY_INCLUDE = {
    "core": set(),
    "port": {"core"},
    "file": {"core"},
    "hook": {"core", "port", "adapter"},
    "adapter": {"core", "port"},
    "sim": {"core", "port", "file"},
    "daemon": {"core", "port", "file", "hook", "adapter"},
    "cli": {"core", "port", "file", "daemon", "sim", "adapter"},
}
# Standard headers that bring a clock, a device, a thread, a file or a log into the core.
FORBIDDEN_IN_CORE = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "stop_token", "semaphore", "latch",
    "barrier", "random", "fstream", "iostream", "ostream", "istream", "filesystem", "ctime", "cstdio", "cstdlib",
    "csignal", "locale", "regex",
}
# Undefined symbols of the core's library that would reach outside, as nm prints them demangled.
FORBIDDEN_SYMBOLS = re.compile(
    r"\b(clock_gettime|gettimeofday|time|nanosleep|socket|connect|send|recv|open|openat|fopen|read|write|poll|"
    r"pthread_\w+|rand|srand|random|getrandom|getenv|system|fork|exec\w+|printf|fprintf|puts)(@|$)|"
    r"std::chrono::\w+::now|_clock::now|std::random_device|std::thread|std::mutex|"
    r"std::basic_[io]?f?stream|std::ios_base|std::c(out|err|in)\b|std::filesystem"
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def sources(folder):
    return sorted(p for p in (ROOT / "src" / folder).rglob("*") if p.suffix in (".hpp", ".cpp", ".h"))


class Layout(unittest.TestCase):
    def test_folders_are_known(self):
        found = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
        self.assertEqual(found - set(MAY_INCLUDE), set(), "a new folder of src needs its place in MAY_INCLUDE")

    def test_dependencies_run_one_way(self):
        wrong = []
        for folder, allowed in MAY_INCLUDE.items():
            for path in sources(folder):
                for bracket, name in INCLUDE.findall(path.read_text()):
                    top = name.split("/")[0]
                    if bracket == '"' and top in MAY_INCLUDE and top != folder and top not in allowed:
                        wrong.append(f"{path.relative_to(ROOT)} includes {name}")
        self.assertEqual(wrong, [])

    def test_core_includes_only_std_expected_and_itself(self):
        wrong = []
        for path in sources("core"):
            for bracket, name in INCLUDE.findall(path.read_text()):
                own = bracket == '"' and name.startswith("core/")
                standard = bracket == "<" and "/" not in name and "." not in name and name not in FORBIDDEN_IN_CORE
                if not own and not standard and name != "tl/expected.hpp":
                    wrong.append(f"{path.relative_to(ROOT)} includes {name}")
        self.assertEqual(wrong, [])

    def test_core_links_nothing_that_reaches_outside(self):
        lines = subprocess.run(["nm", "-C", "-u", str(CORE_LIBRARY)], capture_output=True, text=True, check=True).stdout
        symbols = {line.strip().removeprefix("U ").strip() for line in lines.splitlines() if " U " in line}
        self.assertGreater(len(symbols), 10, "nm found no symbols: is this the core's library?")
        self.assertEqual(sorted(s for s in symbols if FORBIDDEN_SYMBOLS.search(s)), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
