#include "page/guard.h"

#include "platform/assert.h"
#include "platform/pages.h"
#include "platform/tls.h"

/* Extents of this thread since the last guarded one. */
static __thread uint32_t since[GUARD_NKINDS] TLS_MODEL;

bool
guard_count(guard_kind_t kind, size_t every)
{
	if (++since[kind] < every) {
		return false;
	}
	since[kind] = 0;
	return true;
}

/* The first and last page are not the extent's any more. */
static void
cut(edata_t *edata)
{
	pagemap_forget(edata);
	edata->addr = (char *)edata->addr + PAGE;
	edata->size -= 2 * PAGE;
	edata->guarded = true;
	pagemap_set_boundaries(edata);
}

edata_t *
guard_alloc(pac_t *pac, size_t size)
{
	if (!ehooks_are_default(pac->env.ehooks) || os_page_size != PAGE) {
		return NULL;
	}
	edata_t *edata = pac_alloc(pac, size + 2 * PAGE, PAGE, PAC_REUSE);
	if (edata == NULL) {
		return NULL;
	}
	char *last = (char *)edata_end(edata) - PAGE;
	if (pages_guard(edata->addr, PAGE) != ERR_NONE ||
	    pages_guard(last, PAGE) != ERR_NONE) {
		cut(edata);
		pac_dalloc(pac, edata);
		return NULL;
	}
	cut(edata);
	return edata;
}

err_t
guard_remove(edata_t *edata)
{
	assert(edata->guarded);
	edata->addr = (char *)edata->addr - PAGE;
	edata->size += 2 * PAGE;
	edata->guarded = false;
	pagemap_set_boundaries(edata);
	return pages_unguard(edata->addr, edata->size);
}
