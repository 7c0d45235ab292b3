# The one list of the library's sources, in the order of src/LAYERS.  The
# Makefile, the checks and the ports read it; add a new file here.
SRCS := \
	src/platform/clock.c \
	src/platform/fatal.c \
	src/platform/io.c \
	src/platform/mutex.c \
	src/platform/os_calls.c \
	src/platform/os_thread.c \
	src/platform/pages.c \
	src/platform/witness.c \
	src/meta/base.c \
	src/meta/conf.c \
	src/meta/conf_source.c \
	src/meta/conf_value.c \
	src/meta/edata_cache.c \
	src/meta/ehooks.c \
	src/meta/options.c \
	src/meta/pagemap.c \
	src/meta/size_class.c \
	src/meta/thr.c \
	src/page/decay.c \
	src/page/dss.c \
	src/page/ecache.c \
	src/page/eset.c \
	src/page/extent.c \
	src/page/hooks_default.c \
	src/page/pac.c \
	src/arena/arena.c \
	src/arena/arenas.c \
	src/arena/bin.c \
	src/arena/bin_info.c \
	src/arena/large.c \
	src/arena/misuse.c \
	src/thread/internal_alloc.c \
	src/thread/tcache.c \
	src/thread/thread_event.c \
	src/thread/tsd.c \
	src/ctl/ctl.c \
	src/ctl/stats_print.c \
	src/api/alloc.c \
	src/api/control.c \
	src/api/fork.c \
	src/api/init.c \
	src/api/malloc.c \
	src/api/mallocx.c \
	src/api/new.cc \

