#include "cellmon/cli/event_page.h"

#include <utility>

namespace hive::cli {

bool EventCursor::follow(pid_t monitor) {
  if (monitor == this->monitor) return false;
  *this = {monitor, 0};
  return true;
}

bool take_events(const wire::Json& page, std::uint64_t& after, std::vector<wire::Event>& out) {
  const auto list = page.is_object() ? page.find("events") : page.end();
  if (list == page.end() || !list->is_array()) return false;
  for (const wire::Json& json : *list) {
    auto event = wire::parse_event(json);
    if (!event || event->sequence <= after) return false;
    after = event->sequence;
    out.push_back(std::move(*event));
  }
  return !list->empty() && page.value("more", wire::Json()) == true;
}

}  // namespace hive::cli
