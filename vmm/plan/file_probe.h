// What a plan's check asks of the host's files, so that the check itself does no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

namespace hive::plan {

enum class FileKind {
  kMissing,      ///< There is no such file.
  kUnreachable,  ///< A folder on the way may not be entered, or the path cannot be followed.
  kRegular,
  kDirectory,
  kBlockDevice,
  kOther,  ///< A character device, pipe or socket.
};

/// The same for two paths exactly when they lead to the same storage: device and inode of a regular
/// file, and the device number of a block device (with inode 0).
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
  friend bool operator<(const FileIdentity& a, const FileIdentity& b) {
    return std::tie(a.device, a.inode) < std::tie(b.device, b.inode);
  }
};

struct FileFacts {
  FileKind kind = FileKind::kMissing;
  bool readable = false;
  bool writable = false;
  FileIdentity identity;
  std::uint64_t size = 0;  ///< Bytes of a regular file.
};

class FileProbe {
 public:
  virtual ~FileProbe() = default;

  /// What PATH, which is absolute, leads to with symbolic links followed. Never throws.
  [[nodiscard]] virtual FileFacts probe(const std::string& path) const = 0;
};

}  // namespace hive::plan
