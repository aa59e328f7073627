#include "cellmon/firewall/page_set.h"

#include <algorithm>
#include <bit>

namespace hive::firewall {
namespace {

constexpr std::uint64_t bit(std::uint64_t place) { return std::uint64_t{1} << (place % 64); }

/// The bits from LOW to HIGH, both within 0 to 63 and included.
constexpr std::uint64_t bits_between(std::uint64_t low, std::uint64_t high) {
  return (~std::uint64_t{0} << low) & (~std::uint64_t{0} >> (63 - high));
}

/// The bits of word number WORD that RANGE, which reaches into it, covers.
constexpr std::uint64_t mask_of(const PageRange& range, std::uint64_t word) {
  const PageIndex base = word * PageSet::kWordPages;
  const PageIndex low = std::max(range.first, base);
  const PageIndex high = std::min(range.end() - 1, base + PageSet::kWordPages - 1);
  return bits_between(low - base, high - base);
}

/// Appends the pages that BITS of word number WORD stand for.
void append_bits(PageRanges& ranges, std::uint64_t word, std::uint64_t bits) {
  const PageIndex base = word * PageSet::kWordPages;
  while (bits != 0) {
    const auto start = static_cast<unsigned>(std::countr_zero(bits));
    const auto length = static_cast<unsigned>(std::countr_one(bits >> start));
    append(ranges, {base + start, length});
    bits &= ~bits_between(start, start + length - 1);
  }
}

}  // namespace

const PageSet::Chunk* PageSet::chunk_of(PageIndex page) const noexcept {
  return chunks_.empty() ? nullptr : chunks_[page / kChunkPages].get();
}

PageSet::Chunk& PageSet::make_chunk(std::uint64_t index) noexcept {
  if (chunks_.empty()) {
    chunks_.resize((pages_ + kChunkPages - 1) / kChunkPages);
    existing_.resize((chunks_.size() + 63) / 64);
  }
  if (!chunks_[index]) {
    chunks_[index] = std::make_unique<Chunk>();
    existing_[index / 64] |= bit(index);
  }
  return *chunks_[index];
}

void PageSet::drop_chunk(std::uint64_t index) noexcept {
  chunks_[index].reset();
  existing_[index / 64] &= ~bit(index);
}

std::uint64_t PageSet::next_chunk(std::uint64_t index) const noexcept {
  if (index >= chunks_.size()) return chunks_.size();
  std::uint64_t left = existing_[index / 64] & (~std::uint64_t{0} << (index % 64));
  for (std::uint64_t word = index / 64;;) {
    if (left != 0) return word * 64 + static_cast<unsigned>(std::countr_zero(left));
    if (++word == existing_.size()) return chunks_.size();
    left = existing_[word];
  }
}

template <typename Visit>
void PageSet::for_each_word(const PageRange& range, Visit visit) const {
  if (count_ == 0 || range.count == 0) return;
  const std::uint64_t first = range.first / kWordPages;
  const std::uint64_t last = (range.end() - 1) / kWordPages;
  const std::uint64_t last_chunk = last / kChunkWords;
  for (auto index = next_chunk(first / kChunkWords); index <= last_chunk && index < chunks_.size();
       index = next_chunk(index + 1)) {
    const std::uint64_t base = index * kChunkWords;
    const std::uint64_t low = std::max(first, base) - base;
    const std::uint64_t high = std::min(last, base + kChunkWords - 1) - base;
    // A copy: VISIT may clear the word that it is called for, and drop the chunk with the last one.
    std::uint64_t used = chunks_[index]->used & bits_between(low, high);
    for (; used != 0; used &= used - 1) {
      const std::uint64_t word = base + static_cast<unsigned>(std::countr_zero(used));
      visit(word, mask_of(range, word));
    }
  }
}

bool PageSet::contains(PageIndex page) const noexcept {
  const Chunk* chunk = chunk_of(page);
  return chunk != nullptr && (chunk->words[page / kWordPages % kChunkWords] & bit(page)) != 0;
}

bool PageSet::insert(PageIndex page) noexcept {
  Chunk& chunk = make_chunk(page / kChunkPages);
  const std::uint64_t word = page / kWordPages % kChunkWords;
  if ((chunk.words[word] & bit(page)) != 0) return false;
  chunk.words[word] |= bit(page);
  chunk.used |= bit(word);
  ++count_;
  return true;
}

void PageSet::insert(const PageRange& range, PageRanges& added) noexcept {
  if (range.count == 0) return;
  const std::uint64_t last = (range.end() - 1) / kWordPages;
  for (std::uint64_t word = range.first / kWordPages; word <= last; ++word) {
    Chunk& chunk = make_chunk(word / kChunkWords);
    const std::uint64_t place = word % kChunkWords;
    const std::uint64_t fresh = mask_of(range, word) & ~chunk.words[place];
    if (fresh == 0) continue;
    chunk.words[place] |= fresh;
    chunk.used |= bit(place);
    count_ += static_cast<unsigned>(std::popcount(fresh));
    append_bits(added, word, fresh);
  }
}

void PageSet::erase(const PageRange& range, PageRanges& removed) noexcept {
  for_each_word(range, [&](std::uint64_t word, std::uint64_t mask) {
    Chunk& chunk = *chunks_[word / kChunkWords];
    const std::uint64_t place = word % kChunkWords;
    const std::uint64_t gone = chunk.words[place] & mask;
    if (gone == 0) return;
    count_ -= static_cast<unsigned>(std::popcount(gone));
    append_bits(removed, word, gone);
    chunk.words[place] &= ~gone;
    if (chunk.words[place] == 0) chunk.used &= ~bit(place);
    if (chunk.used == 0) drop_chunk(word / kChunkWords);
  });
}

void PageSet::list(const PageRange& range, PageRanges& found) const {
  for_each_word(range, [&](std::uint64_t word, std::uint64_t mask) {
    const Chunk& chunk = *chunks_[word / kChunkWords];
    append_bits(found, word, chunk.words[word % kChunkWords] & mask);
  });
}

}  // namespace hive::firewall
