#include "ds/list.h"

#include "support/harness.h"

#include "platform/compiler.h"

#define NNODES 4

static list_t list;
static list_node_t nodes[NNODES];

/* The list consists of these nodes, by number, both ways. */
static void
assert_order(const list_t *l, const char *numbers)
{
	const list_node_t *node = list_first(l);
	const char *n = numbers;
	for (; *n != '\0'; n++) {
		assert_ptr_equal(node, &nodes[*n - '0']);
		assert_true(list_node_is_linked(node));
		node = list_next(l, node);
	}
	assert_null(node);
	for (node = list_last(l); n-- != numbers; node = list_prev(l, node)) {
		assert_ptr_equal(node, &nodes[*n - '0']);
	}
	assert_null(node);
	assert_int_equal(list_is_empty(l), *numbers == '\0');
}

TEST(push_and_remove)
{
	list_init(&list);
	assert_order(&list, "");
	list_push_back(&list, &nodes[1]);
	assert_order(&list, "1");
	list_push_front(&list, &nodes[0]);
	list_push_back(&list, &nodes[3]);
	list_insert_after(&nodes[1], &nodes[2]);
	assert_order(&list, "0123");
	list_remove(&nodes[2]);
	assert_false(list_node_is_linked(&nodes[2]));
	assert_order(&list, "013");
	list_remove(&nodes[0]);
	list_remove(&nodes[3]);
	assert_order(&list, "1");
	list_remove(&nodes[1]);
	assert_order(&list, "");
}

TEST(pop_front)
{
	list_init(&list);
	assert_null(list_pop_front(&list));
	list_push_back(&list, &nodes[0]);
	list_push_back(&list, &nodes[1]);
	assert_ptr_equal(list_pop_front(&list), &nodes[0]);
	assert_order(&list, "1");
	assert_ptr_equal(list_pop_front(&list), &nodes[1]);
	assert_null(list_pop_front(&list));
}

/* Empty or not, on either side. */
TEST(splice)
{
	list_t other;
	list_init(&list);
	list_init(&other);
	list_splice_back(&list, &other);
	assert_order(&list, "");
	list_push_back(&other, &nodes[0]);
	list_push_back(&other, &nodes[1]);
	list_splice_back(&list, &other);
	assert_order(&list, "01");
	assert_order(&other, "");
	list_splice_back(&list, &other);
	assert_order(&list, "01");
	list_push_back(&other, &nodes[2]);
	list_push_back(&other, &nodes[3]);
	list_splice_back(&list, &other);
	assert_order(&list, "0123");
	assert_order(&other, "");
}

/* A node finds its object. */
TEST(container)
{
	struct object {
		int before;
		list_node_t link;
	} object;
	list_init(&list);
	list_push_back(&list, &object.link);
	assert_ptr_equal(container_of(list_first(&list), struct object, link),
	    &object);
}
