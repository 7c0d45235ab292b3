"""Documents built, written, read and compared; big numbers; strings."""
import collections
import json
import random
import re
import zlib

rng = random.Random(1)


def document(depth):
    if depth == 0:
        return rng.choice([None, True, rng.random(), rng.getrandbits(70),
                           "w" * rng.randrange(80)])
    if rng.random() < 0.5:
        return [document(depth - 1) for _ in range(rng.randrange(7))]
    return {"key%d" % rng.randrange(1000): document(depth - 1)
            for _ in range(rng.randrange(7))}


def main():
    total = 0
    for i in range(120):
        text = json.dumps(document(6), sort_keys=True)
        again = json.dumps(json.loads(text), sort_keys=True)
        assert text == again
        packed = zlib.compress(text.encode() * 3)
        assert zlib.decompress(packed) == text.encode() * 3
        total = zlib.crc32(text.encode(), total)
    print("documents", total)
    counts = collections.Counter()
    for i in range(200000):
        counts[rng.randrange(20000)] += 1
        if i % 7 == 0:
            del counts[rng.choice((i % 20000, 1, 2))]
    print("counts", len(counts), sum(counts.values()))
    number = 3 ** 40000
    print("number", zlib.crc32(str(number)[:4000].encode()
                               if number.bit_length() < 10000 else
                               number.to_bytes(8000, "little")))
    text = "".join(chr(97 + rng.randrange(26)) for _ in range(300000))
    print("words", len(re.findall("[aeiou][^aeiou]+", text)),
          zlib.crc32(text.replace("a", "bcd").upper().encode()))
    rows = sorted(({"n": rng.random(), "t": (i, str(i))}
                   for i in range(50000)), key=lambda row: row["n"])
    print("rows", rows[0]["t"], rows[-1]["t"])


main()
