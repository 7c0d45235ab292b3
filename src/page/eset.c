#include "page/eset.h"

#include "platform/assert.h"

/* How many extents of a class that may be too short are looked at. */
#define FIT_SCAN_MAX 12

void
eset_init(eset_t *eset, eset_classes_t *classes)
{
	eset->classes = classes->classes;
	/* The rest is valid when zero. */
	list_init(&eset->lru);
}

static void
npages_add(eset_t *eset, size_t npages)
{
	/* Writers hold the cache's lock: no read-modify-write is needed. */
	atomic_store_explicit(&eset->npages, eset_npages(eset) + npages,
	    memory_order_relaxed);
}

void
eset_insert(eset_t *eset, edata_t *edata)
{
	unsigned pszind = pszind_floor(edata->size);
	eset_class_t *class = &eset->classes[pszind];
	if (ph_is_empty(&class->heap)) {
		eset->nonempty[pszind / 64] |= (uint64_t)1 << pszind % 64;
	}
	ph_insert(&class->heap, &edata->heap, edata_cmp_age);
	list_push_back(&eset->lru, &edata->lru);
	class->nextents++;
	class->nbytes += edata->size;
	npages_add(eset, edata_npages(edata));
}

void
eset_remove(eset_t *eset, edata_t *edata)
{
	unsigned pszind = pszind_floor(edata->size);
	eset_class_t *class = &eset->classes[pszind];
	ph_remove(&class->heap, &edata->heap, edata_cmp_age);
	if (ph_is_empty(&class->heap)) {
		eset->nonempty[pszind / 64] &= ~((uint64_t)1 << pszind % 64);
	}
	list_remove(&edata->lru);
	class->nextents--;
	class->nbytes -= edata->size;
	npages_add(eset, (size_t)0 - edata_npages(edata));
}

void
eset_cut_front(eset_t *eset, edata_t *edata, size_t size)
{
	unsigned pszind = pszind_floor(edata->size);
	if (pszind_floor(edata->size - size) != pszind) {
		eset_remove(eset, edata);
		edata->addr = (char *)edata->addr + size;
		edata->size -= size;
		eset_insert(eset, edata);
		return;
	}
	/* No other begins in between, so its place in the heap is the same. */
	edata->addr = (char *)edata->addr + size;
	edata->size -= size;
	list_remove(&edata->lru);
	list_push_back(&eset->lru, &edata->lru);
	eset->classes[pszind].nbytes -= size;
	npages_add(eset, (size_t)0 - (size >> LG_PAGE));
}

static bool
fits(const edata_t *edata, size_t size, size_t alignment)
{
	uintptr_t start = align_up(edata_base(edata), alignment);
	return start >= edata_base(edata) && start < edata_end(edata) &&
	    edata_end(edata) - start >= size;
}

/* Look at a few extents of one class, top of the heap first. */
static edata_t *
scan_class(ph_t *heap, size_t size, size_t alignment)
{
	const ph_node_t *queue[FIT_SCAN_MAX];
	unsigned head = 0, tail = 0;
	if (ph_first(heap) != NULL) {
		queue[tail++] = ph_first(heap);
	}
	edata_t *best = NULL;
	while (head < tail) {
		const ph_node_t *node = queue[head++];
		edata_t *edata = container_of(node, edata_t, heap);
		if (fits(edata, size, alignment) &&
		    (best == NULL ||
			edata_cmp_age(&edata->heap, &best->heap) < 0)) {
			best = edata;
		}
		if (node->next != NULL && tail < FIT_SCAN_MAX) {
			queue[tail++] = node->next;
		}
		if (node->child != NULL && tail < FIT_SCAN_MAX) {
			queue[tail++] = node->child;
		}
	}
	return best;
}

/* First non-empty class at or above pszind; SC_NPSIZES when there is none. */
static unsigned
next_class(const eset_t *eset, unsigned pszind)
{
	for (unsigned word = pszind / 64; word < ESET_WORDS; word++) {
		uint64_t bits = eset->nonempty[word];
		if (word == pszind / 64) {
			bits &= ~(uint64_t)0 << pszind % 64;
		}
		if (bits != 0) {
			return word * 64 + bits_ctz64(bits);
		}
	}
	return SC_NPSIZES;
}

edata_t *
eset_fit(eset_t *eset, size_t size, size_t alignment, unsigned lg_max_fit)
{
	size_t max = lg_max_fit >= bits_clz64(size) ? SIZE_MAX
						    : size << lg_max_fit;
	/* Long enough wherever it starts, when it has that many bytes. */
	size_t sure = size + alignment - PAGE;
	if (sure < size || sure > SC_LARGE_MAX) {
		return NULL;
	}
	unsigned pszind = next_class(eset, pszind_floor(size));
	while (pszind < SC_NPSIZES && pszind_size(pszind) <= max) {
		ph_t *heap = &eset->classes[pszind].heap;
		edata_t *edata = pszind_size(pszind) >= sure
		    ? container_of(ph_first(heap), edata_t, heap)
		    : scan_class(heap, size, alignment);
		if (edata != NULL && edata->size <= max) {
			return edata;
		}
		pszind = next_class(eset, pszind + 1);
	}
	return NULL;
}

edata_t *
eset_oldest(eset_t *eset)
{
	list_node_t *node = list_first(&eset->lru);
	return node == NULL ? NULL : container_of(node, edata_t, lru);
}
