#include "tests/bench/rpc/micro_talk.h"

#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "vmm/base/units.h"

namespace hive::bench {
namespace {

// In a guest's own RAM.
constexpr std::uint64_t kTalks = 4 * kMiB, kTimes = 5 * kMiB, kBuffer = 6 * kMiB;
constexpr std::uint64_t kTimesSize = 4096;
constexpr std::uint64_t kForEver = 1'000'000'000'000;

struct Kind {
  const char* name;
  std::uint64_t length;
  std::uint64_t spin;
  std::uint64_t turns;  ///< That are measured; as many come before.
};
constexpr Kind kKinds[] = {
    {"null rpc spinning", 1, kForEver, 200}, {"null rpc sleeping", 1, 0, 200},
    {"128 B spinning", 128, kForEver, 200},  {"128 B sleeping", 128, 0, 200},
    {"4 KiB spinning", 4096, kForEver, 50},  {"4 KiB sleeping", 4096, 0, 50},
};

hive_micro_talk make_talk(unsigned number, const TalkPlaces& places, const Kind& kind,
                          std::uint64_t index) {
  hive_micro_talk talk{};
  talk.own = places.own;
  talk.other = places.other;
  talk.buffer = kBuffer;
  talk.length = kind.length;
  talk.doorbell = places.doorbell;
  talk.ring = places.ring;
  talk.flags = (number == 0 ? HIVE_MICRO_TALK_CALLS : 0) |
               (places.rings_always ? HIVE_MICRO_TALK_RINGS_ALWAYS : 0);
  talk.spin = kind.spin;
  talk.turns = 2 * kind.turns;
  talk.times = kTimes + index * kTimesSize;
  return talk;
}

/// The ticks of the TSC in a microsecond.
double ticks_in_us() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const std::uint64_t first = __rdtsc();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const std::uint64_t last = __rdtsc();
  const std::chrono::duration<double, std::micro> passed = Clock::now() - start;
  return static_cast<double>(last - first) / passed.count();
}

}  // namespace

std::vector<micro::Action> talk_script(unsigned number, const TalkPlaces& places,
                                       const std::vector<micro::Action>& setup) {
  std::vector<micro::Action> script = setup;
  std::uint64_t index = 0;
  for (const Kind& kind : kKinds) {
    const hive_micro_talk talk = make_talk(number, places, kind, index);
    const std::uint64_t at = kTalks + index * sizeof talk;
    const auto* words = reinterpret_cast<const std::uint64_t*>(&talk);
    for (std::size_t word = 0; word < sizeof talk / 8; ++word) {
      script.push_back(micro::store(8, at + 8 * word, words[word]));
    }
    script.push_back(micro::talk(at));
    ++index;
  }
  return script;
}

bool talk_is_over(const LoadWord& load) {
  const auto state = static_cast<std::uint32_t>(load(micro::results_address(0)));
  const std::uint64_t exceptions =
      load(micro::results_address(0) + offsetof(hive_micro_results, exceptions));
  if (state > HIVE_MICRO_DONE || exceptions != 0) throw std::runtime_error("the guest failed");
  return state == HIVE_MICRO_DONE;
}

std::map<std::string, std::map<std::string, double>> talk_times(const LoadWord& load) {
  const double ticks = ticks_in_us();
  std::map<std::string, std::map<std::string, double>> found;
  std::uint64_t index = 0;
  for (const Kind& kind : kKinds) {
    std::vector<double> times;
    for (std::uint64_t turn = kind.turns; turn < 2 * kind.turns; ++turn) {
      times.push_back(static_cast<double>(load(kTimes + index * kTimesSize + 8 * turn)) / ticks);
    }
    ++index;
    std::sort(times.begin(), times.end());
    found[kind.name] = {{"min", times.front()},
                        {"median", times[kind.turns / 2]},
                        {"p99", times[(kind.turns - 1) * 99 / 100]},
                        {"max", times.back()}};
  }
  return found;
}

}  // namespace hive::bench
