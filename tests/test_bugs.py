"""The 52 bugs that kernels of this kind have had: each has a test.

Most are tests inside the kernel, called bugNN_name, in user/usertests.
For the others this says where the test is: in which file, and some text
of it.
"""

import re

import weft

ELSEWHERE = {
    8: ("tests/test_crash.py", '"no flush"'),
    9: ("tests/test_host.py", "address,undefined"),
    13: ("tests/test_crash.py", "def test_failures"),
    19: ("book/11-processors.nw", "csrrci %0, sstatus, 2"),
    20: ("tests/host/test_entries.c", "Bug 20"),
    26: ("tests/test_disk.py", "def test_an_error_of_the_device"),
    41: ("tests/test_user.py", "What control-P prints"),
}


def in_the_kernel():
    """The numbers in the names of usertests: bug23_24_failed_copy."""
    numbers = set()
    for source in sorted((weft.ROOT / "user/usertests").glob("*.c")):
        for name in re.findall(r'\{ "bug((?:\d\d_)+)', source.read_text()):
            numbers |= {int(number) for number in name.split("_") if number}
    return numbers


def test_each_bug_has_a_test():
    assert in_the_kernel() | set(ELSEWHERE) == set(range(1, 53))


def test_the_others_are_where_they_should_be():
    for number, (path, text) in ELSEWHERE.items():
        assert text in (weft.ROOT / path).read_text(), number
