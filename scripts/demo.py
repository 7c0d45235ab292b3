"""Something for an allocator to do: threads, strings, dictionaries, big buffers.

scripts/quickstart runs this under the library.  PYTHONMALLOC=malloc makes the
interpreter take every object from malloc instead of from its own pools.  The
output depends on nothing but the program, so two runs can be compared.
"""

import hashlib
import json
import queue
import random
import threading
import zlib

THREADS = 4
ROUNDS = 80


def records(rng, count):
    return [{"id": i, "name": f"name-{rng.randrange(1 << 30):x}",
             "tags": [f"t{rng.randrange(1000)}" for _ in range(rng.randrange(12))],
             "text": "lorem ipsum " * rng.randrange(40)}
            for i in range(count)]


def churn(seed, packed):
    """Make, encode, decode, index and forget; hand compressed texts on."""
    rng = random.Random(seed)
    index = {}
    for _ in range(ROUNDS):
        text = json.dumps(records(rng, 500))
        for record in json.loads(text):
            index[record["name"]] = record
        for name in sorted(index)[::3]:
            del index[name]
        packed.put((seed, zlib.compress(text.encode() * 4, 1)))
    packed.put((seed, None))


def main():
    packed = queue.Queue(maxsize=64)
    threads = [threading.Thread(target=churn, args=(seed, packed))
               for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    digests = [hashlib.sha256() for _ in threads]
    sizes = [0] * THREADS
    running = THREADS
    while running:
        seed, block = packed.get()
        if block is None:
            running -= 1
            continue
        text = zlib.decompress(block)
        digests[seed].update(text)
        sizes[seed] += len(text)
    for thread in threads:
        thread.join()
    for seed in range(THREADS):
        print(f"thread {seed}: {sizes[seed] >> 20} MiB of records,"
              f" sha256 {digests[seed].hexdigest()[:16]}")


main()
