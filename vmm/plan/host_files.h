// The files that a plan names, checked against the host.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vmm/plan/check.h"
#include "vmm/plan/fault.h"

namespace hive::plan {

/// What one file of the plan must be.
struct FileDemand {
  std::string_view what;  ///< "kernel", "initrd", "disk" or "crash dumps' folder"
  std::string_view if_missing = "check the path";  ///< The remedy for a missing file.
  bool block_device = false;                       ///< A block device will do, too.
  bool write = false;
  bool folder = false;  ///< A folder, to write files in, and nothing else will do.
};

/// Looks files up and reports those that cannot serve.
class HostFiles {
 public:
  HostFiles(const Source& source, const FileProbe& probe, FaultList& faults)
      : folder_(source.folder), probe_(probe), faults_(faults) {}

  /// PATH, as a plan file has it, made absolute.
  [[nodiscard]] std::string resolve(const std::string& path) const;

  /// The facts of the file at PATH, which is absolute; nothing, and a fault at AT, when it does not
  /// meet DEMAND.
  [[nodiscard]] std::optional<FileFacts> require(const std::string& path, Position at,
                                                 const FileDemand& demand) const;

 private:
  std::string folder_;
  const FileProbe& probe_;
  FaultList& faults_;
};

}  // namespace hive::plan
