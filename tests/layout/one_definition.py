#!/usr/bin/env python3
"""A type has one definition in the whole program: of two with one name the linker takes the special members of either,
for both, and says nothing.

usage: one_definition.py SOURCE_ROOT
"""
import re
import sys
import unittest
from collections import defaultdict
from pathlib import Path

ROOT = Path(sys.argv[1])
OPENS = re.compile(r"^(?:inline )?namespace ?([\w:]*) ?\{")
CLOSES = re.compile(r"^\}  // namespace")
DEFINES = re.compile(r"^(?:template ?<.*> )?(?:struct|class|enum class) (\w+)(?: final)?(?: ?\{| ?:(?!:)|$)")


def types_of(path):
    """The full names of the types that a file defines at the top of a namespace that has a name."""
    spaces = []
    for line in path.read_text().splitlines():
        if opened := OPENS.match(line):
            spaces.append(opened.group(1))
        elif CLOSES.match(line):
            spaces.pop()
        elif (defined := DEFINES.match(line)) and not line.endswith(";") and "" not in spaces:
            yield "::".join([*spaces, defined.group(1)])


class OneDefinition(unittest.TestCase):
    def test_of_every_type(self):
        places = defaultdict(list)
        for path in sorted(ROOT.glob("src/**/*.[ch]pp")):
            for name in types_of(path):
                places[name].append(str(path.relative_to(ROOT)))
        self.assertGreater(len(places), 200)
        self.maxDiff = None
        self.assertEqual({name: files for name, files in places.items() if len(files) > 1}, {})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
