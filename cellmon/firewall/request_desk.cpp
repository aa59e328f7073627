#include "cellmon/firewall/request_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "guests/abi/system_area.h"

namespace hive::firewall {
namespace {

hive_global_status status_of(Reason reason) {
  switch (reason) {
    case Reason::kNoSuchCell:
      return HIVE_GLOBAL_NO_SUCH_CELL;
    case Reason::kOutOfRange:
      return HIVE_GLOBAL_OUT_OF_RANGE;
    case Reason::kHomeAlwaysWrites:
      return HIVE_GLOBAL_HOME_WRITES;
    case Reason::kBadName:
    case Reason::kReserved:
      return HIVE_GLOBAL_BAD_NAME;
    case Reason::kNameTaken:
      return HIVE_GLOBAL_NAME_TAKEN;
    case Reason::kNoSuchSection:
      return HIVE_GLOBAL_NO_SUCH_SECTION;
    case Reason::kEmptySection:
      return HIVE_GLOBAL_MALFORMED;
    case Reason::kHostsNone:
      return HIVE_GLOBAL_NOT_HOME;
    case Reason::kNoSpace:
    case Reason::kHostsEnough:
      return HIVE_GLOBAL_NO_SPACE;
    case Reason::kTooManySections:
    case Reason::kTooManyOpens:
      return HIVE_GLOBAL_LIMIT;
    case Reason::kNotOpen:
      return HIVE_GLOBAL_NOT_OPEN;
    case Reason::kInUse:
      return HIVE_GLOBAL_IN_USE;
    case Reason::kNotMovable:
      return HIVE_GLOBAL_MALFORMED;
    case Reason::kMoving:
      return HIVE_GLOBAL_MOVING;
    case Reason::kMoved:
      return HIVE_GLOBAL_MOVED;
  }
  return HIVE_GLOBAL_MALFORMED;
}

/// TEXT into a field of SIZE bytes, with a NUL at its end.
void put(char* field, std::size_t size, std::string_view text) {
  const std::size_t count = std::min(size - 1, text.size());
  std::copy_n(text.data(), count, field);
  std::fill(field + count, field + size, '\0');
}

/// The first run of pages from FIRST to END that CELL has written. Looks at ever more pages at a
/// time, so that a long pattern beyond the run costs nothing.
PageRange first_written(const Ledger& ledger, CellId cell, PageIndex first, PageIndex end) {
  PageRange run{};
  std::uint64_t window = 64;
  for (PageIndex at = first; at < end; at += window, window *= 2) {
    window = std::min(window, end - at);
    const PageRanges found = ledger.written_by(cell, {at, window});
    if (found.empty()) {
      if (run.count > 0) break;
      continue;
    }
    if (run.count > 0 && found.front().first != run.end()) break;
    if (run.count == 0) run.first = found.front().first;
    run.count += found.front().count;
    if (run.end() != at + window) break;
  }
  return run;
}

std::string_view name_in(const hive_global_request& request) {
  return {request.name, ::strnlen(request.name, sizeof request.name)};
}

}  // namespace

hive_global_reply refuse_request(const hive_global_request& request, hive_global_status status,
                                 std::string_view text) {
  hive_global_reply reply{};
  reply.tag = request.tag;
  reply.status = status;
  put(reply.message, sizeof reply.message, text);
  return reply;
}

hive_global_reply describe_cell(const hive_global_request& request, std::string_view name,
                                std::uint64_t pages) {
  hive_global_reply reply{};
  reply.tag = request.tag;
  reply.home = request.home;
  reply.pages = pages;
  put(reply.name, sizeof reply.name, name);
  return reply;
}

struct RequestDesk::Call {
  CellId from{};
  const hive_global_request& request;
  hive_global_reply reply{};

  void refuse(hive_global_status status, std::string_view text) {
    reply = refuse_request(request, status, text);
  }
  void refuse(const Refusal& refusal) { refuse(status_of(refusal.reason), refusal.text); }
};

RequestDesk::Handler RequestDesk::handler_of(std::uint32_t operation) {
  switch (operation) {
    case HIVE_GLOBAL_CELL:
      return &RequestDesk::cell;
    case HIVE_GLOBAL_SECTION_NEXT:
      return &RequestDesk::next_section;
    case HIVE_GLOBAL_SECTION_OPEN:
      return &RequestDesk::open_section;
    case HIVE_GLOBAL_SECTION_FIND:
      return &RequestDesk::find_section;
    case HIVE_GLOBAL_SECTION_CLOSE:
      return &RequestDesk::close_section;
    case HIVE_GLOBAL_PAGE:
      return &RequestDesk::page;
    case HIVE_GLOBAL_WRITTEN:
      return &RequestDesk::written;
    case HIVE_GLOBAL_SECTION_CREATE:
      return &RequestDesk::create_section;
    case HIVE_GLOBAL_SECTION_DESTROY:
      return &RequestDesk::destroy_section;
    case HIVE_GLOBAL_GRANT:
      return &RequestDesk::grant;
    case HIVE_GLOBAL_REVOKE:
      return &RequestDesk::revoke;
    default:
      return nullptr;
  }
}

bool RequestDesk::is_decision(std::uint32_t operation) {
  return operation >= HIVE_GLOBAL_SECTION_CREATE;
}

hive_global_reply RequestDesk::answer(CellId from, const hive_global_request& request) {
  Call call{from, request, {}};
  call.reply.tag = request.tag;
  call.reply.home = static_cast<std::uint32_t>(home());
  const Handler handler = handler_of(request.operation);
  if (handler == nullptr) {
    call.refuse(HIVE_GLOBAL_MALFORMED, fmt::format("no operation {}", request.operation));
  } else if (request.home != static_cast<std::uint32_t>(home())) {
    call.refuse(HIVE_GLOBAL_NO_SUCH_CELL, "the request went to another cell than it names");
  } else if (is_decision(request.operation) && !may_decide(call)) {
    call.refuse(HIVE_GLOBAL_NOT_HOME,
                "only the cell whose pages they are may ask that, or for a section the one that "
                "made it");
  } else {
    (this->*handler)(call);
  }
  if (call.reply.status == HIVE_GLOBAL_MOVED) tell_where(call);
  return call.reply;
}

void RequestDesk::tell_where(Call& call) const {
  const Forwardings& forwardings = gatekeeper_.forwardings();
  const Forwarding* forwarding = call.request.section != 0
                                     ? forwardings.find(SectionId(call.request.section))
                                     : forwardings.find(name_in(call.request));
  if (forwarding == nullptr) return;
  call.reply.home = index_of(forwarding->home);
  call.reply.section = static_cast<std::uint32_t>(forwarding->id);
  call.reply.first = forwarding->range.first;
  call.reply.pages = forwarding->range.count;
  put(call.reply.name, sizeof call.reply.name, forwarding->name);
}

bool RequestDesk::may_decide(const Call& call) const {
  if (call.from == home() || call.request.operation == HIVE_GLOBAL_SECTION_CREATE) return true;
  if (call.request.section == 0) return false;
  const auto section = gatekeeper_.sections().find(SectionId(call.request.section));
  return !section || section->creator == call.from;  // Where there is none, that is what is said.
}

std::chrono::milliseconds RequestDesk::patience(const Call& call) const {
  return call.from == home() ? Gatekeeper::kAnswerPatience : std::chrono::milliseconds(0);
}

void RequestDesk::cell(Call& call) {
  const auto index = static_cast<std::size_t>(home());
  call.reply = describe_cell(call.request, index < names_.size() ? names_[index] : "",
                             gatekeeper_.ledger().pages());
}

void RequestDesk::describe(Call& call, const Section& section) {
  call.reply.section = static_cast<std::uint32_t>(section.id);
  call.reply.first = section.range.first;
  call.reply.pages = section.range.count;
  if (section.movable && call.request.operation != HIVE_GLOBAL_PAGE) {
    call.reply.generation = HIVE_GLOBAL_MOVABLE;
  }
  put(call.reply.name, sizeof call.reply.name, section.name);
  for (unsigned cell = 0; cell < kMaxCells; ++cell) {
    if (gatekeeper_.sections().opens(section.id, CellId(cell)) > 0) {
      call.reply.writers |= std::uint64_t{1} << cell;
    }
  }
}

void RequestDesk::next_section(Call& call) {
  for (const Section& section : gatekeeper_.sections().list()) {
    if (section.stage == Stage::kComing) continue;
    if (section.range.first >= call.request.first) return describe(call, section);
  }
  call.refuse(HIVE_GLOBAL_NOT_FOUND, "no section starts there or after");
}

void RequestDesk::find_section(Call& call) {
  const std::string_view name = name_in(call.request);
  const auto section = gatekeeper_.sections().find(name);
  // Another home may still have it, but one that has switched leads here.
  if (section && section->stage == Stage::kComing) {
    return call.refuse(gatekeeper_.sections().moving(*section));
  }
  if (section) return describe(call, *section);
  if (gatekeeper_.forwardings().find(name) != nullptr) {
    return call.refuse(HIVE_GLOBAL_MOVED, "the section has moved to another cell");
  }
  call.refuse(HIVE_GLOBAL_NO_SUCH_SECTION,
              is_section_name(name)
                  ? fmt::format("cell {} has no section \"{}\"", index_of(home()), name)
                  : "there is no section of that name");
}

void RequestDesk::open_section(Call& call) {
  const auto section = gatekeeper_.open_section(call.from, name_in(call.request));
  if (!section.ok()) return call.refuse(section.refusal());
  describe(call, section.value());
}

void RequestDesk::close_section(Call& call) {
  const auto refusal = gatekeeper_.close_section(call.from, SectionId(call.request.section));
  if (refusal) call.refuse(*refusal);
}

void RequestDesk::create_section(Call& call) {
  const SectionTerms terms{(call.request.flags & HIVE_GLOBAL_MOVABLE) != 0, call.from};
  const auto section = gatekeeper_.create_section(name_in(call.request), call.request.pages, terms);
  if (!section.ok()) return call.refuse(section.refusal());
  const PageRange& pages = section.value().range;
  if (call.from != home()) (void)gatekeeper_.grant(call.from, {&pages, 1}, patience(call));
  describe(call, section.value());
}

void RequestDesk::destroy_section(Call& call) {
  const Force force = (call.request.flags & HIVE_GLOBAL_FORCE) != 0 ? Force::kYes : Force::kNo;
  const auto section =
      gatekeeper_.destroy_section(SectionId(call.request.section), force, call.from);
  if (!section.ok()) return call.refuse(section.refusal());
  describe(call, section.value());
}

std::optional<PageRange> RequestDesk::frame(Call& call) {
  if (call.request.section == 0) return gatekeeper_.ledger().all();
  const auto section = gatekeeper_.sections().find(SectionId(call.request.section));
  if (section && section->stage == Stage::kComing) {
    call.refuse(gatekeeper_.sections().moving(*section));
    return std::nullopt;
  }
  if (section) return section->range;
  if (gatekeeper_.forwardings().find(SectionId(call.request.section)) != nullptr) {
    call.refuse(HIVE_GLOBAL_MOVED, "the section has moved to another cell; open it by its name");
    return std::nullopt;
  }
  call.refuse(HIVE_GLOBAL_NO_SUCH_SECTION, fmt::format("no section {}", call.request.section));
  return std::nullopt;
}

std::optional<PageIndex> RequestDesk::page_of(Call& call) {
  const auto pages = frame(call);
  if (!pages) return std::nullopt;
  if (call.request.first < pages->count) return pages->first + call.request.first;
  call.refuse(HIVE_GLOBAL_OUT_OF_RANGE, fmt::format("page {} is not among the {} there are",
                                                    call.request.first, pages->count));
  return std::nullopt;
}

std::optional<PageRanges> RequestDesk::pattern(Call& call) {
  const auto pages = frame(call);
  if (!pages) return std::nullopt;
  const hive_global_request& asked = call.request;
  if (asked.pages == 0 || asked.runs == 0 || (asked.runs > 1 && asked.stride < asked.pages)) {
    call.refuse(HIVE_GLOBAL_MALFORMED,
                "a pattern has 1 run or more of 1 page or more, and runs do not overlap");
    return std::nullopt;
  }
  if (asked.runs > HIVE_GLOBAL_MAX_RUNS) {
    call.refuse(HIVE_GLOBAL_LIMIT, fmt::format("{} runs are more than the {} that one request may "
                                               "have; ask for some at a time",
                                               asked.runs, HIVE_GLOBAL_MAX_RUNS));
    return std::nullopt;
  }
  // Nothing wraps: few runs, and strides and places that were compared with the end before.
  const std::uint64_t steps = asked.runs - 1;
  const bool fits =
      lies_within({asked.first, asked.pages}, pages->count) &&
      (steps == 0 || asked.stride <= (pages->count - asked.first - asked.pages) / steps);
  if (!fits) {
    call.refuse(HIVE_GLOBAL_OUT_OF_RANGE,
                fmt::format("the pattern reaches past the {} pages there are", pages->count));
    return std::nullopt;
  }
  PageRanges ranges;
  ranges.reserve(asked.runs);
  for (std::uint64_t run = 0; run < asked.runs; ++run) {
    append(ranges, {pages->first + asked.first + run * asked.stride, asked.pages});
  }
  return ranges;
}

bool RequestDesk::check_cell(Call& call) {
  if (call.request.cell < names_.size()) return true;
  call.refuse(HIVE_GLOBAL_NO_SUCH_CELL, fmt::format("cell {} is not among the {} of the machine",
                                                    call.request.cell, names_.size()));
  return false;
}

PageRanges RequestDesk::grantable(const PageRanges& ranges) const {
  const auto system = gatekeeper_.sections().find(HIVE_SYSTEM_SECTION);
  if (!system) return ranges;
  PageRanges kept;
  for (const PageRange& range : ranges) {
    const PageIndex end = std::min(range.end(), system->range.first);  // Nothing comes after it.
    if (range.first < end) append(kept, {range.first, end - range.first});
  }
  return kept;
}

void RequestDesk::grant(Call& call) {
  const auto asked = check_cell(call) ? pattern(call) : std::nullopt;
  if (!asked) return;
  const PageRanges ranges = grantable(*asked);
  if (ranges.empty()) {
    return call.refuse({Reason::kReserved, "section " HIVE_SYSTEM_SECTION
                                           " is its home's alone: no other cell may write it"});
  }
  const auto granted = gatekeeper_.grant(CellId(call.request.cell), ranges, patience(call));
  if (!granted.ok()) return call.refuse(granted.refusal());
  call.reply.pages = count_pages(granted.value());
}

void RequestDesk::revoke(Call& call) {
  const auto ranges = check_cell(call) ? pattern(call) : std::nullopt;
  if (!ranges) return;
  const auto revoked = gatekeeper_.revoke(CellId(call.request.cell), *ranges);
  if (!revoked.ok()) return call.refuse(revoked.refusal());
  call.reply.pages = count_pages(revoked.value().pages);
}

void RequestDesk::page(Call& call) {
  const auto page = page_of(call);
  if (!page) return;
  const auto generation = gatekeeper_.ledger().generation(*page);
  call.reply.generation = static_cast<std::uint32_t>(*generation);
  const auto section = gatekeeper_.sections().at(*page);
  if (section && section->stage != Stage::kComing) describe(call, *section);
  call.reply.writers = gatekeeper_.ledger().writers(*page).bits();
}

void RequestDesk::written(Call& call) {
  const auto page = check_cell(call) ? page_of(call) : std::nullopt;
  if (!page) return;
  const PageRange run =
      first_written(gatekeeper_.ledger(), CellId(call.request.cell), *page, frame(call)->end());
  if (run.count == 0) return call.refuse(HIVE_GLOBAL_NOT_FOUND, "none was written there or after");
  call.reply.first = run.first;
  call.reply.pages = run.count;
}

}  // namespace hive::firewall
