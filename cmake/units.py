#!/usr/bin/env python3
"""Files that may be compiled together, in one translation unit that includes them all: those that define no name twice, none
that another's headers declare, and no type or variable whose name another uses for something of its own.

cmake/units.py MOST OCTETS FILE…: prints one line a unit, the files' names with ; between them. At most MOST files and OCTETS
octets of theirs go into one. What a file includes costs most of its time in a compiler, and so is paid once a unit.
"""
import dataclasses
import functools
import pathlib
import re
import sys

DEFINED = re.compile(r"^(?:template.*>\s*)?(?:(?:struct|class|enum|enum class|using|namespace)\s+(\w+)|[\w:<>,&*\s\[\]]*?\b(\w+)\s*(?:\(|=|\{|\[|;))")


SRC = pathlib.Path(__file__).resolve().parent.parent / "src"


@dataclasses.dataclass
class Unit:
    """Files that don't disturb each other."""
    files: list[pathlib.Path] = dataclasses.field(default_factory=list)
    names: set[str] = dataclasses.field(default_factory=set)
    private: set[str] = dataclasses.field(default_factory=set)   # names that no header of theirs knows
    things: set[str] = dataclasses.field(default_factory=set)    # those of them that are no functions
    declared: set[str] = dataclasses.field(default_factory=set)  # names in their headers
    words: set[str] = dataclasses.field(default_factory=set)     # all words in them
    size: int = 0


@functools.cache
def names_of(file: pathlib.Path) -> dict[str, bool]:
    """What a file defines or declares at its outermost level, as far as a glance tells, and whether it is a function. A name too
    many does no harm."""
    names: dict[str, bool] = {}
    for line in file.read_text().splitlines():
        line = line.removeprefix("[[nodiscard]] ")
        if line[:1].isalpha() and not line.startswith(("return", "TEST", "namespace")) and (match := DEFINED.match(line)):
            function = match.group(2) is not None and match.group(0).endswith("(")
            name = match.group(1) or match.group(2)
            names[name] = names.get(name, True) and function
    return names


@functools.cache
def headers_of(file: pathlib.Path) -> frozenset[pathlib.Path]:
    """Our headers that it includes, and those that they include."""
    direct = [SRC / name for name in re.findall(r'^#include "(.+)"', file.read_text(), re.MULTILINE)]
    found = {header for header in direct if header.exists()}
    for header in direct:
        if header.exists():
            found |= headers_of(header)
    return frozenset(found)


def units_of(files: list[pathlib.Path], at_most: int, at_most_octets: int) -> list[list[pathlib.Path]]:
    """The files in as few units as their order, their names and the limits allow."""
    units: list[Unit] = []
    for file in files:
        text = file.read_text()
        named = names_of(file)
        names, words = set(named), set(re.findall(r"\w+", text))
        declared = {name for header in headers_of(file) for name in names_of(header)}
        private = names - declared
        things = {name for name in private if not named[name]}
        for unit in units:
            if (len(unit.files) < at_most and unit.size + len(text) <= at_most_octets and not unit.names & names
                    and not unit.private & declared and not unit.declared & private
                    and not unit.things & words and not unit.words & things):
                break
        else:
            unit = Unit()
            units.append(unit)
        unit.files.append(file)
        unit.names |= names
        unit.private |= private
        unit.things |= things
        unit.declared |= declared
        unit.words |= words
        unit.size += len(text)
    return [unit.files for unit in units]


if __name__ == "__main__":
    for unit in units_of([pathlib.Path(f) for f in sys.argv[3:]], int(sys.argv[1]), int(sys.argv[2])):
        print(";".join(str(f) for f in unit))
