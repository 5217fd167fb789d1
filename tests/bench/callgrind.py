"""Reads what callgrind wrote: how many instructions there were, and how many of them in some files' code."""

import re

_NAME = re.compile(r"(fl|fi|fe|fn|ob|cfi|cfl|cfn|cob)=\((\d+)\)(?: (.*))?$")
_COST = re.compile(r"[+\-*\d]\S* (\d+)$")
_SPACES = {"fl": "file", "fi": "file", "fe": "file", "cfi": "file", "cfl": "file", "fn": "function",
           "cfn": "function", "ob": "object", "cob": "object"}


class Profile:
    """`total` instructions; `inside`: those of functions for which `matches(file, object, function)` holds,
    with everything that they call, and of their files' code where it was inlined elsewhere."""

    def __init__(self, path, matches):
        self.total = self.inside = 0
        self._matches = matches
        self._names = {"file": {}, "function": {}, "object": {}}
        self._at = {}            # what each kind of line said last
        self._counted = False    # the function is inside: its callers count it as a whole
        self._call = False       # the next cost is a call's
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self._read(line.rstrip("\n"))

    def _read(self, line):
        name = _NAME.match(line)
        if name:
            self._place(*name.groups())
        elif line.startswith("calls="):
            self._call = True
        elif line.startswith("summary: "):
            self.total = int(line.split()[1])
        else:
            cost = _COST.match(line)
            if cost:
                self._add(int(cost[1]))

    def _place(self, kind, number, name):
        kind = "cfi" if kind == "cfl" else kind  # the same, by an older name
        names = self._names[_SPACES[kind]]
        if name is not None:
            names[number] = name
        self._at[kind] = names[number]
        if kind in ("fl", "fi", "fe"):
            self._at["line_file"] = names[number]
        if kind == "fn":
            self._counted = self._matches(self._at.get("fl", ""), self._at.get("ob", ""), names[number])
            self._at["line_file"] = self._at.get("fl", "")
        if kind == "cfn":  # what was not said is the caller's
            self._at.setdefault("cfi", self._at.get("fl", ""))
            self._at.setdefault("cob", self._at.get("ob", ""))

    def _add(self, cost):
        inlined = self._matches(self._at.get("line_file", ""), "", "")
        if self._call:
            callee = [self._at.pop(kind, "") for kind in ("cfi", "cob", "cfn")]
            if not self._counted and (inlined or self._matches(*callee)):
                self.inside += cost
            self._call = False
        elif inlined and not self._counted:
            self.inside += cost
