#include "cellmon/firewall/former_places.h"

#include <algorithm>

namespace hive::firewall {

void FormerPlaces::note(const PageRange& pages, WriterSet writers) {
  const auto same = std::find_if(places_.begin(), places_.end(),
                                 [&](const Place& each) { return each.pages == pages; });
  if (same != places_.end()) {
    same->writers.for_each([&](CellId cell) { writers.insert(cell); });
    places_.erase(same);
  }
  if (places_.size() >= kMost) places_.pop_front();
  places_.push_back({pages, writers});
}

bool FormerPlaces::could_write(CellId cell, PageIndex page) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Place& each) {
    return each.writers.contains(cell) && page >= each.pages.first && page < each.pages.end();
  });
}

PageRanges FormerPlaces::pages() const {
  PageRanges all;
  for (const Place& each : places_) all.push_back(each.pages);
  return merged(all);
}

}  // namespace hive::firewall
