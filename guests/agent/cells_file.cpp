#include "guests/agent/cells_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>

#include "vmm/base/error.h"
#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"

namespace hive::agent {
namespace {

bool is_cid(std::string_view text) {
  constexpr Cid kAnyCid = 0xffff'ffff;
  Cid cid = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), cid);
  return error == std::errc{} && rest == text.data() + text.size() && cid >= kFirstCellCid &&
         cid < kAnyCid;
}

bool is_name(std::string_view text) {
  constexpr std::size_t kLongestName = 32;
  return !text.empty() && text.size() <= kLongestName &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_line(std::string_view line) {
  const std::size_t blank = line.find(' ');
  return blank != std::string_view::npos && is_cid(line.substr(0, blank)) &&
         is_name(line.substr(blank + 1));
}

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw_errno("cannot write " + path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

bool is_list_of_cells(std::string_view payload) {
  if (payload.empty()) return false;
  while (!payload.empty()) {
    const std::size_t end = payload.find('\n');
    if (end == std::string_view::npos || !is_line(payload.substr(0, end))) return false;
    payload.remove_prefix(end + 1);
  }
  return true;
}

void replace_file(const std::string& path, const std::string& text) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    throw_errno("cannot make folder " + folder);
  }
  const std::string draft = path + ".new";
  const UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) throw_errno("cannot make " + draft);
  write_all(fd.get(), text, draft);
  if (::rename(draft.c_str(), path.c_str()) != 0) throw_errno("cannot replace " + path);
}

}  // namespace hive::agent
