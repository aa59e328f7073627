#include "guests/agent/wild_stores.h"

namespace hive::agent {
namespace {

constexpr std::uint64_t kWord = 8;

/// VALUE, any of 64 bits, as one below LIMIT.
std::uint64_t scale(std::uint64_t value, std::uint64_t limit) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(value) * limit) >> 64);
}

}  // namespace

WildStores::WildStores(const std::vector<std::uint64_t>& parts, std::uint64_t seed) : state_(seed) {
  for (const std::uint64_t size : parts) {
    words_.push_back(size / kWord);
    total_ += size / kWord;
  }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
std::uint64_t WildStores::draw() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::optional<WildStore> WildStores::next() {
  if (total_ == 0) return std::nullopt;
  std::uint64_t word = scale(draw(), total_);
  std::size_t part = 0;
  while (word >= words_[part]) word -= words_[part++];
  return WildStore{part, word * kWord, draw()};
}

}  // namespace hive::agent
