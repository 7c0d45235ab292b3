"""jemalloc-stats-html: the page by itself, and as a browser sees it."""
import glob
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import support

ALL = "stats_print:true,stats_print_opts:J"

# Allocates in threads and arenas, frees a part, and lets time pass.
PROGRAM = """
import threading, time
def work():
    for i in range(20):
        kept.append([bytes(j % 2000) for j in range(2000)])
        time.sleep(0.02)
kept = []
threads = [threading.Thread(target=work) for i in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
for some in kept:
    del some[::3]
for i in range(20):
    kept.append([bytes(1000) for i in range(100)])
    time.sleep(0.02)
"""

ARENAS = """
import ctypes
lib = ctypes.CDLL(None)
size = ctypes.c_size_t(4)
name = ctypes.c_char_p(b"</td><script>alert(1)</script>")
for i in range(255):
    ind = ctypes.c_uint(0)
    assert lib.mallctl(b"arenas.create", ctypes.byref(ind),
                       ctypes.byref(size), None, ctypes.c_size_t(0)) == 0
lib.mallctl(b"arena.0.name", None, None, ctypes.byref(name),
            ctypes.c_size_t(8))
"""


class Reader(html.parser.HTMLParser):
    """Are all elements closed in order, and nothing fetched?"""

    VOID = {"meta", "link", "br", "img", "hr", "input"}

    def __init__(self):
        super().__init__()
        self.open = []
        self.ids = []
        self.texts = []
        self.tables = 0

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "img", "link", "iframe", "object"), tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("href", "src", "srcset", "action"), name
            if name == "id":
                assert value not in self.ids, value
                self.ids.append(value)
        self.tables += tag == "table"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


class Page(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "export")

    def stats(self, program, conf=ALL, **more):
        return support.run([sys.executable, "-c", program], conf, **more)

    def history(self):
        self.stats(PROGRAM, "stats_export:%s,stats_export_ms:50" % self.file,
                   PYTHONMALLOC="malloc")
        return self.file

    def draw(self, *arguments, data=None, code=0):
        done = subprocess.run(
            [sys.executable, support.tool("jemalloc-stats-html"), *arguments],
            input=data or b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=3 * support.PATIENCE, check=False,
            env=dict(os.environ, LC_ALL="C"))
        self.assertEqual(done.returncode, code, done.stderr)
        self.said = done.stderr.decode()
        return done.stdout.decode()

    def read(self, page):
        reader = Reader()
        reader.feed(page)
        reader.close()
        self.assertEqual(reader.open, [])
        self.assertNotRegex(page, "(?i)https?://|@import|url\\(")
        return reader

    def texts(self, page):
        return "\n".join(self.read(page).texts)

    def test_one_snapshot(self):
        data = self.stats("kept = [bytes(100) for i in range(10000)]")
        reader = self.read(self.draw(data=data))
        self.assertEqual(self.said, "")
        for name in ("why", "classes", "extents", "arenas", "locks",
                     "options"):
            self.assertIn(name, reader.ids)
        self.assertNotIn("time", reader.ids)
        text = "\n".join(reader.texts)
        allocated = json.loads(data)["jemalloc"]["stats"]["allocated"]
        self.assertIn("%.1f KiB" % (allocated / 1024)
                      if allocated < 102400 else "KiB", text)
        self.assertIn("opt", text + "opt.*")
        self.assertIn("auto_0", text)

    def test_ledger(self):
        """Largest reason first, all of them together what there is."""
        data = self.stats("kept = [bytes(100) for i in range(10000)]")
        entries = json.loads(data)["jemalloc"]["rss"]["entries"]
        page = self.draw(data=data)
        part = page[page.index('id="why"'):page.index('id="classes"')]
        shares = [float(s) for s in
                  re.findall(r"<td>([0-9.]+) %</td>", part)]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertAlmostEqual(sum(shares), 100, delta=1)
        self.assertEqual(len(shares), sum(1 for v in entries.values() if v))

    def test_history(self):
        reader = self.read(self.draw(self.history()))
        self.assertIn("time", reader.ids)
        self.assertIn("memory-chart", reader.ids)
        self.assertIn("rate-chart", reader.ids)
        self.assertIn("reason-chart", reader.ids)
        text = "\n".join(reader.texts)
        self.assertRegex(text, r"From [0-9:]+ to [0-9:]+, [0-9]+ snapshots")
        self.assertIn("Peak", text)
        texts = self.texts(self.draw("--peak", self.file))
        self.assertNotIn("Peak", texts)

    def test_several_files(self):
        """Files one behind the other; JSON without times; others' lines."""
        self.history()
        page = self.draw(self.file, self.file)
        self.assertIn("snapshots", page)
        one = self.stats("pass")
        self.assertIn("3 snapshots; they do not say when.",
                      self.texts(self.draw(data=one + b"\n" + one + one)))
        said = b"<jemalloc>: Invalid conf pair: x:1\n"
        self.draw(data=said + one + b"\n" + said)

    def test_many_arenas(self):
        reader = self.read(self.draw(data=self.stats(ARENAS)))
        text = "\n".join(reader.texts)
        self.assertIn("256 arenas, largest first", text)
        self.assertIn("240 more arenas", text)
        self.assertIn("</td><script>alert(1)</script>", reader.texts)

    def test_parts_left_out(self):
        """Whatever the letters leave out, there is a page."""
        for letters in ("g", "m", "a", "b", "l", "x", "e", "h", "gmdablxeh",
                        "rf", "ma"):
            self.read(self.draw(data=self.stats(
                "pass", ALL + letters + ",narenas:2")))

    def test_torn(self):
        """The last line of a file that is being written may be a part."""
        one = self.stats("pass")
        self.read(self.draw(data=one + b"\n" + one[:1000]))
        self.assertIn("not whole and left out", self.said)

    def test_malformed(self):
        for data, words in (
                (b"", "it is empty"), (b"{", "line 1, column 2"),
                (b"{}", "no statistics"), (b"[1]", "no statistics"),
                (b'{"jemalloc":{"stats":[]}}', "no statistics"),
                (b"\n\n{\"a\": \xff}", "line 3, column 7"),
                (b"___ Begin jemalloc statistics ___\n", "line 1, column 1"),
                (b"[" * 100000, "")):
            self.assertEqual(self.draw(data=data, code=1), "")
            self.assertIn("jemalloc-stats-html: standard input: ", self.said)
            self.assertIn(words, self.said)
            self.assertNotIn("Traceback", self.said)
        self.draw("/no/such", code=1)
        self.assertIn("/no/such: No such file or directory", self.said)

    def test_hostile(self):
        """Strings and odd values anywhere in the tree do no harm."""
        bad = "<script>alert(1)</script>\"'&"
        for value in (bad, None, -1, 1e99, [bad], {bad: bad}, True, []):
            tree = json.loads(self.stats("pass"))

            def spoil(node, depth, value=value):
                for key in list(node):
                    if isinstance(node[key], dict) and depth < 4:
                        spoil(node[key], depth + 1)
                    elif depth > 1:
                        node[key] = value
            spoil(tree, 0)
            tree["jemalloc"]["stats"]["allocated"] = 5
            tree["export"] = {"program": bad, "pid": 1, "arenas": [value]}
            page = self.draw(data=json.dumps(tree).encode())
            self.read(page)
            self.assertNotIn("<script", page)


def browser():
    names = ["chromium", "chromium-browser", "google-chrome"]
    return next((n for n in names if shutil.which(n) and subprocess.run(
        [n, "--version"], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False).returncode == 0), None)


BROWSER = browser()


@unittest.skipUnless(BROWSER, "needs chromium")
class Browser(Page):
    """The page as it is shown.  (The tests above are not repeated.)"""

    def chromium(self, page, *arguments):
        path = os.path.join(self.folder, "page.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--window-size=1100,2000",
             "--user-data-dir=" + os.path.join(self.folder, "profile"),
             *arguments, "file://" + path], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=3 * support.PATIENCE, check=True)
        return done.stdout.decode()

    def test_browser(self):
        """The tree of the page is the one that was written."""
        for page in (self.draw(data=self.stats(ARENAS)),
                     self.draw(self.history())):
            written, seen = self.read(page), \
                self.read(self.chromium(page, "--dump-dom"))
            self.assertEqual(written.ids, seen.ids)
            self.assertEqual(written.tables, seen.tables)
            self.assertEqual([t.strip() for t in written.texts if t.strip()],
                             [t.strip() for t in seen.texts if t.strip()])

    def test_browser_picture(self):
        """Something is drawn, in colours, and in other ones at night."""
        page = self.draw(self.history())
        sizes = []
        for night in ((), ("--blink-settings=preferredColorScheme=0",)):
            self.chromium(page, "--screenshot=shot.png", *night)
            with open(glob.glob(self.folder + "/shot.png")[0], "rb") as file:
                data = file.read()
            self.assertEqual(data[:4], b"\x89PNG")
            self.assertGreater(len(data), 30000)
            sizes.append(data)
        self.assertNotEqual(*sizes)


for _name in dir(Page):
    if _name.startswith("test_"):
        setattr(Browser, _name, None)
