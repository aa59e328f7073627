// The part of Machine that is about sections.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "guests/sdk/backoff.h"
#include "guests/sdk/careful_object.h"
#include "guests/sdk/hive_placement.h"
#include "guests/sdk/machine.h"
#include "vmm/base/units.h"

namespace hive::sdk {
namespace {

/// How long an open waits for a section that is on its way: most are there in far less.
constexpr std::chrono::seconds kMoveTakes{5};

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

template <typename Ask>
Result<hive_section> Machine::follow(std::uint32_t home, Ask ask) {
  auto found = ask(home);
  // It may have moved on from where it went, but not more often than there are cells.
  for (std::uint32_t hops = 0; hops < device_.facts.cells; ++hops) {
    if (found.status() != HIVE_MOVED || part(found.failure().home).size == 0) return found;
    found = ask(found.failure().home);
  }
  return found;
}

template <typename Ask>
Result<hive_section> Machine::ask_homes(std::uint32_t home, std::string_view name, Ask ask) {
  if (home != HIVE_ANY_HOME) return follow(home, ask);
  std::string silent;
  for (home = 0; home < device_.facts.cells; ++home) {
    if (part(home).size == 0) continue;
    auto found = follow(home, ask);
    if (found.ok()) return found;
    if (found.status() == HIVE_HOME_GONE) {
      silent += (silent.empty() ? "" : ", ") + std::to_string(home);
    } else if (found.status() != HIVE_NO_SUCH_SECTION) {
      return found.failure();
    }
  }
  std::string message = "no cell has a section \"" + std::string(name) + "\"";
  if (!silent.empty()) message += "; cells that did not answer: " + silent;
  return Failure{HIVE_NO_SUCH_SECTION, std::move(message)};
}

Result<hive_section> Machine::open_section(std::uint32_t home, std::string_view name) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_OPEN;
  if (!put_name(request, name)) return failure_of(HIVE_BAD_NAME);
  return ask_homes(home, name, [&](std::uint32_t candidate) {
    request.home = candidate;
    return ask_until_moved(request);
  });
}

Result<hive_section> Machine::ask_until_moved(const hive_global_request& request) {
  const Clock::time_point end = Clock::now() + kMoveTakes;
  Backoff backoff(std::chrono::milliseconds(10));
  while (true) {
    auto section = ask_for_section(request);
    if (section.status() != HIVE_MOVING || !backoff.wait_until(end)) return section;
  }
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

Result<hive_section> Machine::find_section(std::uint32_t home, std::string_view name) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_FIND;
  if (!put_name(request, name)) return failure_of(HIVE_BAD_NAME);
  return ask_homes(home, name, [&](std::uint32_t candidate) -> Result<hive_section> {
    request.home = candidate;
    auto section = ask_for_section(request);
    if (section.ok() && name != section.value().name) {
      return Failure{HIVE_BROKEN, "the home named a section that it was not asked about"};
    }
    return section;
  });
}

}  // namespace hive::sdk
