#include "guests/sdk/events/recovery_news.h"

#include <algorithm>

namespace hive::sdk {
namespace {

/// Of a lock's word: incarnations are compared modulo this.
constexpr std::uint32_t kWrap = 1U << 24;

template <typename T>
T load(const T& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

}  // namespace

bool RecoveryNews::are_there() const {
  return news_ != nullptr && load(news_->magic) == HIVE_NEWS_MAGIC &&
         load(news_->version) == HIVE_NEWS_VERSION && load(news_->incarnation) == incarnation_;
}

bool RecoveryNews::is_over(std::uint32_t cell, std::uint32_t incarnation) const {
  if (cell >= HIVE_NEWS_CELLS || !are_there()) return false;
  const std::uint32_t over = load(news_->over[cell]);
  return over != 0 && (over - incarnation) % kWrap < kWrap / 2;
}

std::uint32_t RecoveryNews::last() const { return are_there() ? load(news_->discards) : 0; }

std::optional<Discard> RecoveryNews::read(std::uint32_t number) const {
  const hive_news_discard& entry = news_->discard[(number - 1) % HIVE_NEWS_DISCARDS];
  if (load(entry.number) != number) return std::nullopt;
  const Discard discard{number, load(entry.first), load(entry.pages), load(entry.cells),
                        load(entry.epoch)};
  if (load(entry.number) != number) return std::nullopt;
  return discard;
}

std::optional<Discard> RecoveryNews::next(std::uint32_t after) const {
  const std::uint32_t last = this->last();
  if (last <= after) return std::nullopt;
  const std::uint32_t oldest = last > HIVE_NEWS_DISCARDS ? last - HIVE_NEWS_DISCARDS + 1 : 1;
  for (std::uint32_t number = std::max(after + 1, oldest);; ++number) {
    if (auto discard = read(number)) return discard;
    if (number == last) return std::nullopt;
  }
}

}  // namespace hive::sdk
