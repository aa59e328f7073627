// A guest that takes Wax's place as a fault: it writes hints without end and without rest. Garbage
// is drawn from a seed, some of it of the right epoch and incarnation, some of a right form as
// well; a flood is one sound hint again and again.
#include <cstring>
#include <string_view>

#include "guests/abi/wax.h"
#include "guests/bare/idt.h"
#include "guests/bare/start_info.h"
#include "guests/wax/command_line.h"
#include "guests/wax/device.h"
#include "guests/wax/fail.h"
#include "policy/hint_words.h"

namespace hive::wax {
namespace {

/// How many hints follow before a round counts as done: more than a device takes.
constexpr unsigned kHintsInRound = 2 * HIVE_WAX_MAX_HINTS;

/// splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30U) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27U) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31U;
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

/// The number that TEXT begins with.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') break;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return number;
}

/// A hint as its kind has it. Whether it can be followed is another matter.
policy::Hint draw_form(Random& random, std::uint32_t cells) {
  using policy::HintKind;
  policy::Hint hint{static_cast<HintKind>(1 + random.below(HIVE_WAX_MOVE))};
  hint.cell = static_cast<policy::Cell>(random.below(cells + 1));
  const auto peer = static_cast<policy::Cell>(random.below(cells + 1));
  const std::uint32_t amount =
      random.below(2) == 0 ? random.below(64) : static_cast<std::uint32_t>(random.next());
  if (hint.kind != HintKind::kWeight && hint.kind != HintKind::kPlace) hint.peer = peer;
  if (hint.kind != HintKind::kPlace && hint.kind != HintKind::kMove) hint.amount = amount;
  if (hint.kind == HintKind::kMove) hint.section = amount;
  return hint;
}

hive_wax_hint draw(Random& random, const policy::Author& author, std::uint32_t cells) {
  std::uint64_t words[sizeof(hive_wax_hint) / sizeof(std::uint64_t)];
  for (std::uint64_t& word : words) word = random.next();
  hive_wax_hint hint;
  memcpy(&hint, words, sizeof hint);
  const std::uint32_t soundness = random.below(4);
  if (soundness == 0) return hint;
  hint.epoch = author.epoch;
  hint.incarnation = author.incarnation;
  if (soundness == 1) return hint;
  return policy::words_of(draw_form(random, cells), author);
}

[[noreturn]] void flood(const Device& device, const policy::Author& author) {
  volatile hive_wax_registers& registers = *device.registers;
  const hive_wax_hint hint =
      policy::words_of({policy::HintKind::kWeight, 0, policy::kNoCell, 100}, author);
  for (std::uint64_t round = 1;; ++round) {
    for (unsigned i = 0; i < kHintsInRound; ++i) submit(registers, hint);
    registers.heartbeat = round;
  }
}

[[noreturn]] void babble(const Device& device, const policy::Author& author, std::uint64_t seed) {
  volatile hive_wax_registers& registers = *device.registers;
  Random random(seed);
  for (std::uint64_t round = 1;; ++round) {
    for (unsigned i = 0; i < kHintsInRound; ++i) {
      submit(registers, draw(random, author, device.cells));
    }
    registers.heartbeat = round;
  }
}

}  // namespace
}  // namespace hive::wax

[[noreturn]] void start_boot_cpu(const hive::bare::StartInfo* info) {
  using namespace hive;
  bare::build_idt();
  bare::load_idt();
  wax::Device device;
  if (const char* fault = wax::find_device(device)) wax::fail(fault);
  const policy::Author author{device.registers->epoch, device.registers->incarnation};
  std::string_view text;
  if (info->command_line != 0) {
    const char* words = reinterpret_cast<const char*>(info->command_line);
    text = {words, strlen(words)};
  }
  if (wax::value_of("mode=", text) == "flood") wax::flood(device, author);
  wax::babble(device, author, wax::number_of(wax::value_of("seed=", text)));
}
