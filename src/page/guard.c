#include "page/guard.h"

#include "meta/options.h"
#include "platform/assert.h"
#include "platform/pages.h"
#include "platform/tls.h"

/* Extents of this thread since the last guarded one. */
static __thread uint32_t since[GUARD_NKINDS] TLS_MODEL;

bool
guard_due(guard_kind_t kind)
{
	size_t every = kind == GUARD_SLAB ? opt.san_guard_small :
	    opt.san_guard_large;
	if (likely(every == 0) || ++since[kind] < every) {
		return false;
	}
	since[kind] = 0;
	return true;
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
		(void)!pages_unguard(edata->addr, PAGE);
		pac_dalloc(pac, edata);
		return NULL;
	}
	pagemap_forget(edata);
	edata->addr = (char *)edata->addr + PAGE;
	edata->size -= 2 * PAGE;
	edata->guarded = true;
	pagemap_set_boundaries(edata);
	return edata;
}

void
guard_remove(edata_t *edata)
{
	assert(edata->guarded);
	edata->addr = (char *)edata->addr - PAGE;
	edata->size += 2 * PAGE;
	edata->guarded = false;
	pagemap_set_boundaries(edata);
	(void)!pages_unguard(edata->addr, edata->size);
}
