/*
 * ctl_actions: what the rows of ctl_names.def call.
 *
 * ctl_<name>(call) handles the row that names it; the words there say what it
 * does.  The row's gate is open and its access was checked (unless it is ANY).
 * Results are 0 or an errno value.
 *
 * ctl_general.c  version, epoch, background threads, odds and ends
 * ctl_thread.c   thread.*, tcache.*
 * ctl_arena.c    arena.*, arenas.*
 * ctl_prof.c     prof.* and what else needs heap profiling
 * ctl_hooks.c    experimental.hooks.*
 * inspect.c      experimental.utilization.*, arenas.lookup
 */
#ifndef CTL_CTL_ACTIONS_H
#define CTL_CTL_ACTIONS_H

#include "ctl/ctl_call.h"

/* Does heap profiling run? */
bool ctl_prof_is_on(void);

int ctl_version(ctl_call_t *call);
int ctl_epoch(ctl_call_t *call);
int ctl_background_thread(ctl_call_t *call);
int ctl_max_background_threads(ctl_call_t *call);
int ctl_config_malloc_conf(ctl_call_t *call);
int ctl_conf_symlink(ctl_call_t *call);
int ctl_conf_env_var(ctl_call_t *call);
int ctl_conf_global_var(ctl_call_t *call);
int ctl_conf_global_var_2(ctl_call_t *call);
int ctl_mutexes_reset(ctl_call_t *call);
int ctl_stats_zero_reallocs(ctl_call_t *call);
int ctl_approximate_active(ctl_call_t *call);
int ctl_batch_alloc(ctl_call_t *call);

int ctl_thread_arena(ctl_call_t *call);
int ctl_thread_allocated(ctl_call_t *call);
int ctl_thread_allocatedp(ctl_call_t *call);
int ctl_thread_deallocated(ctl_call_t *call);
int ctl_thread_deallocatedp(ctl_call_t *call);
int ctl_tcache_enabled(ctl_call_t *call);
int ctl_tcache_max(ctl_call_t *call);
int ctl_tcache_flush(ctl_call_t *call);
int ctl_ncached_max_read(ctl_call_t *call);
int ctl_ncached_max_write(ctl_call_t *call);
int ctl_peak_read(ctl_call_t *call);
int ctl_peak_reset(ctl_call_t *call);
int ctl_thread_idle(ctl_call_t *call);
int ctl_tcache_create(ctl_call_t *call);
int ctl_tcaches_flush(ctl_call_t *call);
int ctl_tcaches_destroy(ctl_call_t *call);

int ctl_arena_initialized(ctl_call_t *call);
int ctl_arena_decay(ctl_call_t *call);
int ctl_arena_purge(ctl_call_t *call);
int ctl_arena_reset(ctl_call_t *call);
int ctl_arena_destroy(ctl_call_t *call);
int ctl_arena_dss(ctl_call_t *call);
int ctl_arena_oversize_threshold(ctl_call_t *call);
int ctl_arena_dirty_decay_ms(ctl_call_t *call);
int ctl_arena_muzzy_decay_ms(ctl_call_t *call);
int ctl_arena_extent_hooks(ctl_call_t *call);
int ctl_arena_retain_grow_limit(ctl_call_t *call);
int ctl_arena_name(ctl_call_t *call);
int ctl_narenas(ctl_call_t *call);
int ctl_arenas_dirty_decay_ms(ctl_call_t *call);
int ctl_arenas_muzzy_decay_ms(ctl_call_t *call);
int ctl_arenas_tcache_max(ctl_call_t *call);
int ctl_arenas_nhbins(ctl_call_t *call);
int ctl_bin_size(ctl_call_t *call);
int ctl_bin_nregs(ctl_call_t *call);
int ctl_bin_slab_size(ctl_call_t *call);
int ctl_bin_nshards(ctl_call_t *call);
int ctl_lextent_size(ctl_call_t *call);
int ctl_arenas_create(ctl_call_t *call);
int ctl_arenas_create_ext(ctl_call_t *call);
int ctl_arenas_lookup(ctl_call_t *call);
int ctl_arenas_pactivep(ctl_call_t *call);

int ctl_thread_prof_name(ctl_call_t *call);
int ctl_thread_prof_active(ctl_call_t *call);
int ctl_prof_thread_active_init(ctl_call_t *call);
int ctl_prof_active(ctl_call_t *call);
int ctl_prof_dump(ctl_call_t *call);
int ctl_prof_gdump(ctl_call_t *call);
int ctl_prof_prefix(ctl_call_t *call);
int ctl_prof_reset(ctl_call_t *call);
int ctl_prof_interval(ctl_call_t *call);
int ctl_prof_lg_sample(ctl_call_t *call);
int ctl_prof_log_start(ctl_call_t *call);
int ctl_prof_log_stop(ctl_call_t *call);
int ctl_prof_bins_live(ctl_call_t *call);
int ctl_prof_bins_accum(ctl_call_t *call);
int ctl_prof_lextents_live(ctl_call_t *call);
int ctl_prof_lextents_accum(ctl_call_t *call);
int ctl_prof_recent_alloc_max(ctl_call_t *call);
int ctl_prof_recent_alloc_dump(ctl_call_t *call);
int ctl_hook_prof_backtrace(ctl_call_t *call);
int ctl_hook_prof_dump(ctl_call_t *call);
int ctl_hook_prof_sample(ctl_call_t *call);
int ctl_hook_prof_sample_free(ctl_call_t *call);

int ctl_hooks_install(ctl_call_t *call);
int ctl_hooks_remove(ctl_call_t *call);
int ctl_hook_safety_check_abort(ctl_call_t *call);
int ctl_hook_thread_event(ctl_call_t *call);

int ctl_utilization_query(ctl_call_t *call);
int ctl_utilization_batch_query(ctl_call_t *call);

#endif
