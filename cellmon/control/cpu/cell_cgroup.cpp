#include "cellmon/control/cpu/cell_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {
namespace {

/// 0 or an errno.
int try_write(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) return errno;
  return 0;
}

void write(const std::string& path, const std::string& text) {
  const int error = try_write(path, text);
  if (error != 0) throw_errno("cannot write \"" + text + "\" to " + path, error);
}

void make_folder(const std::string& path) {
  // For its owner: the umask may leave others less.
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) throw_errno("cannot make " + path);
}

constexpr const char* kControl = "/cgroup.subtree_control";

/// Lets groups within FOLDER have CPU weights.
void enable_weights(const std::string& folder) { write(folder + kControl, "+cpu"); }

/// Whether groups within FOLDER have them already.
bool has_weights(const std::string& folder) {
  std::ifstream file(folder + kControl);
  const std::istream_iterator<std::string> end;
  return std::find(std::istream_iterator<std::string>(file), end, "cpu") != end;
}

/// Only the hierarchy's root has no type.
bool is_root(const std::string& folder) {
  return ::access((folder + "/cgroup.type").c_str(), F_OK) != 0 && errno == ENOENT;
}

/// Throws Error unless groups in FOLDER can have weights without harm to what is there: a group
/// with processes becomes a threaded domain by a controller for groups in it, and those can then
/// have none (Linux, cgroup-v2.rst, "Threads").
void check_base(const std::string& folder) {
  if (is_root(folder)) return;
  const std::string path = folder + "/cgroup.procs";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char first = 0;
  const ssize_t got = file ? ::read(file.get(), &first, sizeof first) : -1;
  if (got < 0) throw_errno("cannot read " + path, errno);
  if (got > 0) {
    throw Error("no cgroups can be made in " + folder + ": processes are in it; take one without");
  }
}

}  // namespace

CellCgroup::CellCgroup(Names names)
    : names_(std::move(names)),
      group_(names_.base + "/" + names_.group),
      own_(group_ + "/" + names_.cells.at(names_.own)) {
  try {
    make();
  } catch (const Error&) {
    remove_all();
    throw;
  }
}

CellCgroup::~CellCgroup() { remove_all(); }

void CellCgroup::make() {
  check_base(names_.base);
  const bool had_weights = has_weights(names_.base);
  if (!had_weights) enable_weights(names_.base);
  try {
    make_folder(group_);
    enable_weights(group_);
    make_folder(own_);
  } catch (const Error&) {
    if (!had_weights) leave_base();
    throw;
  }
}

void CellCgroup::leave_base() {
  remove_all();
  // The kernel refuses that where another machine's groups have weights there by now.
  (void)try_write(names_.base + kControl, "-cpu");
}

void CellCgroup::place(pid_t pid) {
  // Another monitor of the machine may remove what is empty just now.
  constexpr int kTries = 4;
  const std::string file = own_ + "/cgroup.procs";
  int error = ENOENT;
  for (int tries = 0; tries < kTries; ++tries) {
    try {
      make();
    } catch (const Error&) {
      if (tries + 1 == kTries) throw;
      continue;
    }
    error = try_write(file, std::to_string(pid));
    if (error == 0) return;
    if (error != ENOENT && error != ENODEV) break;
  }
  throw_errno("cannot put the VMM into " + own_, error);
}

void CellCgroup::set_weight(std::uint32_t weight) {
  write(own_ + "/cpu.weight", std::to_string(weight));
}

void CellCgroup::remove() { ::rmdir(own_.c_str()); }

void CellCgroup::remove_all() {
  for (const std::string& cell : names_.cells) ::rmdir((group_ + "/" + cell).c_str());
  ::rmdir(group_.c_str());
}

}  // namespace hive::control
