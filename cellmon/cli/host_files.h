// The host's files, for the check of a plan.
#pragma once

#include <string>

#include "vmm/plan/file_probe.h"

namespace hive::cli {

/// Looks at files by stat(2), with the rights of this process. Opens none, so that no tape winds
/// and no pipe waits.
class HostFileProbe : public plan::FileProbe {
 public:
  [[nodiscard]] plan::FileFacts probe(const std::string& path) const override;
};

}  // namespace hive::cli
