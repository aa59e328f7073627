#include "cellmon/control/recovery_news.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

#include "guests/abi/system_area.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::control {
namespace {

static_assert(HIVE_NEWS_CELLS == kMaxCells && sizeof(Incarnation) == 4);
constexpr std::uint64_t kAreaSize = sizeof(hive_system_area);
static_assert(kAreaSize % kPageSize == 0);

template <typename T>
void store(T& word, T value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

}  // namespace

RecoveryNews::RecoveryNews(int file, std::uint64_t size)
    : base_(::mmap(nullptr, kAreaSize, PROT_READ | PROT_WRITE, MAP_SHARED, file,
                   static_cast<off_t>(size - kAreaSize))),
      news_(&static_cast<hive_system_area*>(base_)->news) {
  if (base_ == MAP_FAILED) throw_errno("cannot map the system area of a contribution");
}

RecoveryNews::~RecoveryNews() { ::munmap(base_, kAreaSize); }

void RecoveryNews::begin(Incarnation incarnation) {
  store(news_->magic, std::uint32_t{0});
  last_ = 0;
  store(news_->discards, last_);
  for (hive_news_discard& entry : news_->discard) entry = {};
  for (std::size_t cell = 0; cell < over_.size(); ++cell) store(news_->over[cell], over_[cell]);
  news_->version = HIVE_NEWS_VERSION;
  news_->incarnation = incarnation;
  store(news_->magic, HIVE_NEWS_MAGIC);
}

void RecoveryNews::note_up(CellId cell, Incarnation incarnation) {
  up_[agree::index_of(cell)] = incarnation;
  if (incarnation > 0) note_end(cell, incarnation - 1);
}

void RecoveryNews::note_end(CellId cell, Incarnation incarnation) {
  Incarnation& over = over_[agree::index_of(cell)];
  over = std::max(over, incarnation);
  store(news_->over[agree::index_of(cell)], over);
}

void RecoveryNews::note_view(const agree::View& view) {
  for (std::size_t index = 0; index < view.incarnations.size(); ++index) {
    const auto cell = static_cast<CellId>(index);
    const Incarnation last = view.incarnations[index];
    if (last > 0) note_end(cell, view.members.contains(cell) ? last - 1 : last);
  }
}

void RecoveryNews::add(const firewall::PageRange& pages, agree::CellSet cells,
                       std::uint64_t epoch) {
  if (++last_ == 0) last_ = 1;
  hive_news_discard& entry = news_->discard[(last_ - 1) % HIVE_NEWS_DISCARDS];
  // Each word is released: who reads one of the new ones finds the number changed.
  store(entry.number, std::uint32_t{0});
  store(entry.first, static_cast<std::uint32_t>(pages.first));
  store(entry.pages, static_cast<std::uint32_t>(pages.count));
  store(entry.reserved, std::uint32_t{0});
  store(entry.cells, cells.bits());
  store(entry.epoch, epoch);
  store(entry.number, last_);
  store(news_->discards, last_);
}

}  // namespace hive::control
