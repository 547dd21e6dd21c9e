"""Counts the files that a photo passes on its way to a sentence. CONTRIBUTING.md has the count and the walk.

    python3 journey.py FOLDER [ARGUMENT...]        FOLDER is for a build; arguments of caption, tests/photos/chelsea.jpg

Builds the program without inlining, runs it under callgrind (valgrind's), and lists which of our .c files have
functions that ran: first while the command line was read and the model opened, then from there until the sentence
was printed. Behind each file stands which of its functions other files call, and how many files do. What is called
from everywhere (src/base, src/math, src/nn) is left out, and so is releasing what was made.
"""
import collections
import os
import re
import subprocess
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
EVERYWHERE = ("src/base/", "src/math/", "src/nn/")
RELEASES = re.compile(r".*_(free|release|close)$|release$")


def build(folder):
    flags = "-g -O1 -fno-inline -fno-optimize-sibling-calls"
    subprocess.check_call(["cmake", "-S", ROOT, "-B", folder, "-DCMAKE_BUILD_TYPE=Debug", "-DBUILD_TESTING=OFF",
                           "-DCMAKE_C_FLAGS=" + flags], stdout=subprocess.DEVNULL)
    subprocess.check_call(["cmake", "--build", folder, "--target", "caption"], stdout=subprocess.DEVNULL)


def profile(folder, arguments):
    out = os.path.join(folder, "journey.out")
    subprocess.check_call(["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + out,
                           "--dump-before=cap_describe_files", "--dump-after=describe_print",
                           os.path.join(folder, "caption"), "--threads", "1"] + arguments)
    return out + ".1", out + ".2"


def calls(path):
    """Pairs of (file, function): what ran, and who called it; the caller of what the library calls is None."""
    names, home, caller, callee_file = {}, None, None, None

    def name(kind, value):  # "(3) text" defines number 3 of its kind, "(3)" repeats it
        number, text = re.match(r"\((\d+)\)(?: (.*))?$", value).groups()
        if text is not None:
            names[kind, number] = os.path.normpath(text) if kind == "file" else text
        return names[kind, number]

    with open(path) as lines:
        for line in lines:
            key, _, value = line.rstrip("\n").partition("=")
            if key == "fl":
                home = name("file", value)
            elif key in ("fi", "fe"):
                name("file", value)
            elif key == "fn":
                caller, callee_file = (home, name("function", value)), None
                yield None, caller
            elif key in ("cfi", "cfl"):
                callee_file = name("file", value)
            elif key == "cfn":
                yield caller, (callee_file or home, name("function", value))
            elif key == "calls":
                callee_file = None


def ours(path):
    path = os.path.relpath(path, ROOT) if path.startswith(ROOT + "/") else ""
    return path if path.endswith(".c") and not path.startswith(EVERYWHERE) else None


def tell(title, path):
    files, entries, callers = set(), collections.defaultdict(set), collections.defaultdict(set)
    for caller, (path, function) in calls(path):
        to, of = ours(path), ours(caller[0]) if caller else None
        if not to or RELEASES.match(function):
            continue
        files.add(to)
        if of and of != to:
            entries[to].add(function)
            callers[to].add(of)
    print(f"{title}: {len(files)} files")
    for f in sorted(files):
        print(f"    {f:34} {len(callers[f]):2} from  {', '.join(sorted(entries[f]))}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build(sys.argv[1])
    opening, photo = profile(sys.argv[1], sys.argv[2:] or [os.path.join(ROOT, "tests/photos/chelsea.jpg")])
    tell("the command line, and opening the model", opening)
    tell("a photo, until its sentence is printed", photo)
