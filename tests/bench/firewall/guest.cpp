#include "tests/bench/firewall/guest.h"

#include <stdexcept>

#include "vmm/base/units.h"

namespace hive::bench {
namespace {

// In the guest's own RAM: the turn that it may begin, and the last that it has ended, from 1.
constexpr std::uint64_t kBegin = 8 * kMiB, kEnded = kBegin + 64;
constexpr std::chrono::seconds kPatience{600};
constexpr std::uint64_t kForEver = ~std::uint64_t{0};
constexpr unsigned kMapped = 2;

}  // namespace

std::vector<micro::Action> Guest::script(std::uint64_t size, const std::vector<Turn>& turns) {
  std::vector<micro::Action> body;
  for (std::uint64_t turn = 0; turn < turns.size(); ++turn) {
    body.push_back(micro::wait(8, kBegin, turn + 1));
    body.push_back(micro::rdtsc());
    body.insert(body.end(), turns[turn].begin(), turns[turn].end());
    body.push_back(micro::store(8, kEnded, turn + 1));
  }
  std::vector<micro::Action> all{micro::map(address(size, 0)), micro::map(address(size, size - 1)),
                                 micro::loop(kForEver, body.size())};
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

std::vector<Guest::Place> Guest::places_of(const std::vector<Turn>& turns) {
  std::vector<Place> places;
  unsigned next = kMapped + 1;
  for (const Turn& turn : turns) {
    const auto count = static_cast<unsigned>(turn.size());
    places.push_back({next + 2, count});
    next += count + 3;
  }
  return places;
}

Guest::Guest(std::uint64_t size, const std::vector<Turn>& turns)
    : places_(places_of(turns)), cells_({{{micro::end()}}, {script(size, turns)}}, size) {
  cells_.start();
}

std::vector<std::uint64_t> Guest::perform(unsigned turn) {
  test::MicroCell& beta = cells_.cell(1);
  const memory::GuestMemory& ram = beta.cell().memory();
  const bool told = ram.store<std::uint64_t>({kEnded}, 0) &&
                    ram.store<std::uint64_t>({kBegin}, turn + std::uint64_t{1});
  last_.here = Clock::now();
  const auto ended = [&] { return ram.load<std::uint64_t>({kEnded}) == turn + 1; };
  if (!told || !beta.run_until(ended, kPatience)) throw std::runtime_error("the guest hangs");
  const Place& place = places_.at(turn);
  last_.there = beta.result(0, place.first - 1).value;
  if (first_.there == 0) first_ = last_;
  std::vector<std::uint64_t> values;
  for (unsigned action = 0; action < place.count; ++action) {
    values.push_back(beta.result(0, place.first + action).value);
  }
  return values;
}

double Guest::ticks_in_us() const {
  const std::chrono::duration<double, std::micro> passed = last_.here - first_.here;
  return static_cast<double>(last_.there - first_.there) / passed.count();
}

}  // namespace hive::bench
