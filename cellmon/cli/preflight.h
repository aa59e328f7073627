// What a machine needs of its host before anything is started.
#pragma once

#include <string>

namespace hive::cli {

/// Throws Error, with the remedy, when PATH cannot be used as KVM's device.
void check_kvm(const std::string& path = "/dev/kvm");

}  // namespace hive::cli
