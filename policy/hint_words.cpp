#include "policy/hint_words.h"

#include "guests/abi/wax.h"

namespace hive::policy {
namespace {

static_assert(HIVE_WAX_NO_CELL == kNoCell && HIVE_WAX_MAX_HINTS == Hints::kCapacity);
static_assert(HIVE_WAX_LEND == static_cast<int>(HintKind::kLend) &&
              HIVE_WAX_GIVE_BACK == static_cast<int>(HintKind::kGiveBack) &&
              HIVE_WAX_WEIGHT == static_cast<int>(HintKind::kWeight) &&
              HIVE_WAX_PLACE == static_cast<int>(HintKind::kPlace) &&
              HIVE_WAX_MOVE == static_cast<int>(HintKind::kMove));

/// What a kind of hint names beside a cell.
struct Form {
  bool peer;
  bool amount;
  bool section;
};

/// False where KIND is none.
bool form_of(std::uint32_t kind, Form& form) {
  switch (kind) {
    case HIVE_WAX_LEND:
    case HIVE_WAX_GIVE_BACK:
      form = {true, true, false};
      return true;
    case HIVE_WAX_WEIGHT:
      form = {false, true, false};
      return true;
    case HIVE_WAX_PLACE:
      form = {false, false, false};
      return true;
    case HIVE_WAX_MOVE:
      form = {true, false, true};
      return true;
    default:
      return false;
  }
}

}  // namespace

hive_wax_hint words_of(const Hint& hint, const Author& author) {
  hive_wax_hint words{};
  words.epoch = author.epoch;
  words.incarnation = author.incarnation;
  words.kind = static_cast<std::uint32_t>(hint.kind);
  words.cell = hint.cell;
  words.peer = hint.peer;
  words.amount = hint.amount;
  words.section = hint.section;
  return words;
}

bool read_hint(const hive_wax_hint& words, Hint& hint) {
  Form form{};
  if (!form_of(words.kind, form) || words.cell >= kMaxCells) return false;
  if (form.peer ? words.peer >= kMaxCells : words.peer != kNoCell) return false;
  if ((!form.amount && words.amount != 0) || (!form.section && words.section != 0)) return false;
  hint = {static_cast<HintKind>(words.kind), static_cast<Cell>(words.cell),
          static_cast<Cell>(words.peer), words.amount, words.section};
  return true;
}

}  // namespace hive::policy
