/*
 * words: what interpreters do: a hash table of strings that comes and goes.
 *
 *	words OPS
 *
 * Entries of 32 bytes, keys of 6 to 60 bytes, values that are small lists of
 * numbers grown by realloc.  The table doubles as it fills; at 60,000 entries
 * a random half is removed.
 */
#include "bench.h"

#define ENTRIES_MAX 60000

typedef struct entry {
	struct entry *next;
	char *key;
	uint32_t *numbers;
	uint32_t hash, count;
} entry_t;

typedef struct {
	entry_t **buckets;
	size_t mask, count;
	tally_t tally;
} table_t;

static uint32_t
key_make(char *key, uint64_t id)
{
	uint64_t state = id;
	size_t length = 6 + rng_next(&state) % 55;
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < length; i++) {
		key[i] = (char)('a' + (id >> (i % 24)) % 26);
		hash = (hash ^ (unsigned char)key[i]) * 16777619u;
	}
	key[length] = '\0';
	return hash;
}

static void
table_grow(table_t *table)
{
	size_t old = table->mask + 1;
	entry_t **buckets = must(calloc(old * 2, sizeof(*buckets)));
	size_t mask = old * 2 - 1;
	size_t i;

	for (i = 0; i < old; i++) {
		entry_t *entry = table->buckets[i];

		while (entry != NULL) {
			entry_t *next = entry->next;

			entry->next = buckets[entry->hash & mask];
			buckets[entry->hash & mask] = entry;
			entry = next;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->mask = mask;
}

static void
entry_push(entry_t *entry, uint32_t number, tally_t *tally)
{
	uint32_t n = entry->count++;

	if ((n & (n - 1)) == 0) {
		entry->numbers = must(realloc(entry->numbers,
		    (n == 0 ? 1 : 2 * (size_t)n) * sizeof(number)));
	}
	entry->numbers[n] = number;
	tally->made += number;
	tally->ops++;
}

static entry_t *
table_find(table_t *table, uint64_t id)
{
	char key[64];
	uint32_t hash = key_make(key, id);
	entry_t *entry = table->buckets[hash & table->mask];

	while (entry != NULL &&
	    (entry->hash != hash || strcmp(entry->key, key) != 0)) {
		entry = entry->next;
	}
	if (entry != NULL) {
		return entry;
	}
	if (table->count++ > table->mask) {
		table_grow(table);
	}
	entry = must(calloc(1, sizeof(*entry)));
	entry->key = must(malloc(strlen(key) + 1));
	strcpy(entry->key, key);
	entry->hash = hash;
	entry->next = table->buckets[hash & table->mask];
	table->buckets[hash & table->mask] = entry;
	return entry;
}

static void
entry_end(entry_t *entry, tally_t *tally)
{
	uint32_t i;

	for (i = 0; i < entry->count; i++) {
		tally->gone += entry->numbers[i];
	}
	free(entry->numbers);
	free(entry->key);
	free(entry);
}

/* Remove `percent` of the entries at random. */
static void
table_thin(table_t *table, size_t percent, uint64_t *rng)
{
	size_t i;

	for (i = 0; i <= table->mask; i++) {
		entry_t **place = &table->buckets[i];

		while (*place != NULL) {
			entry_t *entry = *place;

			if (rng_below(rng, 100) < percent) {
				*place = entry->next;
				entry_end(entry, &table->tally);
				table->count--;
			} else {
				place = &entry->next;
			}
		}
	}
}

int
main(int argc, char **argv)
{
	size_t ops = arg_at(argc, argv, 1, 100000);
	table_t table = {NULL, 63, 0, {0, 0, 0}};
	uint64_t rng = 15;
	size_t i;

	table.buckets = must(calloc(table.mask + 1, sizeof(*table.buckets)));
	for (i = 0; i < ops; i++) {
		uint64_t id = rng_next(&rng) & 0x3ffff;
		entry_t *entry = table_find(&table, id);

		entry_push(entry, (uint32_t)i, &table.tally);
		if (table.count >= ENTRIES_MAX) {
			table_thin(&table, 50, &rng);
		}
	}
	table_thin(&table, 100, &rng);
	free(table.buckets);
	return bench_end(&table.tally);
}
