"""Objects, texts, lists and dicts of a small interpreter at work.

    work.py ROUNDS

Words are counted, records sorted and grouped, a tree is built, JSON goes
there and back.  Prints a number that depends on ROUNDS alone.
"""
import json
import sys
import zlib


class Node:
    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.below = {}

    def put(self, path, value):
        node = self
        for key in path:
            if key not in node.below:
                node.below[key] = Node(key, 0)
            node = node.below[key]
        node.value += value

    def total(self):
        return self.value + sum(n.total() for n in self.below.values())


def one_round(seed):
    x = seed
    words = []
    records = []
    for i in range(20000):
        x = (x * 1103515245 + 12345) & 0x7fffffff
        words.append("w%x" % (x % 3000))
        records.append({"id": i, "key": x % 977, "name": "n" * (x % 61),
                        "list": [x % 7] * (x % 40)})
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    tree = Node("", 0)
    for record in records:
        tree.put(str(record["key"]), len(record["list"]))
    records.sort(key=lambda record: (record["key"], record["id"]))
    text = json.dumps(records[::4])
    back = json.loads(text)
    joined = " ".join(words).replace("w1", "<>").split("<>")
    packed = zlib.compress(text.encode(), 1)
    return (len(counts) + tree.total() + len(back) + len(joined)
            + zlib.crc32(zlib.decompress(packed)))


total = 0
kept = []
for turn in range(int(sys.argv[1])):
    total += one_round(turn)
    kept.append(["k" * (i % 300) for i in range(10000)])
    kept = kept[-3:]
print("total", total)
