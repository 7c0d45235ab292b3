/*
 * conf: grammar, sources and their precedence, messages, abort_conf and
 * confirm_conf.
 */
#include "meta/options.h"

#include <stdio.h>
#include <string.h>

#include "conf_support.h"
#include "ds/prng.h"
#include "platform/build.h"
#include "platform/io.h"
#include "support/harness.h"

#define SAY(text) "<jemalloc>: " text "\n"
#define TWICE(text) SAY(text) SAY(text)
#define ABORTS                                                                 \
	SAY("Abort (abort_conf:true) on invalid conf value "                   \
	    "(see above).")
#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8

/* Errors of grammar are said by both passes; the rest of the text is lost. */
TEST(grammar_errors)
{
	assert_conf_says("tcache",
	    TWICE("Conf string ends with key -- tcache"));
	assert_conf_says("narenas:2,tcache",
	    TWICE("Conf string ends with key -- tcache"));
	assert_int_equal(opt.narenas, 2);
	assert_conf_says("tcache:true,",
	    TWICE("Conf string ends with comma -- tcache:true,"));
	assert_conf_says("narenas:2,tcache:false,",
	    TWICE("Conf string ends with comma -- tcache:false,"));
	assert_false(opt.tcache);
	assert_conf_says("foo bar:1,narenas:2",
	    TWICE("Malformed conf string -- foo "));
	assert_int_equal(opt.narenas, 0);
	assert_conf_says(",tcache:true", TWICE("Malformed conf string -- ,"));
	assert_conf_says("narenas:2,,narenas:3",
	    TWICE("Malformed conf string -- ,"));
	assert_int_equal(opt.narenas, 2);
	assert_conf_says("narenas:2;tcache:false",
	    SAY("Invalid conf value: narenas:2;tcache:false"));
	assert_conf_says("tcache,narenas:2",
	    TWICE("Malformed conf string -- tcache,"));
	assert_conf_says("a\xff:1", TWICE("Malformed conf string -- a\xff"));
	assert_conf_says(X64 X8, TWICE("Conf string ends with key -- " X64));
	assert_conf_says("zog2:" X64 ",",
	    SAY("Conf string ends with comma -- zog2:xxx" X8 X8 X8 X8 X8 X8 X8)
		SAY("Conf string ends with comma -- zog2:xxx" X8 X8 X8 X8 X8 X8
			X8) SAY("Invalid conf pair: zog2:" X64));
}

/* Errors in keys and values are said once, and the rest is applied. */
TEST(key_errors)
{
	assert_conf_says("nonsense:1,narenas:2",
	    SAY("Invalid conf pair: nonsense:1"));
	assert_int_equal(opt.narenas, 2);
	assert_conf_says(":x", SAY("Invalid conf pair: :x"));
	assert_conf_says(":", SAY("Invalid conf pair: :"));
	assert_conf_says("decay_ms:30000",
	    SAY("Invalid conf pair: decay_ms:30000"));
	assert_conf_says("Tcache:true",
	    SAY("Invalid conf pair: Tcache:true") SAY("Did you mean tcache?"));
	assert_conf_says("thp:d", SAY("Invalid conf value: thp:d"));
	assert_conf_says("d:primary", SAY("Invalid conf pair: d:primary"));
	assert_conf_says("prof_prefix:a:b|c/d-e,tcache:yes",
	    config_prof ? SAY("Invalid conf value: tcache:yes")
			: SAY("Invalid conf pair: prof_prefix:a:b|c/d-e")
			      SAY("Invalid conf value: tcache:yes"));
}

/* Few letters wrong: the key that was meant is named, if this build has it. */
TEST(hints)
{
	assert_conf_says("tcahce:true",
	    SAY("Invalid conf pair: tcahce:true") SAY("Did you mean tcache?"));
	assert_conf_says("dirty_decay:1",
	    SAY("Invalid conf pair: dirty_decay:1")
		SAY("Did you mean dirty_decay_ms?"));
	assert_conf_says("backgroundthread:1",
	    SAY("Invalid conf pair: backgroundthread:1")
		SAY("Did you mean background_thread?"));
	assert_conf_says("trace:1", SAY("Invalid conf pair: trace:1"));
}

/* A message has no limit, though it is made in pieces. */
TEST(long_messages)
{
	static char text[5000], message[5100];
	memset(text, 'v', sizeof(text) - 1);
	memcpy(text, "nonsense:", strlen("nonsense:"));
	snprintf(message, sizeof(message), SAY("Invalid conf pair: %s"), text);
	assert_conf_says(text, message);
}

/* The last setting holds, inside a text and from source to source. */
TEST(precedence)
{
	options_sources_t sources = {.text = {NULL}};

	conf_boot("narenas:1,narenas:2");
	assert_int_equal(opt.narenas, 2);
	for (int s = 1; s < OPT_SOURCE_COUNT; s++) {
		sources.text[s] = conf_text("narenas:%d,"
					    "lg_tcache_nslots_mul:%d",
		    s, s);
		conf_boot_sources(&sources);
		assert_int_equal(opt.narenas, s);
		assert_int_equal(opt.lg_tcache_nslots_mul, s);
		assert_int_equal(opt_set_by[OPT_ID_narenas], s);
		assert_int_equal(opt_set_by[OPT_ID_retain], OPT_SOURCE_DEFAULT);
	}
	for (int s = OPT_SOURCE_COUNT - 1; s > 1; s--) {
		sources.text[s] = NULL;
		conf_boot_sources(&sources);
		assert_int_equal(opt.narenas, s - 1);
	}
}

/* Keys do not disturb each other over sources. */
TEST(sources_join)
{
	options_sources_t sources = {
	    .text = {
		[OPT_SOURCE_COMPILED_IN] = "narenas:1",
		[OPT_SOURCE_GLOBAL_VAR] = "dirty_decay_ms:2,muzzy_decay_ms:2",
		[OPT_SOURCE_SYMLINK] = "muzzy_decay_ms:1234,bogus_sym:1",
		[OPT_SOURCE_ENV] = "tcache:false",
		[OPT_SOURCE_GLOBAL_VAR_2] = "retain:false",
	    }};
	conf_boot_sources(&sources);
	assert_string_equal(conf_messages,
	    SAY("Invalid conf pair: bogus_sym:1"));
	assert_int_equal(opt.narenas, 1);
	assert_int_equal(opt.dirty_decay_ms, 2);
	assert_int_equal(opt.muzzy_decay_ms, 1234);
	assert_false(opt.tcache);
	assert_false(opt.retain);
}

/* Present is not the same as not empty. */
TEST(texts_of_sources)
{
	options_sources_t sources = {.text = {
					 [OPT_SOURCE_GLOBAL_VAR] = "",
					 [OPT_SOURCE_ENV] = "narenas:3",
				     }};
	assert_true(options_are_given(&sources));
	conf_boot_sources(&sources);
	assert_null(options_source_text(OPT_SOURCE_COMPILED_IN));
	assert_string_equal(options_source_text(OPT_SOURCE_GLOBAL_VAR), "");
	assert_null(options_source_text(OPT_SOURCE_SYMLINK));
	assert_ptr_equal(options_source_text(OPT_SOURCE_ENV),
	    sources.text[OPT_SOURCE_ENV]);
	assert_null(options_source_text(OPT_SOURCE_GLOBAL_VAR_2));

	sources = (options_sources_t){.text = {[OPT_SOURCE_ENV] = ""}};
	assert_false(options_are_given(&sources));
	conf_boot_sources(&sources);
	assert_string_equal(options_source_text(OPT_SOURCE_ENV), "");
	assert_string_equal(conf_messages, "");
}

/* Without any source, nothing changes and nothing is said. */
TEST(no_sources)
{
	options_sources_t sources = {.text = {NULL}};
	conf_reset();
	options_t before = opt;
	conf_boot_sources(&sources);
	assert_memory_equal(&opt, &before, sizeof(opt));
	assert_string_equal(conf_messages, "");
}

#define HEADER_1(text)                                                         \
	SAY("malloc_conf #1 (string specified via "                            \
	    "--with-malloc-conf): \"" text "\"")
#define HEADER_2(text)                                                         \
	SAY("malloc_conf #2 (string pointed to by the global "                 \
	    "variable malloc_conf): \"" text "\"")
#define HEADER_3(text)                                                         \
	SAY("malloc_conf #3 (\"name\" of the file referenced "                 \
	    "by the symbolic link named /etc/malloc.conf): \"" text "\"")
#define HEADER_4(text)                                                         \
	SAY("malloc_conf #4 (value of the environment "                        \
	    "variable MALLOC_CONF): \"" text "\"")
#define HEADER_5(text)                                                         \
	SAY("malloc_conf #5 (string pointed to by the global "                 \
	    "variable malloc_conf_2_conf_harder): \"" text "\"")
#define SET(pair) SAY("-- Set conf value: " pair)

TEST(confirm_conf)
{
	assert_conf_says("confirm_conf:true,narenas:1",
	    HEADER_1("") HEADER_2("") HEADER_3("")
		HEADER_4("confirm_conf:true,narenas:1") SET("confirm_conf:true")
		    SET("narenas:1") HEADER_5(""));

	/* The position does not matter; what is refused is not confirmed. */
	assert_conf_says("narenas:1,tcache:yes,bogus:1,confirm_conf:true",
	    HEADER_1("") HEADER_2("") HEADER_3("")
		HEADER_4("narenas:1,tcache:yes,bogus:1,confirm_conf:true")
		    SET("narenas:1") SAY("Invalid conf value: tcache:yes")
			SAY("Invalid conf pair: bogus:1")
			    SET("confirm_conf:true") HEADER_5(""));

	/* Lines follow the momentary value, headers the last one. */
	assert_conf_says("confirm_conf:true,narenas:1,confirm_conf:false",
	    SET("confirm_conf:true") SET("narenas:1"));
}

/* A value that is no bool is reported once, by the second pass. */
TEST(confirm_conf_bad)
{
	assert_conf_says("confirm_conf:yes",
	    SAY("Invalid conf value: confirm_conf:yes"));
}

TEST(confirm_conf_all_sources)
{
	options_sources_t sources = {
	    .text = {
		[OPT_SOURCE_COMPILED_IN] = "narenas:1",
		[OPT_SOURCE_GLOBAL_VAR] = "narenas:2",
		[OPT_SOURCE_SYMLINK] = "narenas:3",
		[OPT_SOURCE_ENV] = "narenas:4",
		[OPT_SOURCE_GLOBAL_VAR_2] = "confirm_conf:true",
	    }};
	conf_boot_sources(&sources);
	assert_string_equal(conf_messages,
	    HEADER_1("narenas:1") SET("narenas:1") HEADER_2("narenas:2")
		SET("narenas:2") HEADER_3("narenas:3") SET("narenas:3")
		    HEADER_4("narenas:4") SET("narenas:4")
			HEADER_5("confirm_conf:true") SET("confirm_conf:true"));
	sources.text[OPT_SOURCE_ENV] = "";
	sources.text[OPT_SOURCE_GLOBAL_VAR_2] = "confirm_conf:false";
	conf_boot_sources(&sources);
	assert_string_equal(conf_messages, "");
}

/* Fail, with messages where a program has them. */
static void
boot_in_child(void *arg)
{
	je_malloc_message = NULL;
	opt.abort_conf = false;
	options_boot(arg);
}

static void
assert_aborts(options_sources_t *sources, const char *text)
{
	harness_child_t child;
	assert_dies(boot_in_child, sources, text);
	harness_run_child(boot_in_child, sources, &child);
	assert_string_equal(child.err, text);
}

static void
assert_text_aborts(const char *conf, const char *text)
{
	options_sources_t sources = {.text = {[OPT_SOURCE_ENV] = conf}};
	assert_aborts(&sources, text);
}

/* The whole source is reported first; the order inside it does not matter. */
TEST(abort_conf_reports_first)
{
	assert_text_aborts("abort_conf:true,bogus:1",
	    SAY("Invalid conf pair: bogus:1") ABORTS);
	assert_text_aborts("bogus:1,tcache:yes,abort_conf:true,narenas:0",
	    SAY("Invalid conf pair: bogus:1")
		SAY("Invalid conf value: tcache:yes")
		    SAY("Out-of-range conf value: narenas:0") ABORTS);
	assert_text_aborts("abort_conf:true,tcache",
	    TWICE("Conf string ends with key -- tcache") ABORTS);
	assert_text_aborts("abort_conf:true,bin_shards:x",
	    SAY("Invalid settings for bin_shards: bin_shards:x") ABORTS);
}

/* Errors of grammar in a later source are known from the first pass. */
TEST(abort_conf_over_sources)
{
	options_sources_t sources = {
	    .text = {
		[OPT_SOURCE_GLOBAL_VAR] = "abort_conf:true",
		[OPT_SOURCE_ENV] = "tcache",
	    }};
	assert_aborts(&sources,
	    SAY("Conf string ends with key -- tcache") ABORTS);

	/* Errors before the setting count as well. */
	sources = (options_sources_t){.text = {
					  [OPT_SOURCE_GLOBAL_VAR] = "bogus:1",
					  [OPT_SOURCE_ENV] = "abort_conf:true",
				      }};
	assert_aborts(&sources, SAY("Invalid conf pair: bogus:1") ABORTS);
}

/* Behind the point where the text is malformed, nothing is seen. */
TEST(abort_conf_not_seen)
{
	assert_conf_says("foo bar:1,abort_conf:true",
	    TWICE("Malformed conf string -- foo "));
}

/* Keys that are on trial may be unknown to this release. */
TEST(tolerated_keys)
{
	assert_conf_says("abort_conf:true,experimental_nothing:1,"
			 "hpa_sec_bytes_after_flush:1,experimental_tcache_gc:x",
	    SAY("Invalid conf pair: experimental_nothing:1")
		SAY("Invalid conf pair: hpa_sec_bytes_after_flush:1")
		    SAY("Invalid conf value: experimental_tcache_gc:x"));
}

TEST(profiling_dependencies)
{
	if (!config_prof) {
		skip();
	}
	assert_conf_says("prof_leak:true,prof_gdump:true", "");
	assert_true(opt.prof);
	assert_false(opt.prof_gdump);
	assert_int_equal(opt_set_by[OPT_ID_prof], OPT_SOURCE_DEFAULT);
	assert_conf_says("prof:true,prof_leak:true,prof_gdump:true", "");
	assert_true(opt.prof_gdump);
	assert_conf_says("prof_leak_error:true,prof_final:true", "");
	assert_true(opt.prof_leak);
	assert_conf_says("prof_leak_error:true",
	    SAY("prof_leak_error is set w/o prof_final."));
	assert_text_aborts("prof_leak_error:true,abort_conf:true",
	    SAY("prof_leak_error is set w/o prof_final.") ABORTS);
}

/* One of the pieces from which random texts are put together. */
static const char *
fuzz_piece(uint64_t *seed, char *buf, size_t size)
{
	static const char pieces[][24] = {
	    ",",
	    ":",
	    "|",
	    "-",
	    "true",
	    "false",
	    "0",
	    "1",
	    "-1",
	    " ",
	    "18446744073709551616",
	    "0x",
	    "default",
	    "1-8:2",
	    "Jgm",
	    "experimental_",
	    ".5",
	    "65536",
	    "\xff",
	    "\n",
	    "confirm_conf",
	};
	uint64_t which = prng_below(seed, ARRAY_LEN(pieces) + 40);
	if (which < ARRAY_LEN(pieces)) {
		return pieces[which];
	}
	snprintf(buf, size, "%s:", opt_rows[prng_below(seed, OPT_COUNT)].name);
	return buf;
}

/* No text does harm, and everything said begins as it should. */
TEST(random_texts)
{
	uint64_t seed = 1;
	for (int round = 0; round < 20000; round++) {
		char text[512], buf[64];
		size_t used = 0;
		uint64_t pieces = prng_below(&seed, 12);
		text[0] = '\0';
		for (uint64_t i = 0; i < pieces; i++) {
			used += (size_t)snprintf(text + used,
			    sizeof(text) - used, "%s",
			    fuzz_piece(&seed, buf, sizeof(buf)));
		}
		conf_reset();
		if (strstr(text, "abort_conf") != NULL) {
			continue;
		}
		options_sources_t sources = {.text = {
						 [OPT_SOURCE_ENV] = text,
					     }};
		conf_boot_sources(&sources);
		assert_true(conf_messages[0] == '\0' ||
		    strncmp(conf_messages, "<jemalloc>: ", 12) == 0);
		assert_true(opt.bin_shards.count <= OPT_RANGES_MAX);
		assert_true(strlen(opt.stats_print_opts) < OPT_LETTERS_SIZE);
	}
}

/* Random bytes, without structure. */
TEST(random_bytes)
{
	uint64_t seed = 2;
	for (int round = 0; round < 20000; round++) {
		char text[64];
		size_t length = prng_below(&seed, sizeof(text));
		for (size_t i = 0; i < length; i++) {
			text[i] = (char)prng_below(&seed, 256);
		}
		text[length] = '\0';
		conf_boot(text);
	}
}
