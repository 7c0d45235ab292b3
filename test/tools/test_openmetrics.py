"""malloc_stats_print() with O, read by a parser of OpenMetrics."""
import json
import shutil
import subprocess
import sys
import unittest

import support

# Prints {metric: [type, unit, [[sample, labels, value], ...]]}.
READER = """
import json, sys
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
text = open(0, encoding="utf-8", newline="\\n")
print(json.dumps({
    f.name: [f.type, f.unit, [[s.name, s.labels, s.value] for s in f.samples]]
    for f in text_fd_to_metric_families(text)}))
"""

# Prints [[sample, labels, value], ...].
OLDER_READER = """
import json
from prometheus_client.parser import text_fd_to_metric_families
text = open(0, encoding="utf-8", newline="\\n")
print(json.dumps([[s.name, s.labels, s.value]
    for f in text_fd_to_metric_families(text) for s in f.samples]))
"""

# Some of everything: threads, small and large blocks, and what is freed.
PROGRAM = """
import threading
def work():
    kept = [bytes(i % 3000) for i in range(20000)]
    big = [bytearray(300000 + i) for i in range(20)]
    del kept[::2], big[::2]
    held.append((kept, big))
held = []
threads = [threading.Thread(target=work) for i in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


class OpenMetrics(unittest.TestCase):
    def read(self, letters, program=PROGRAM, conf="narenas:3"):
        python = support.python_with("prometheus_client")
        if python is None:
            self.skipTest("needs python3-prometheus-client")
        text = support.run(
            [sys.executable, "-c", program],
            "stats_print:true,stats_print_opts:O%s,%s" % (letters, conf))
        text = text[text.index(b"# TYPE"):]  # behind what else it said
        self.text = text
        read = subprocess.run([python, "-c", READER], input=text, check=True,
                              stdout=subprocess.PIPE)
        self.metrics = json.loads(read.stdout)

    def value(self, sample, **labels):
        found = [s[2] for m in self.metrics.values() for s in m[2]
                 if s[0] == sample and s[1] == labels]
        self.assertEqual(len(found), 1, "%s %s" % (sample, labels))
        return found[0]

    def total(self, sample):
        return sum(s[2] for m in self.metrics.values() for s in m[2]
                   if s[0] == sample)

    def test_everything(self):
        self.read("")
        self.assertGreater(len(self.metrics), 100)
        self.assertEqual(self.metrics["jemalloc_allocated_bytes"][:2],
                         ["gauge", "bytes"])
        self.assertEqual(self.metrics["jemalloc_arena_mutex_wait_seconds"][:2],
                         ["counter", "seconds"])
        self.assertEqual(self.metrics["jemalloc_info"][0], "gauge")

    def test_sums(self):
        """What arenas have is what their sum has, and the process."""
        self.read("")
        for name in ("allocated_bytes", "page_bytes", "mapped_bytes",
                     "mallocs_total", "bin_allocated_bytes",
                     "large_requests_total", "free_extent_bytes"):
            self.assertEqual(self.total("jemalloc_arena_" + name),
                             self.total("jemalloc_arenas_" + name), name)
        self.assertEqual(self.total("jemalloc_arenas_allocated_bytes"),
                         self.value("jemalloc_allocated_bytes"))
        self.assertEqual(self.total("jemalloc_arenas_bin_allocated_bytes"),
                         self.value("jemalloc_arenas_allocated_bytes",
                                    kind="small"))
        self.assertGreater(self.total("jemalloc_arenas_requests_total"), 9999)

    def test_older_format(self):
        """Readers of Prometheus' own text format find the same samples."""
        self.read("")
        read = subprocess.run([support.python_with("prometheus_client"), "-c",
                               OLDER_READER], input=self.text, check=True,
                              stdout=subprocess.PIPE)
        samples = [s for m in self.metrics.values() for s in m[2]]
        self.assertEqual(json.loads(read.stdout), samples)

    @unittest.skipUnless(shutil.which("promtool"), "needs prometheus")
    def test_promtool(self):
        """Prometheus itself can read it."""
        self.read("")
        done = subprocess.run(["promtool", "check", "metrics"],
                              input=self.text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        self.assertNotIn(b"error", done.stdout)

    def test_ledger(self):
        """The reasons of resident memory are all of it."""
        self.read("")
        rss = self.value("jemalloc_rss_bytes")
        self.assertAlmostEqual(self.total("jemalloc_rss_reason_bytes") / rss,
                               1, delta=0.02)
        self.assertLess(self.total("jemalloc_arenas_bin_pinned_bytes"), rss)

    def test_letters(self):
        self.read("Jgaxblehmd")
        self.assertIn("jemalloc_allocated_bytes", self.metrics)
        for name in self.metrics:
            self.assertNotRegex(name, "_arena|_mutex_|_bin_|_hpa_|_rss_")

    def test_many_arenas(self):
        self.read("ml", conf="narenas:256,percpu_arena:disabled", program="""
import ctypes
lib = ctypes.CDLL(None)
size = ctypes.c_size_t(4)
for i in range(256):
    ind = ctypes.c_uint(0)
    lib.mallctl(b"arenas.create", ctypes.byref(ind), ctypes.byref(size), None,
                ctypes.c_size_t(0))
""")
        self.assertGreater(len(self.metrics["jemalloc_arena_info"][2]), 256)

    def test_hostile_options(self):
        """What is in the options comes back as it was."""
        conf = 'stats_export:unix:/no"such\\place'
        self.read("", program="pass", conf=conf)
        labels = self.metrics["jemalloc_info"][2][0][1]
        self.assertEqual(labels["env_var"],
                         "stats_print:true,stats_print_opts:O," + conf)
