// Rights to a section that another home's monitor sends: what is taken is exactly what came, and a
// ledger that has been given them has them.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cellmon/firewall/section_rights.h"

namespace {

using namespace hive::firewall;
using hive::CellId;

constexpr std::size_t kMaxWords = 1 << 12;

void check(bool holds) {
  if (!holds) std::abort();
}

template <typename Word>
Word take(const std::uint8_t*& data, std::size_t& size) {
  Word word{};
  std::memcpy(&word, data, sizeof word);
  data += sizeof word;
  size -= sizeof word;
  return word;
}

void restore(const SectionRights& rights, std::uint64_t pages) {
  if (holders_of(rights).contains(CellId{0}) || pages == 0) return;  // Home's own are never sent.
  const PageRange range{3, pages};
  Ledger ledger(CellId{0}, pages + 5);
  restore_rights(ledger, range, rights);
  for (const CellRights& each : rights) {
    check(ledger.count_writable(each.cell) <= pages);
    for (const PageRange& run : each.writable) check(run.end() <= pages);
  }
  SectionRights given = rights_of(ledger, range);
  for (const CellRights& each : given) {
    const auto told = std::find_if(rights.begin(), rights.end(),
                                   [&](const CellRights& one) { return one.cell == each.cell; });
    check(told != rights.end() && told->writable == each.writable);
  }
}

}  // namespace

// Input: 8 bytes of holders, 2 of pages, then words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 10) return 0;
  const WriterSet holders(take<std::uint64_t>(data, size));
  const std::uint64_t pages = take<std::uint16_t>(data, size);
  std::vector<std::uint64_t> words;
  while (size >= 8 && words.size() < kMaxWords) words.push_back(take<std::uint64_t>(data, size));
  const auto rights = decode_rights(words, holders, pages);
  check(!rights || words.size() == count_words(holders, pages));
  if (!rights) return 0;
  check((holders_of(*rights).bits() & ~holders.bits()) == 0);
  check(decode_rights(encode_rights(*rights, pages), holders_of(*rights), pages) == rights);
  restore(*rights, pages);
  return 0;
}
