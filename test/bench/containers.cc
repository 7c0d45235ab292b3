/*
 * containers: the standard containers of C++: maps, strings, lists, vectors.
 *
 *	containers ROUNDS
 *
 * A round makes one record (a map from strings to vectors of numbers), keeps
 * it among 200 and drops the one that had its place.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace
{

class random_t
{
      public:
	std::uint64_t
	next()
	{
		std::uint64_t z = (state += 0x9e3779b97f4a7c15u);

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		return z ^ (z >> 31);
	}

	std::size_t
	below(std::size_t bound)
	{
		return static_cast<std::size_t>(next() % bound);
	}

      private:
	std::uint64_t state = 16;
};

struct record_t {
	std::map<std::string, std::vector<std::uint32_t>> fields;
	std::unordered_map<std::uint32_t, std::string> names;
	std::list<std::uint32_t> order;
};

std::unique_ptr<record_t>
record_make(random_t &random)
{
	auto record = std::make_unique<record_t>();
	std::size_t fields = 5 + random.below(40);

	for (std::size_t i = 0; i < fields; i++) {
		std::string name(4 + random.below(40), 'a');
		auto id = static_cast<std::uint32_t>(random.next());

		name[0] = static_cast<char>('a' + random.below(26));
		name[1] = static_cast<char>('a' + random.below(26));
		for (std::size_t k = random.below(30); k > 0; k--) {
			record->fields[name].push_back(id);
		}
		record->names.emplace(id, name + "." + name);
		record->order.push_back(id);
	}
	record->order.sort();
	return record;
}

std::uint64_t
record_sum(const record_t &record)
{
	std::uint64_t sum = 0;

	for (const auto &field : record.fields) {
		for (std::uint32_t number : field.second) {
			sum += number * field.first.size();
		}
	}
	for (std::uint32_t id : record.order) {
		sum = sum * 31 + id + record.names.at(id).size();
	}
	return sum;
}

} // namespace

int
main(int argc, char **argv)
{
	std::size_t rounds = argc > 1 ? std::strtoul(argv[1], nullptr, 0)
				      : 1000;
	std::vector<std::unique_ptr<record_t>> records(200);
	std::uint64_t sum = 0;
	random_t random;

	for (std::size_t i = 0; i < rounds; i++) {
		auto &place = records[random.below(records.size())];

		place = record_make(random);
		sum += record_sum(*place);
	}
	std::printf("ops %zu\ncheck %llu\n", rounds,
	    static_cast<unsigned long long>(sum));
	return 0;
}
