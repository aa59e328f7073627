// The part of Machine that is about sections.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "guests/sdk/careful_object.h"
#include "guests/sdk/hive_placement.h"
#include "guests/sdk/machine.h"
#include "vmm/base/units.h"

namespace hive::sdk {
namespace {

/// How long a section that is on its way is waited for: most are there in far less.
constexpr std::chrono::seconds kMoveTakes{5};
/// Between asking for it and asking again, which takes time of monitors.
constexpr std::chrono::milliseconds kShortestPause{1};
constexpr std::chrono::milliseconds kLongestPause{16};

/// Puts NAME into REQUEST. A longer one could not be told from another.
bool put_name(hive_global_request& request, std::string_view name) {
  if (name.empty() || name.size() >= sizeof request.name) return false;
  name.copy(request.name, name.size());
  return true;
}

}  // namespace

Result<hive_section> Machine::ask_for_section(const hive_global_request& request) {
  const auto asked = channel_.ask(request);
  if (!asked.ok()) return asked.failure();
  const hive_global_reply& reply = asked.value();
  const std::uint32_t home = request.home == HIVE_ANY_HOME ? reply.home : request.home;
  const std::uint64_t limit = part(home).size / kPageSize;
  if (reply.section == 0 || reply.pages == 0 || !lies_within(reply.first, reply.pages, limit)) {
    return Failure{HIVE_BROKEN, "the home described a section that does not lie within its memory"};
  }
  hive_section section{};
  section.home = home;
  section.number = reply.section;
  section.first = reply.first;
  section.pages = reply.pages;
  section.users = reply.writers;
  std::memcpy(section.name, reply.name, sizeof section.name);
  section.flags = reply.generation & HIVE_MOVABLE;
  return section;
}

Result<hive_section> Machine::create_section(std::string_view name, std::uint64_t pages) {
  return create_section_at(device_.facts.cell, name, pages, 0);
}

Result<hive_section> Machine::create_section_at(std::uint32_t home, std::string_view name,
                                                std::uint64_t pages, std::uint32_t flags) {
  static_assert(HIVE_ANY_HOME == HIVE_GLOBAL_ANY_HOME && HIVE_MOVABLE == HIVE_GLOBAL_MOVABLE);
  if ((flags & ~HIVE_MOVABLE) != 0) return failure_of(HIVE_INVALID);
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_CREATE;
  request.flags = flags;
  request.home = home;
  request.pages = pages;
  if (!put_name(request, name)) return failure_of(HIVE_BAD_NAME);
  return ask_for_section(request);
}

Result<Done> Machine::ask_about_section(std::uint32_t operation, const hive_section& section,
                                        std::uint32_t flags) {
  hive_global_request request{};
  request.operation = operation;
  request.flags = flags;
  request.home = section.home;
  request.section = section.number;
  const auto reply = channel_.ask(request);
  if (!reply.ok()) return reply.failure();
  return Done{};
}

Result<Done> Machine::destroy_section(const hive_section& section, std::uint32_t flags) {
  return ask_about_section(HIVE_GLOBAL_SECTION_DESTROY, section, flags);
}

Result<Done> Machine::close_section(const hive_section& section) {
  return ask_about_section(HIVE_GLOBAL_SECTION_CLOSE, section, 0);
}

Result<Done> Machine::tell_use(const hive_section& section, std::uint64_t count) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_USED;
  request.home = section.home;
  request.section = section.number;
  request.pages = count;
  const auto reply = channel_.ask(request);
  if (!reply.ok()) return reply.failure();
  return Done{};
}

Result<Done> Machine::use_section(const hive_section& section, std::uint64_t count) {
  const std::uint64_t due = uses_.add(section.home, section.number, count, Clock::now());
  return due == 0 ? Done{} : tell_use(section, due);
}

Result<hive_section> Machine::ask_by_name(const hive_global_request& request) {
  auto section = ask_for_section(request);
  if (section.ok() && std::strcmp(section.value().name, request.name) != 0) {
    return Failure{HIVE_BROKEN, "the home named a section that it was not asked about"};
  }
  return section;
}

Result<hive_section> Machine::follow(hive_global_request request) {
  auto found = ask_by_name(request);
  // It may have moved on from where it went, but not more often than there are cells.
  for (std::uint32_t hops = 0; found.status() == HIVE_MOVED; ++hops) {
    const std::uint32_t home = found.failure().home;
    if (part(home).size == 0) return found;
    if (hops == device_.facts.cells) {
      return Failure{HIVE_MOVING, "homes send each other round for section \"" +
                                      std::string(request.name) + "\"; ask again soon"};
    }
    request.home = home;
    found = ask_by_name(request);
  }
  return found;
}

bool Machine::is_coming(hive_global_request request) {
  // A home that it leaves finds it, and one that it has left leads on.
  request.operation = HIVE_GLOBAL_SECTION_FIND;
  return ask_by_name(request).status() == HIVE_MOVING;
}

Result<hive_section> Machine::ask_homes(hive_global_request request) {
  std::string silent;
  std::optional<Failure> moving;
  for (request.home = 0; request.home < device_.facts.cells; ++request.home) {
    if (part(request.home).size == 0) continue;
    auto found = follow(request);
    if (found.ok()) return found;
    if (found.status() == HIVE_HOME_GONE) {
      silent += (silent.empty() ? "" : ", ") + std::to_string(request.home);
    } else if (found.status() == HIVE_MOVING && is_coming(request)) {
      // It is another home's yet, and may stay there.
      if (!moving) moving = found.failure();
    } else if (found.status() != HIVE_NO_SUCH_SECTION) {
      return found;
    }
  }
  if (moving) return *std::move(moving);
  std::string message = "no cell has a section \"" + std::string(request.name) + "\"";
  if (!silent.empty()) message += "; cells that did not answer: " + silent;
  return Failure{HIVE_NO_SUCH_SECTION, std::move(message)};
}

Result<hive_section> Machine::section_by_name(std::uint32_t operation, std::uint32_t home,
                                              std::string_view name) {
  hive_global_request request{};
  request.operation = operation;
  request.home = home;
  if (!put_name(request, name)) return failure_of(HIVE_BAD_NAME);
  const Clock::time_point end = Clock::now() + kMoveTakes;
  // From the start each time: a move that is called off leaves it where it was.
  for (auto pause = kShortestPause;; pause = std::min(2 * pause, kLongestPause)) {
    auto section = home == HIVE_ANY_HOME ? ask_homes(request) : follow(request);
    if (section.status() != HIVE_MOVING || Clock::now() >= end) return section;
    std::this_thread::sleep_for(pause);
  }
}

Result<hive_section> Machine::open_section(std::uint32_t home, std::string_view name) {
  return section_by_name(HIVE_GLOBAL_SECTION_OPEN, home, name);
}

Result<hive_section> Machine::find_section(std::uint32_t home, std::string_view name) {
  return section_by_name(HIVE_GLOBAL_SECTION_FIND, home, name);
}

Result<hive_section> Machine::next_section(std::uint32_t home, std::uint64_t first) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_NEXT;
  request.home = home;
  request.first = first;
  auto section = ask_for_section(request);
  // One that starts before would be listed for ever.
  if (section.ok() && section.value().first < first) {
    return Failure{HIVE_BROKEN, "the home named a section that it was not asked about"};
  }
  return section;
}

}  // namespace hive::sdk
