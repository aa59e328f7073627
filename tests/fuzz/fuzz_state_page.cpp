// What Wax reads where monitors lie: pages with anything in them, at any times. Whatever view comes
// of them, all that policies advise on it can be followed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "policy/hint_words.h"
#include "policy/observer.h"
#include "policy/policy.h"
#include "tests/support/state_pages.h"
#include "tests/unit/policy/any_view.h"

using namespace hive::policy;

namespace {

constexpr std::uint64_t kStart = 1'000'000'000'000;
constexpr std::uint64_t kRound = 250'000'000;
constexpr Cell kCells = 3;

/// The input, piece by piece; zeros once it has ended.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  [[nodiscard]] bool ended() const { return left_ == 0; }

  template <typename Value>
  Value take() {
    Value value{};
    const std::size_t size = std::min(left_, sizeof value);
    std::memcpy(&value, data_, size);
    data_ += size;
    left_ -= size;
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

/// A sound page of CELL's at NOW, in which up to 15 words are anything.
hive_state_page next_page(Input& input, Cell cell, std::uint64_t now) {
  const auto kind = input.take<std::uint8_t>();
  hive_state_page page = hive::test::state_page(cell, now, now / 2, kind >> 4U);
  for (unsigned i = 0; i < kind % 16U; ++i) {
    const std::size_t word = input.take<std::uint16_t>() % (sizeof page / 8);
    const auto value = input.take<std::uint64_t>();
    std::memcpy(reinterpret_cast<std::uint8_t*>(&page) + word * 8, &value, 8);
  }
  return page;
}

void check_advice(const View& view) {
  for (const Policy& policy : policies()) {
    if (!fault_of_advice(policy.decide, view).empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto observer = std::make_unique<Observer>();
  const auto view = std::make_unique<View>();
  std::uint64_t now = kStart;
  for (unsigned round = 0; round < 6 && !input.ended(); ++round) {
    for (Cell cell = 0; cell < kCells; ++cell) {
      const hive_state_page page = next_page(input, cell, now);
      hive::StateReading reading;
      observer->see(cell, hive::read_state_page(page, cell, reading) ? &reading : nullptr);
    }
    observer->show({now, 1, 2}, *view);
    check_advice(*view);
    now += kRound;
  }
  Hint hint;
  const auto words = input.take<hive_wax_hint>();
  if (read_hint(words, hint)) {
    const hive_wax_hint again = words_of(hint, {words.epoch, words.incarnation});
    if (std::memcmp(&words, &again, sizeof words) != 0) std::abort();
  }
  return 0;
}
