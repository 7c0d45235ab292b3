/*
 * build: how this library was configured, as constants.
 *
 * Owns the translation of configure's CONFIG_ names into `config_...`, so that
 * code says `if (config_stats)` and both sides always compile, and the sizes
 * that everything is measured in.  PAGE is the unit of size classes, slabs and
 * the page map on every system; the page size of the running kernel is a
 * number that platform/pages.h has.
 *
 * Not for: decisions at run time (meta/options.h).
 */
#ifndef PLATFORM_BUILD_H
#define PLATFORM_BUILD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/config.h"

/* Debugging switches on every check that can also be had by itself. */
static const bool config_debug = CONFIG_DEBUG;
static const bool config_debug_full = CONFIG_DEBUG_FULL;
static const bool config_opt_safety_checks = CONFIG_OPT_SAFETY_CHECKS ||
    CONFIG_DEBUG;
static const bool config_opt_size_checks = CONFIG_OPT_SIZE_CHECKS ||
    CONFIG_DEBUG;
static const bool config_uaf_detection = CONFIG_UAF_DETECTION || CONFIG_DEBUG;

static const bool config_cache_oblivious = CONFIG_CACHE_OBLIVIOUS;
static const bool config_cxx = CONFIG_CXX;
static const bool config_dss = CONFIG_DSS;
static const bool config_experimental_sdt = CONFIG_EXPERIMENTAL_SDT;
static const bool config_fill = CONFIG_FILL;
static const bool config_force_getenv = CONFIG_FORCE_GETENV;
static const bool config_lazy_lock = CONFIG_LAZY_LOCK;
static const bool config_libdl = CONFIG_LIBDL;
static const bool config_log = CONFIG_LOG;
static const bool config_pageid = CONFIG_PAGEID;
static const bool config_prof = CONFIG_PROF;
static const bool config_prof_frameptr = CONFIG_PROF_FRAMEPTR;
static const bool config_prof_gcc = CONFIG_PROF_GCC;
static const bool config_prof_libgcc = CONFIG_PROF_LIBGCC;
static const bool config_prof_libunwind = CONFIG_PROF_LIBUNWIND;
static const bool config_stats = CONFIG_STATS;
static const bool config_syscall = CONFIG_SYSCALL;
static const bool config_user_config = CONFIG_USER_CONFIG;
static const bool config_utrace = CONFIG_UTRACE;
static const bool config_xmalloc = CONFIG_XMALLOC;

#define LG_PAGE CONFIG_LG_PAGE
#define LG_QUANTUM CONFIG_LG_QUANTUM
#define LG_VADDR CONFIG_LG_VADDR
#define LG_HUGEPAGE CONFIG_LG_HUGEPAGE

#define PAGE ((size_t)1 << LG_PAGE)
#define PAGE_MASK (PAGE - 1)
#define HUGEPAGE ((size_t)1 << LG_HUGEPAGE)
#define CACHELINE 64

#endif /* PLATFORM_BUILD_H */
