#include "tests/support/fake_global_device.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "guests/sdk/registers.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::testing {
namespace {

using firewall::PageRange;
using firewall::PageRanges;
using firewall::Reason;
using firewall::Refusal;
using firewall::Section;

std::uint64_t window_size(unsigned cells) {
  return (cells - 1) * FakeGlobalDevice::kPages * HIVE_GLOBAL_PAGE_SIZE;
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

unsigned char* map_file(const std::string& path, std::uint64_t offset, std::size_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(offset + size)) != 0) throw_errno(path);
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(),
                         static_cast<off_t>(offset));
  if (address == MAP_FAILED) throw_errno(path);
  return static_cast<unsigned char*>(address);
}

std::uint32_t status_of(Reason reason) {
  switch (reason) {
    case Reason::kNoSuchCell:
      return HIVE_GLOBAL_NO_SUCH_CELL;
    case Reason::kOutOfRange:
      return HIVE_GLOBAL_OUT_OF_RANGE;
    case Reason::kHomeAlwaysWrites:
      return HIVE_GLOBAL_HOME_WRITES;
    case Reason::kBadName:
      return HIVE_GLOBAL_BAD_NAME;
    case Reason::kNameTaken:
      return HIVE_GLOBAL_NAME_TAKEN;
    case Reason::kNoSuchSection:
      return HIVE_GLOBAL_NO_SUCH_SECTION;
    case Reason::kEmptySection:
      return HIVE_GLOBAL_MALFORMED;
    case Reason::kNoSpace:
      return HIVE_GLOBAL_NO_SPACE;
    case Reason::kNotOpen:
      return HIVE_GLOBAL_NOT_OPEN;
    case Reason::kInUse:
      return HIVE_GLOBAL_IN_USE;
    default:
      return HIVE_GLOBAL_LIMIT;
  }
}

void refuse(hive_global_reply& reply, std::uint32_t status, const std::string& text) {
  reply.status = status;
  text.copy(reply.message, sizeof reply.message - 1);
}

void refuse(hive_global_reply& reply, const Refusal& refusal) {
  refuse(reply, status_of(refusal.reason), refusal.text);
}

void describe(hive_global_reply& reply, const Section& section) {
  reply.section = static_cast<std::uint32_t>(section.id);
  reply.first = section.range.first;
  reply.pages = section.range.count;
  section.name.copy(reply.name, sizeof reply.name - 1);
}

PageRanges runs_of(const hive_global_request& request, std::uint64_t base) {
  PageRanges runs;
  for (std::uint64_t run = 0; run < request.runs; ++run) {
    runs.push_back({base + request.first + run * request.stride, request.pages});
  }
  return runs;
}

}  // namespace

std::string made_up_cell_name(unsigned number) {
  static const std::array<const char*, 4> names{"alpha", "beta", "gamma", "delta"};
  return number < names.size() ? names.at(number) : "cell" + std::to_string(number);
}

FakeGlobalDevice::FakeGlobalDevice(unsigned cells, unsigned cell) : cell_(cell) {
  std::string pattern = (std::filesystem::temp_directory_path() / "hive-device-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw_errno("cannot make a temporary folder");
  folder_ = pattern;
  for (unsigned home = 0; home < cells; ++home) {
    contributions_.emplace_back(static_cast<CellId>(home), home + 1 < cells ? kPages : 0);
  }
  make_files();
  const std::string registers = function_folder() + "/resource0";
  registers_ = reinterpret_cast<hive_global_registers*>(
      map_file(registers, 0, sizeof(hive_global_registers)));
  window_ = map_file(folder_ + "/mem", kWindowStart, window_size(cells));
  fill_registers(cells, cell);
  thread_ = std::thread([this] { serve(); });
}

FakeGlobalDevice::~FakeGlobalDevice() {
  over_ = true;
  thread_.join();
  ::munmap(registers_, sizeof *registers_);
  ::munmap(window_, window_size(static_cast<unsigned>(contributions_.size())));
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void FakeGlobalDevice::make_files() {
  std::filesystem::create_directories(function_folder());
  write_file(function_folder() + "/vendor", "0x1af4\n");
  write_file(function_folder() + "/device", "0x1110\n");
  write_file(function_folder() + "/revision", "0x01\n");
  write_file(function_folder() + "/enable", "0\n");
}

void FakeGlobalDevice::fill_registers(unsigned cells, unsigned cell) {
  registers_->iv_position = cell;
  registers_->magic = HIVE_GLOBAL_MAGIC;
  registers_->version = HIVE_GLOBAL_VERSION;
  registers_->cell = cell;
  registers_->cells = cells;
  registers_->window_start = kWindowStart;
  registers_->window_size = window_size(cells);
  registers_->incarnation = 1;
  registers_->vectors = HIVE_GLOBAL_VECTORS;
  for (unsigned home = 0; home + 1 < cells; ++home) {
    registers_->parts[home] = {home * kPages * HIVE_GLOBAL_PAGE_SIZE,
                               kPages * HIVE_GLOBAL_PAGE_SIZE};
  }
}

sdk::DevicePaths FakeGlobalDevice::paths() const { return {folder_ + "/pci", folder_ + "/mem"}; }

std::string FakeGlobalDevice::function_folder() const { return folder_ + "/pci/" + kFunction; }

unsigned char* FakeGlobalDevice::memory(unsigned home) {
  return window_ + home * kPages * HIVE_GLOBAL_PAGE_SIZE;
}

hive_global_reply FakeGlobalDevice::ask_as(unsigned cell, const hive_global_request& request) {
  const std::lock_guard lock(mutex_);
  return answer(cell, request);
}

bool FakeGlobalDevice::write_as(unsigned cell, unsigned home, std::uint64_t page) {
  const std::lock_guard lock(mutex_);
  return contributions_.at(home).ledger().open_for_write(static_cast<CellId>(cell), page) !=
         firewall::Verdict::kDenied;
}

void FakeGlobalDevice::lose(unsigned home) {
  const std::lock_guard lock(mutex_);
  lost_.insert(home);
}

void FakeGlobalDevice::set_alter(std::function<void(hive_global_reply&)> alter) {
  const std::lock_guard lock(mutex_);
  alter_ = std::move(alter);
}

void FakeGlobalDevice::serve() {
  const sdk::Registers registers(registers_);
  while (!over_) {
    if (registers.load32(offsetof(hive_global_registers, submit)) == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      continue;
    }
    registers.store32(offsetof(hive_global_registers, submit), 0);
    registers.store32(offsetof(hive_global_registers, state), HIVE_GLOBAL_BUSY);
    while (mute_ && !over_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard lock(mutex_);
    hive_global_reply reply = answer(
        cell_, registers.load<hive_global_request>(offsetof(hive_global_registers, request)));
    if (alter_) alter_(reply);
    registers.store(offsetof(hive_global_registers, reply), reply);
    registers.store32(offsetof(hive_global_registers, state), HIVE_GLOBAL_ANSWERED);
  }
}

hive_global_reply FakeGlobalDevice::answer(unsigned cell, const hive_global_request& request) {
  hive_global_reply reply{};
  reply.tag = request.tag;
  reply.home = request.home;
  if (request.home >= contributions_.size() || request.cell >= contributions_.size()) {
    refuse(reply, HIVE_GLOBAL_NO_SUCH_CELL, "there is no such cell");
  } else if (lost_.count(request.home) > 0) {
    refuse(reply, HIVE_GLOBAL_HOME_GONE, "its monitor does not answer");
  } else if (request.operation >= HIVE_GLOBAL_SECTION_CREATE && request.home != cell) {
    refuse(reply, HIVE_GLOBAL_NOT_HOME, "only home may ask that");
  } else if (request.operation == HIVE_GLOBAL_CELL) {
    reply.pages = contributions_[request.home].ledger().all().count;
    made_up_cell_name(request.home).copy(reply.name, sizeof reply.name - 1);
  } else if (request.operation == HIVE_GLOBAL_PAGE || request.operation == HIVE_GLOBAL_WRITTEN ||
             request.operation >= HIVE_GLOBAL_GRANT) {
    answer_pages(request, reply);
  } else {
    answer_section(cell, request, reply);
  }
  return reply;
}

void FakeGlobalDevice::answer_section(unsigned cell, const hive_global_request& request,
                                      hive_global_reply& reply) {
  firewall::Contribution& home = contributions_[request.home];
  const auto id = static_cast<firewall::SectionId>(request.section);
  if (request.operation == HIVE_GLOBAL_SECTION_NEXT) {
    for (const Section& section : home.sections().list()) {
      if (section.range.first >= request.first) return describe(reply, section);
    }
    return refuse(reply, HIVE_GLOBAL_NOT_FOUND, "no section starts there or after");
  }
  if (request.operation == HIVE_GLOBAL_SECTION_OPEN) {
    const auto opened = home.open_section(static_cast<CellId>(cell), request.name);
    if (!opened.ok()) return refuse(reply, opened.refusal());
    describe(reply, opened.value());
    reply.writers = std::uint64_t{1} << cell;
  } else if (request.operation == HIVE_GLOBAL_SECTION_CLOSE) {
    const auto refusal = home.close_section(static_cast<CellId>(cell), id);
    if (refusal) refuse(reply, *refusal);
  } else if (request.operation == HIVE_GLOBAL_SECTION_CREATE) {
    const auto made = home.create_section(request.name, request.pages);
    if (!made.ok()) return refuse(reply, made.refusal());
    describe(reply, made.value().section);
  } else {
    const bool force = (request.flags & HIVE_GLOBAL_FORCE) != 0;
    const auto gone =
        home.destroy_section(id, force ? firewall::Force::kYes : firewall::Force::kNo);
    if (!gone.ok()) refuse(reply, gone.refusal());
  }
}

void FakeGlobalDevice::answer_pages(const hive_global_request& request, hive_global_reply& reply) {
  firewall::Contribution& home = contributions_[request.home];
  const auto cell = static_cast<CellId>(request.cell);
  PageRange limits = home.ledger().all();
  if (request.section != 0) {
    const auto section = home.sections().find(static_cast<firewall::SectionId>(request.section));
    if (!section) return refuse(reply, HIVE_GLOBAL_NO_SUCH_SECTION, "no section has that number");
    limits = section->range;
  }
  if (request.operation == HIVE_GLOBAL_PAGE) {
    const std::uint64_t page = limits.first + request.first;
    if (request.first >= limits.count) return refuse(reply, HIVE_GLOBAL_OUT_OF_RANGE, "past it");
    reply.generation = static_cast<std::uint32_t>(*home.ledger().generation(page));
    reply.writers = home.ledger().writers(page).bits();
    if (const auto section = home.sections().at(page)) describe(reply, *section);
  } else if (request.operation == HIVE_GLOBAL_WRITTEN) {
    const PageRange asked{limits.first + request.first, limits.count - request.first};
    const PageRanges written = home.ledger().written_by(cell, asked);
    if (written.empty()) return refuse(reply, HIVE_GLOBAL_NOT_FOUND, "it has written none");
    reply.first = written.front().first;
    reply.pages = written.front().count;
  } else if (request.first + (request.runs - 1) * request.stride + request.pages > limits.count) {
    refuse(reply, HIVE_GLOBAL_OUT_OF_RANGE, "past the end");
  } else if (request.operation == HIVE_GLOBAL_GRANT) {
    const auto granted = home.ledger().grant(cell, runs_of(request, limits.first));
    if (!granted.ok()) return refuse(reply, granted.refusal());
    reply.pages = firewall::count_pages(granted.value());
  } else {
    const auto revoked = home.ledger().revoke(cell, runs_of(request, limits.first));
    if (!revoked.ok()) return refuse(reply, revoked.refusal());
    reply.pages = firewall::count_pages(revoked.value().pages);
  }
}

}  // namespace hive::testing
