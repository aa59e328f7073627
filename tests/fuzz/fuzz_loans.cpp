// What other monitors, the VMM and Wax may say to a cell's accounts of lent memory: whatever it is,
// in whatever order, the accounts stay within what there is.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "cellmon/sharing/loans.h"

namespace {

using namespace hive;
using namespace hive::sharing;

constexpr Loans::Settings kSettings{CellId{0}, 100, 20, 50};

void check(bool holds) {
  if (!holds) std::abort();
}

/// Takes values from the input; zeros once it is over.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  [[nodiscard]] bool over() const { return size_ == 0; }
  template <typename Value>
  Value take() {
    Value value{};
    const std::size_t length = sizeof value < size_ ? sizeof value : size_;
    std::memcpy(static_cast<void*>(&value), data_, length);
    data_ += length;
    size_ -= length;
    return value;
  }
  /// Mostly one that makes sense.
  policy::Blocks blocks() {
    const auto first = take<std::uint8_t>();
    return first == 0xff ? take<policy::Blocks>() : first;
  }
  /// Of four, or any.
  CellId cell() {
    const auto first = take<std::uint8_t>();
    return CellId{first < 0xf0 ? static_cast<std::uint8_t>(first % 4) : first};
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// One that fits what is going on but for what the input changes.
mesh::LoanWord any_word(Input& input, std::uint64_t number, std::uint64_t life) {
  const auto form = input.take<std::uint8_t>();
  mesh::LoanWord word{number, number - form % 8U, 1U + form % 4U, life, 0, 0};
  word.granted = input.blocks();
  word.held = input.blocks();
  if ((form & 0x80U) != 0) word.peer_life = form;
  if ((form & 0xc0U) == 0xc0U) word = input.take<mesh::LoanWord>();
  return word;
}

void look_into(Loans& loans, agree::Time now) {
  check(loans.balloon_target() <= kSettings.own);
  check(loans.spare_target() <= kSettings.room);
  check(loans.deadline(now) >= now || loans.deadline(now) > 0);
  check(loans.take_notes().size() <= 64);
  const LoanTotals totals = loans.totals();
  std::uint64_t lent = 0;
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const auto cell = static_cast<CellId>(index);
    check(loans.lent(cell) <= kSettings.own - kSettings.reserve);
    lent += loans.lent(cell);
  }
  check(lent == totals.lent && totals.recalled <= totals.lent);
  check(loans.lent(kSettings.self) == 0 && loans.borrowed(kSettings.self) == 0);
  check(totals.borrowed >= loans.spare_target());
  hive_state_shares shares{};
  loans.fill(shares, now);
  std::uint64_t page = 0;
  for (const std::uint32_t blocks : shares.lent) page += blocks;
  check(page <= kSettings.own && shares.room_blocks <= kSettings.room);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Loans loans(kSettings);
  agree::Time now = 1'000'000'000;
  std::uint64_t life = 0;
  std::uint64_t number = 0;
  while (!input.over()) {
    const auto what = input.take<std::uint8_t>();
    const auto peer = input.cell();
    switch (what % 16) {
      case 0:
        loans.vmm_started(life = 1U + what, now);
        break;
      case 1:
        loans.vmm_ended(now);
        life = 0;
        break;
      case 2:
        loans.joined(peer, now);
        loans.link_up(peer, now);
        break;
      case 3:
        what < 128 ? loans.gone(peer, now) : loans.link_lost(peer, now);
        break;
      case 4:
        loans.note_balloon(loans.balloon_target(), input.blocks(), now);
        break;
      case 5:
        loans.note_spare(loans.spare_target(), input.blocks(), now);
        break;
      case 6:
        loans.note_balloon(input.blocks(), input.blocks(), now);
        loans.note_spare(input.blocks(), input.blocks(), now);
        break;
      case 7:
        loans.set_by_hand(input.blocks(), now);
        break;
      case 8:
        loans.recall(peer, now);
        break;
      case 9:
        loans.give_back(peer, input.blocks(), now);
        break;
      case 10:
        now += (std::uint64_t{1} << (what / 4U)) / 2U % 20'000'000'000U;
        loans.tick(now);
        break;
      case 11:
      case 12:
        loans.lend(peer, input.blocks(), input.blocks(), now);
        break;
      default:
        loans.hear(peer, any_word(input, ++number, life), now);
        break;
    }
    for (unsigned left = 3 * kMaxCells; left > 0; --left) {
      const auto next = loans.needs_word(now);
      if (!next) break;
      check(left > 1);
      loans.word_for(*next, now);
    }
    look_into(loans, now);
  }
  return 0;
}
