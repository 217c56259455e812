#!/usr/bin/env python3
"""Every script of the tree parses: one that is run last, or by nobody but a landing, must not fail by a slip.

usage: scripts_parse.py SOURCE_ROOT
"""
import ast
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1])


def interpreter(path):
    """What runs it, by its name or its first line: "python", "sh" or None."""
    if path.suffix == ".py":
        return "python"
    with path.open("rb") as file:
        first = file.readline(200)
    if not first.startswith(b"#!"):
        return "sh" if path.suffix == ".sh" else None
    return "python" if b"python" in first else "sh" if first.rstrip().endswith(b"sh") else None


def scripts(kind):
    names = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-z"], capture_output=True,
                           check=True).stdout.decode().split("\0")
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file() and interpreter(path) == kind]


class ScriptsParse(unittest.TestCase):
    def test_shell(self):
        found = scripts("sh")
        self.assertIn(ROOT / "test", found)
        for path in found:
            done = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), path)

    def test_python(self):
        found = scripts("python")
        self.assertIn(ROOT / "demo", scripts("sh") + found)
        for path in found:
            with self.subTest(path=path):
                ast.parse(path.read_text(), str(path))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
