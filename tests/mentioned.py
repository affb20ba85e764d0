"""Every test that the appendix "Three notebooks" mentions has to run and
pass, or the whole check fails; tools/notebooks.py says how it is written.

Some of these tests are no functions of pytest: `usertests sbrkbasic` is one
of hundreds that a kernel runs, and its name comes out on the console.  A
test that runs such tests says so, when all went well:

    record_property("ran", "riscv usertests sbrkbasic")

Only `make check` runs everything, and passes --whole; without that nothing
is asked here.
"""

import re
from pathlib import Path

import weft

notebooks = weft.tool("notebooks.py")


# ---- What other programs have run -------------------------------------

def record_usertests(record, machine, console):
    for name in re.findall(r"^test (\w+): OK$", console, re.MULTILINE):
        record("ran", "%s usertests %s" % (machine, name))


def record_host(record, program, output):
    for name in re.findall(r"^ok (\w+)$", output, re.MULTILINE):
        record("ran", "host %s/%s" % (program, name))


def record_transcripts(record, output):
    for name in re.findall(r"^ +same +(transcript/\S+)$", output,
                           re.MULTILINE):
        record("ran", name)


# ---- The plugin --------------------------------------------------------

class Mentioned:
    """Listens to all tests, and compares at the end."""

    def __init__(self):
        book = weft.book()
        self.names = notebooks.tests_mentioned(book)
        self.transcripts = ["transcript/" + name
                            for name in book.transcripts()]
        self.passed = set()     # test_x.py::test_y[z]
        self.others = {}        # the same, that did not: what it did
        self.ran = set()        # what tests have recorded
        self.missing = []

    def pytest_runtest_logreport(self, report):
        file, _, test = report.nodeid.partition("::")
        name = Path(file).name + "::" + test
        if not report.passed:
            self.others[name] = report.outcome
        elif report.when == "call":
            self.passed.add(name)
            self.ran |= {value for key, value in report.user_properties
                         if key == "ran"}

    def trouble(self, name):
        """Why NAME cannot be said to have run and passed, or None."""
        if name.startswith("usertests "):
            test, _, machine = name.partition(" (")
            machines = [machine[:-1]] if machine else weft.MACHINES
            lack = [m for m in machines
                    if "%s %s" % (m, test) not in self.ran]
            return "did not pass on " + " and ".join(lack) if lack else None
        if name.startswith("host "):
            return None if name in self.ran else "did not pass"
        if name.startswith("transcript/"):
            wanted = [found for found in self.transcripts
                      if (found + ".").startswith(name + ".")]
            lack = [found for found in wanted if found not in self.ran]
            return "did not pass: " + " ".join(lack) if lack else None
        return self.trouble_of_function(name)

    def trouble_of_function(self, name):
        """All cases of a function count, unless one is named."""
        def is_meant(case):
            return case == name or case.startswith(name + "[")

        others = {what for case, what in self.others.items()
                  if is_meant(case)}
        if others:
            return " and ".join(sorted(others))
        if not any(map(is_meant, self.passed)):
            return "did not run"
        return None

    def pytest_sessionfinish(self, session):
        for name, where in self.names.items():
            trouble = self.trouble(name)
            if trouble:
                self.missing.append("%s: %s: %s" % (where, name, trouble))
        if self.missing and session.exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter):
        if not self.missing:
            return
        terminalreporter.section("tests that the appendix mentions")
        for line in self.missing:
            terminalreporter.line(line)
