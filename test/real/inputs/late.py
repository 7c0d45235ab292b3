"""Loads the library into an interpreter that runs without it."""
import ctypes
import sys
import threading

library = ctypes.CDLL(sys.argv[1])
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.realloc.restype = ctypes.c_void_p
library.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
library.free.restype = None
library.malloc_usable_size.restype = ctypes.c_size_t
library.malloc_usable_size.argtypes = [ctypes.c_void_p]


def work():
    for size in [1, 8, 100, 5000, 20000, 300000, 3000000] * 20:
        p = library.malloc(size)
        assert p and library.malloc_usable_size(p) >= size
        ctypes.memset(p, 7, size)
        p = library.realloc(p, size * 2)
        assert ctypes.string_at(p, size) == b"\x07" * size
        library.free(p)


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
work()
for thread in threads:
    thread.join()
print("ok")
