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

std::uint64_t window_size(unsigned cells, std::uint64_t pages) {
  return (cells - 1) * pages * HIVE_GLOBAL_PAGE_SIZE;
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

std::vector<std::string> made_up_names(unsigned cells) {
  std::vector<std::string> names;
  for (unsigned cell = 0; cell < cells; ++cell) names.push_back(made_up_cell_name(cell));
  return names;
}

}  // namespace

std::string made_up_cell_name(unsigned number) {
  static const std::array<const char*, 4> names{"alpha", "beta", "gamma", "delta"};
  return number < names.size() ? names.at(number) : "cell" + std::to_string(number);
}

FakeGlobalDevice::Monitor::Monitor(unsigned home, unsigned cells, std::uint64_t pages)
    : gatekeeper({static_cast<CellId>(home), home + 1 < cells ? pages : 0}, {}),
      desk(gatekeeper, made_up_names(cells)) {
  gatekeeper.create_system_section();
}

FakeGlobalDevice::FakeGlobalDevice(unsigned cells, unsigned cell, std::uint64_t pages)
    : cell_(cell), pages_(pages) {
  std::string pattern = (std::filesystem::temp_directory_path() / "hive-device-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw_errno("cannot make a temporary folder");
  folder_ = pattern;
  for (unsigned home = 0; home < cells; ++home) {
    monitors_.push_back(std::make_unique<Monitor>(home, cells, pages));
  }
  make_files();
  const std::string registers = function_folder() + "/resource0";
  registers_ = reinterpret_cast<hive_global_registers*>(
      map_file(registers, 0, sizeof(hive_global_registers)));
  window_ = map_file(folder_ + "/mem", kWindowStart, window_size(cells, pages_));
  fill_registers(cells, cell);
  thread_ = std::thread([this] { serve(); });
}

FakeGlobalDevice::~FakeGlobalDevice() {
  over_ = true;
  thread_.join();
  ::munmap(registers_, sizeof *registers_);
  ::munmap(window_, window_size(static_cast<unsigned>(monitors_.size()), pages_));
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
  registers_->window_size = window_size(cells, pages_);
  registers_->incarnation = 1;
  registers_->vectors = HIVE_GLOBAL_VECTORS;
  for (unsigned home = 0; home + 1 < cells; ++home) {
    registers_->parts[home] = {home * pages_ * HIVE_GLOBAL_PAGE_SIZE,
                               pages_ * HIVE_GLOBAL_PAGE_SIZE};
  }
}

sdk::DevicePaths FakeGlobalDevice::paths() const { return {folder_ + "/pci", folder_ + "/mem"}; }

std::string FakeGlobalDevice::function_folder() const { return folder_ + "/pci/" + kFunction; }

unsigned char* FakeGlobalDevice::memory(unsigned home) {
  return window_ + home * pages_ * HIVE_GLOBAL_PAGE_SIZE;
}

std::uint32_t FakeGlobalDevice::create_as(unsigned cell, const char* name, std::uint64_t pages) {
  hive_global_request request{};
  request.operation = HIVE_GLOBAL_SECTION_CREATE;
  request.home = cell;
  request.pages = pages;
  std::strncpy(request.name, name, sizeof request.name - 1);
  const std::lock_guard lock(mutex_);
  return answer(cell, request).status;
}

bool FakeGlobalDevice::write_as(unsigned cell, unsigned home, std::uint64_t page) {
  const std::lock_guard lock(mutex_);
  Monitor& monitor = *monitors_.at(home);
  if (!monitor.gatekeeper.ledger().writers(page).contains(static_cast<CellId>(cell))) return false;
  monitor.writes.insert({cell, page});
  return true;
}

void FakeGlobalDevice::lose(unsigned home) {
  const std::lock_guard lock(mutex_);
  lost_.insert(home);
}

void FakeGlobalDevice::set_hosting(unsigned home, std::uint64_t pages) {
  const std::lock_guard lock(mutex_);
  monitors_.at(home)->gatekeeper.set_hosting(pages);
}

std::uint64_t FakeGlobalDevice::uses(unsigned home, std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = uses_.find({home, number});
  return found == uses_.end() ? 0 : found->second;
}

void FakeGlobalDevice::move(unsigned home, std::uint32_t number, unsigned to) {
  begin_move(home, number, to);
  switch_move();
  end_move();
}

void FakeGlobalDevice::begin_move(unsigned home, std::uint32_t number, unsigned to) {
  const std::lock_guard lock(mutex_);
  firewall::Gatekeeper& from = monitors_[home]->gatekeeper;
  firewall::Gatekeeper& target = monitors_[to]->gatekeeper;
  auto frozen = from.freeze_section(firewall::SectionId(number)).value();
  const firewall::Section& section = frozen.section;
  const auto place =
      target.reserve_section(section.name, section.range.count, {section.movable, section.creator});
  move_.emplace(Move{from, target, static_cast<CellId>(to), std::move(frozen), place.value()});
}

void FakeGlobalDevice::switch_move() {
  const std::lock_guard lock(mutex_);
  move_->from.forward_section(move_->leaving.section.id, move_->target, move_->coming.id,
                              move_->coming.range);
}

void FakeGlobalDevice::end_move() {
  const std::lock_guard lock(mutex_);
  (void)move_->to.admit_section(move_->coming.id, move_->leaving.rights);
}

void FakeGlobalDevice::keep_section() {
  const std::lock_guard lock(mutex_);
  move_->from.thaw_section(move_->leaving.section.id);
}

void FakeGlobalDevice::drop_place() {
  const std::lock_guard lock(mutex_);
  move_->to.release_section(move_->coming.id);
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
    const auto request =
        registers.load<hive_global_request>(offsetof(hive_global_registers, request));
    hive_global_reply reply = answer(trusting_ ? request.home : cell_, request);
    if (alter_) alter_(reply);
    registers.store(offsetof(hive_global_registers, reply), reply);
    registers.store32(offsetof(hive_global_registers, state), HIVE_GLOBAL_ANSWERED);
  }
}

hive_global_reply FakeGlobalDevice::answer(unsigned cell, hive_global_request request) {
  const bool is_create = request.operation == HIVE_GLOBAL_SECTION_CREATE;
  if (is_create && request.home == HIVE_GLOBAL_ANY_HOME) request.home = cell;
  if (request.home >= monitors_.size()) {
    return firewall::refuse_request(request, HIVE_GLOBAL_NO_SUCH_CELL, "there is no such cell");
  }
  if (request.operation == HIVE_GLOBAL_SECTION_USED) {
    uses_[{request.home, request.section}] += request.pages;
    hive_global_reply reply{};
    reply.tag = request.tag;
    return reply;
  }
  if (lost_.count(request.home) > 0) {
    return firewall::refuse_request(request, HIVE_GLOBAL_HOME_GONE, "its monitor does not answer");
  }
  const hive_global_reply reply =
      monitors_[request.home]->desk.answer(static_cast<CellId>(cell), request);
  return request.operation == HIVE_GLOBAL_WRITTEN ? answer_written(request, reply) : reply;
}

/// The desk's REPLY says that nothing was written: no fault has been served here. Adds
/// write_as()'s.
hive_global_reply FakeGlobalDevice::answer_written(const hive_global_request& request,
                                                   hive_global_reply reply) {
  if (reply.status != HIVE_GLOBAL_NOT_FOUND) return reply;
  const Monitor& home = *monitors_[request.home];
  firewall::PageRange frame = home.gatekeeper.ledger().all();
  if (request.section != 0) {
    frame = home.gatekeeper.sections().find(firewall::SectionId(request.section))->range;
  }
  for (const auto& [cell, page] : home.writes) {
    const bool asked =
        cell == request.cell && page >= frame.first + request.first && page < frame.end();
    const bool held = home.gatekeeper.ledger().writers(page).contains(static_cast<CellId>(cell));
    if (!asked || !held) continue;
    if (reply.status == HIVE_GLOBAL_NOT_FOUND) {
      reply = {};
      reply.tag = request.tag;
      reply.home = request.home;
      reply.first = page;
    }
    if (page != reply.first + reply.pages) break;
    ++reply.pages;
  }
  return reply;
}

}  // namespace hive::testing
