/*
 * hash: a 64-bit number from a byte string, for hash tables in memory.
 *
 * Each word is added to the state and mixed in by D. Stafford's variant 13 of
 * the finalizer of A. Appleby's MurmurHash3.  The same bytes may give another
 * number on another machine.  Not for: input made by an adversary.
 */
#ifndef DS_HASH_H
#define DS_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A bijection in which every bit depends on every bit. */
static inline uint64_t
hash_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Different seeds give independent functions. */
static inline uint64_t
hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *bytes = data;
	uint64_t h = hash_mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ len;
	uint64_t word;
	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		h = hash_mix(h + word);
		bytes += sizeof(word);
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, bytes, len);
		h = hash_mix(h + word);
	}
	return hash_mix(h);
}

#endif
