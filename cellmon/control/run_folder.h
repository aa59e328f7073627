// A machine's folder for its cells' logs.
#pragma once

#include <string>

namespace hive::control {

/// A folder that only this user can enter. Its cells share it; it is removed with the last of these
/// objects, unless files are in it.
class RunFolder {
 public:
  /// Makes PATH, or takes it as it is. Throws Error when it belongs to somebody else or others can
  /// write to it.
  explicit RunFolder(std::string path);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  RunFolder(RunFolder&&) = delete;
  RunFolder& operator=(RunFolder&&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hive::control
