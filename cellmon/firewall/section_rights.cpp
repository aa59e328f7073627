#include "cellmon/firewall/section_rights.h"

#include <bit>

namespace hive::firewall {
namespace {

constexpr std::uint64_t kWordBits = 64;

constexpr std::uint64_t words_of(std::uint64_t pages) {
  return pages / kWordBits + (pages % kWordBits != 0 ? 1 : 0);
}

/// RANGES moved down by FIRST pages, or up where that is negative, modulo 2^64.
PageRanges moved(PageRanges ranges, std::uint64_t first) {
  for (PageRange& range : ranges) range.first -= first;
  return ranges;
}

void set_bits(const PageRanges& ranges, std::span<std::uint64_t> words) {
  for (const PageRange& range : ranges) {
    for (PageIndex page = range.first; page < range.end(); ++page) {
      words[page / kWordBits] |= std::uint64_t{1} << page % kWordBits;
    }
  }
}

/// Runs of the bits that are set.
PageRanges runs_of(std::span<const std::uint64_t> words) {
  PageRanges ranges;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::uint64_t left = words[i];
    while (left != 0) {
      const auto first = static_cast<unsigned>(std::countr_zero(left));
      const auto count = static_cast<unsigned>(std::countr_one(left >> first));
      append(ranges, {i * kWordBits + first, count});
      left = first + count == kWordBits ? 0 : left >> (first + count) << (first + count);
    }
  }
  return ranges;
}

}  // namespace

SectionRights rights_of(const Ledger& ledger, const PageRange& range) {
  SectionRights rights;
  ledger.holders().for_each([&](CellId cell) {
    PageRanges writable = ledger.writable_by(cell, range);
    if (writable.empty()) return;
    rights.push_back({cell, moved(std::move(writable), range.first),
                      moved(ledger.written_by(cell, range), range.first)});
  });
  return rights;
}

void restore_rights(Ledger& ledger, const PageRange& range, const SectionRights& rights) {
  for (const CellRights& each : rights) {
    (void)ledger.grant(each.cell, moved(each.writable, 0 - range.first));
    ledger.note_written(each.cell, moved(each.written, 0 - range.first));
  }
}

WriterSet holders_of(const SectionRights& rights) {
  WriterSet cells;
  for (const CellRights& each : rights) cells.insert(each.cell);
  return cells;
}

std::uint64_t count_words(WriterSet holders, std::uint64_t pages) {
  return holders.size() * (1 + 2 * words_of(pages));
}

std::vector<std::uint64_t> encode_rights(const SectionRights& rights, std::uint64_t pages) {
  const std::uint64_t each_words = words_of(pages);
  std::vector<std::uint64_t> words(count_words(holders_of(rights), pages));
  std::span<std::uint64_t> rest(words);
  for (const CellRights& each : rights) {
    rest[0] = each.incarnation;
    set_bits(each.writable, rest.subspan(1, each_words));
    set_bits(each.written, rest.subspan(1 + each_words, each_words));
    rest = rest.subspan(1 + 2 * each_words);
  }
  return words;
}

std::optional<SectionRights> decode_rights(std::span<const std::uint64_t> words, WriterSet holders,
                                           std::uint64_t pages) {
  if (pages > Ledger::kMaxPages || words.size() != count_words(holders, pages)) return std::nullopt;
  const std::uint64_t each_words = words_of(pages);
  SectionRights rights;
  bool is_sound = true;
  holders.for_each([&](CellId cell) {
    CellRights each{cell, runs_of(words.subspan(1, each_words)),
                    runs_of(words.subspan(1 + each_words, each_words)),
                    static_cast<Incarnation>(words[0])};
    words = words.subspan(1 + 2 * each_words);
    for (const PageRanges* ranges : {&each.writable, &each.written}) {
      is_sound = is_sound && (ranges->empty() || ranges->back().end() <= pages);
    }
    is_sound = is_sound && !each.writable.empty();
    rights.push_back(std::move(each));
  });
  if (!is_sound) return std::nullopt;
  return rights;
}

}  // namespace hive::firewall
