// The file that a cell's crash dump goes to.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "vmm/base/unique_fd.h"

namespace hive::control {

/// A new file in a folder, which nobody finds before keep(). It is gone with this object unless it
/// was kept, and with this process, where the file system has files without a name; elsewhere its
/// name begins with a dot and ends with `.partial` until then.
class CoreFile {
 public:
  /// NAME is what the file is to be called. Throws Error.
  CoreFile(const std::string& folder, std::string name);
  CoreFile(const CoreFile&) = delete;
  CoreFile& operator=(const CoreFile&) = delete;
  CoreFile(CoreFile&&) = delete;
  CoreFile& operator=(CoreFile&&) = delete;
  ~CoreFile();

  /// For writing.
  [[nodiscard]] int fd() const { return file_.get(); }
  /// Gives the file its name, or where that is taken NAME.1, NAME.2 and so on: no other file is
  /// overwritten. Its path. Throws Error.
  std::string keep();
  /// What it takes on the disk, in bytes.
  [[nodiscard]] std::uint64_t disk_size() const;
  /// Since it was made.
  [[nodiscard]] std::chrono::milliseconds age() const;

 private:
  static constexpr unsigned kMaxTwins = 1000;

  std::string folder_path_;
  std::string name_;
  UniqueFd folder_;
  std::string partial_;  ///< Its name so far; empty where it has none.
  UniqueFd file_;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace hive::control
