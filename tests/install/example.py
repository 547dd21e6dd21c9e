"""The same from Python, with nothing but ctypes: says what a photo shows.

    python3 example.py photo.jpg [MODEL]

The library is found by its name; CAPTION_LIBRARY=/path/libcaption.so names another one. The structs are those of
caption.h of the same first two version numbers.
"""
import ctypes as c
import os
import sys

VERSION = (0, 1)


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("text", c.c_char * 512)]


class Alternative(c.Structure):
    _fields_ = [
        ("sentence", c.c_char_p),
        ("words", c.c_int),
        ("word", c.POINTER(c.c_char_p)),
        ("probability", c.POINTER(c.c_float)),
        ("log_probability", c.c_double),
        ("score", c.c_double),
        ("confidence", c.c_double),
        ("trust", c.POINTER(c.c_float)),
        ("attention", c.POINTER(c.c_float)),
        ("concept_attention", c.POINTER(c.c_float)),
        ("ended", c.c_bool),
    ]


class View(c.Structure):
    _fields_ = [(name, c.c_double) for name in ("x0", "y0", "x1", "y1")]


class Concept(c.Structure):
    _fields_ = [
        ("name", c.c_char_p),
        ("namer", c.c_char_p),
        ("confidence", c.c_float),
        ("boxed", c.c_bool),
        ("box", View),
    ]


class Pixels(c.Structure):
    _fields_ = [("width", c.c_int), ("height", c.c_int), ("rgb", c.c_void_p)]


class Description(c.Structure):
    _fields_ = [
        ("best", Alternative),
        ("alternatives", c.c_int),
        ("alternative", c.POINTER(Alternative)),
        ("confidence", c.c_double),
        ("unsure", c.c_bool),
        ("concepts", c.c_int),
        ("concept", c.POINTER(Concept)),
        ("grid_h", c.c_int),
        ("grid_w", c.c_int),
        ("attention", c.POINTER(c.c_float)),
        ("concept_attention", c.POINTER(c.c_float)),
        ("keywords", c.c_int),
        ("keyword", c.POINTER(c.c_char_p)),
        ("width", c.c_int),
        ("height", c.c_int),
        ("warning", c.c_char_p),
        ("blank", c.c_char_p),
        ("view", View),
        ("photo", Pixels),
        ("memory", c.c_void_p),
    ]


class Captioner:
    """A model with one session: one thread at a time."""

    def __init__(self, model=None, threads=0):
        self.lib = c.CDLL(os.environ.get("CAPTION_LIBRARY", "libcaption.so.%d.%d" % VERSION))
        if self.lib.cap_version() // 100 != VERSION[0] * 100 + VERSION[1]:
            raise OSError("another version of the library")
        self.model, self.session = c.c_void_p(), c.c_void_p()
        path = os.fsencode(model) if model else None
        self.check(lambda e: self.lib.cap_open(path, None, c.byref(self.model), e))
        self.check(lambda e: self.lib.cap_session_open(self.model, threads, c.byref(self.session), e))

    @staticmethod
    def check(call):
        err = Error()
        if call(c.byref(err)):
            raise ValueError(os.fsdecode(err.text))

    def describe(self, photo):
        """The sentence, and (word, probability) for each of its words."""
        d = Description()
        self.check(lambda e: self.lib.cap_describe_file(self.session, None, os.fsencode(photo), c.byref(d), e))
        best = d.best
        words = [(best.word[i].decode(), best.probability[i]) for i in range(best.words)]
        sentence = best.sentence.decode()
        self.lib.cap_description_release(c.byref(d))
        return sentence, words

    def close(self):
        self.lib.cap_session_close(c.byref(self.session))
        self.lib.cap_close(c.byref(self.model))


def main():
    if len(sys.argv) < 2:
        print("usage: example.py PHOTO [MODEL]", file=sys.stderr)
        return 2
    try:
        captioner = Captioner(sys.argv[2] if len(sys.argv) > 2 else None)
        sentence, words = captioner.describe(sys.argv[1])
    except (OSError, ValueError) as problem:
        print(f"example: {problem}", file=sys.stderr)
        return 1
    captioner.close()
    print(sentence)
    for word, probability in words:
        print(f"{100 * probability:3.0f} %  {word}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
