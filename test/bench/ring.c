/*
 * ring: buffers that travel through a chain of threads.
 *
 *	ring MESSAGES THREADS
 *
 * The first thread fills messages of 16 buffers of 1 to 32 KiB.  Each thread
 * on the way replaces every other buffer of a message by a new one of
 * another size and passes it on; the last frees it.
 */
#include "queue.h"

#define BUFFERS 16
#define STAGES_MAX 16

typedef struct {
	void *buffers[BUFFERS];
} message_t;

typedef struct {
	queue_t *in, *out;
	uint64_t rng;
	size_t messages;
	tally_t tally;
	pthread_t thread;
	APART;
} stage_t;

static queue_t queues[STAGES_MAX];

static void *
buffer_new(stage_t *stage, size_t tag)
{
	size_t size = rng_between(&stage->rng, KIB, 32 * KIB);
	void *p = block_new(size, tag, &stage->tally);

	block_touch(p, size, 1);
	return p;
}

static message_t *
message_new(stage_t *stage)
{
	message_t *message = must(malloc(sizeof(*message)));
	size_t i;

	for (i = 0; i < BUFFERS; i++) {
		message->buffers[i] = buffer_new(stage, i);
	}
	return message;
}

static void *
work(void *arg)
{
	stage_t *stage = arg;
	message_t *message;
	size_t n, i;

	for (n = 0; n < stage->messages; n++) {
		message = stage->in == NULL ? message_new(stage)
					    : queue_take(stage->in);
		for (i = n % 2; i < BUFFERS && stage->in != NULL; i += 2) {
			block_end(message->buffers[i], &stage->tally);
			message->buffers[i] = buffer_new(stage, i);
		}
		if (stage->out != NULL) {
			queue_put(stage->out, message);
			continue;
		}
		for (i = 0; i < BUFFERS; i++) {
			block_end(message->buffers[i], &stage->tally);
		}
		free(message);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	size_t messages = arg_at(argc, argv, 1, 1000);
	size_t n = arg_at(argc, argv, 2, 4);
	stage_t *stages;
	tally_t sum = {0, 0, 0};
	size_t i;

	if (n < 2 || n > STAGES_MAX) {
		die("ring: 2 to 16 threads");
	}
	stages = must(calloc(n, sizeof(*stages)));
	for (i = 0; i < n; i++) {
		queue_init(&queues[i], 32);
		stages[i].in = i == 0 ? NULL : &queues[i - 1];
		stages[i].out = i == n - 1 ? NULL : &queues[i];
		stages[i].rng = i + 1;
		stages[i].messages = messages;
	}
	for (i = 0; i < n; i++) {
		stages[i].thread = thread_start(work, &stages[i]);
	}
	for (i = 0; i < n; i++) {
		thread_end(stages[i].thread);
		tally_add(&sum, &stages[i].tally);
	}
	free(stages);
	return bench_end(&sum);
}
