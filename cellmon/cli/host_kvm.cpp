#include "cellmon/cli/host_kvm.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "vmm/base/unique_fd.h"

namespace hive::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabRemedy = "or run in the lab: scripts/lab";

std::string first_word(const fs::path& path) {
  std::ifstream stream(path);
  std::string word;
  stream >> word;
  return word;
}

/// Takes the flags of the first CPU: all are alike.
void read_cpu_flags(const fs::path& cpuinfo, KvmFacts& facts) {
  std::ifstream stream(cpuinfo);
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      facts.cpu_has_vmx = facts.cpu_has_vmx || word == "vmx";
      facts.cpu_has_svm = facts.cpu_has_svm || word == "svm";
    }
    return;
  }
}

/// Whether this process has group GROUP.
bool has_group(gid_t group) {
  const int count = ::getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
  if (::getgroups(count, groups.data()) < 0) groups.clear();
  return ::getegid() == group || std::find(groups.begin(), groups.end(), group) != groups.end();
}

void look_at_device(const fs::path& device, KvmFacts& facts) {
  struct stat status {};
  if (::stat(device.c_str(), &status) != 0) return;
  const group* entry = ::getgrgid(status.st_gid);
  facts.device_group = entry == nullptr ? std::to_string(status.st_gid) : entry->gr_name;
  facts.device_mode = status.st_mode & 07777;
  facts.in_device_group = has_group(status.st_gid);
}

void try_device(const fs::path& device, KvmFacts& facts) {
  const UniqueFd kvm(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm) {
    facts.open_error = errno;
    return;
  }
  facts.api_version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0);
  if (facts.api_version != KVM_API_VERSION) return;
  const UniqueFd vm(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!vm) facts.create_error = errno;
}

bool has_module(const KvmFacts& facts, std::string_view name) {
  return std::find(facts.modules.begin(), facts.modules.end(), name) != facts.modules.end();
}

/// The module of a KVM that is neither Intel's nor AMD's; empty when there is none.
std::string software_module(const KvmFacts& facts) {
  for (const std::string& module : facts.modules) {
    const bool common = module == "kvm" || module == "kvmgt";
    if (!common && module != "kvm_intel" && module != "kvm_amd") return module;
  }
  return "";
}

std::optional<bool> read_switch(const std::string& text) {
  if (text == "Y" || text == "1") return true;
  if (text == "N" || text == "0") return false;
  return std::nullopt;
}

void name_kind(const KvmFacts& facts, KvmReport& report) {
  const std::string other = software_module(facts);
  if (facts.cpu_has_vmx && (has_module(facts, "kvm_intel") || other.empty())) {
    report.kind = KvmKind::kVtx;
    report.nested_paging = read_switch(facts.ept);
  } else if (facts.cpu_has_svm && (has_module(facts, "kvm_amd") || other.empty())) {
    report.kind = KvmKind::kSvm;
    report.nested_paging = read_switch(facts.npt);
  } else {
    report.kind = KvmKind::kSoftware;
    report.module = other;
    report.nested_paging = false;
  }
}

KvmReport broken(std::string problem, std::string remedy) {
  KvmReport report;
  report.problem = std::move(problem);
  report.remedy = std::move(remedy);
  return report;
}

KvmReport no_permission(const KvmFacts& facts) {
  constexpr unsigned kGroupMayUse = 060;
  const std::string& group = facts.device_group;
  const std::string problem = "this user may not open /dev/kvm";
  if (group.empty()) return broken(problem, "see who may: ls -l /dev/kvm");
  const std::string who =
      fmt::format("{} (group {}, mode {:04o})", problem, group, facts.device_mode);
  const bool group_may = (facts.device_mode & kGroupMayUse) == kGroupMayUse;
  if (group_may && facts.in_device_group) {
    return broken(who,
                  "its mode would allow it: look at its ACL (getfacl /dev/kvm), and in a "
                  "container at the devices that this may use");
  }
  if (group_may && group != "root") {
    return broken(
        who, fmt::format("join its group (sudo usermod -aG {} $USER) and log in again", group));
  }
  return broken(who,
                "give it to a group that may use it (sudo chgrp kvm /dev/kvm; sudo chmod 660 "
                "/dev/kvm), join that (sudo usermod -aG kvm $USER) and log in again");
}

KvmReport no_device(const KvmFacts& facts, const char* problem) {
  if (facts.cpu_has_vmx) {
    return broken(problem, std::string("load its module: modprobe kvm_intel; ") + kLabRemedy);
  }
  if (facts.cpu_has_svm) {
    return broken(problem, std::string("load its module: modprobe kvm_amd; ") + kLabRemedy);
  }
  return broken(std::string(problem) + ", and the CPU shows neither VT-x nor SVM",
                std::string("switch virtualisation on in the firmware, or nested virtualisation in "
                            "the hypervisor around this machine, ") +
                    kLabRemedy);
}

}  // namespace

KvmFacts gather_kvm_facts(const fs::path& root) {
  KvmFacts facts;
  read_cpu_flags(root / "proc/cpuinfo", facts);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "sys/module", error)) {
    std::string name = entry.path().filename();
    if (name.rfind("kvm", 0) == 0) facts.modules.push_back(std::move(name));
  }
  std::sort(facts.modules.begin(), facts.modules.end());
  facts.ept = first_word(root / "sys/module/kvm_intel/parameters/ept");
  facts.npt = first_word(root / "sys/module/kvm_amd/parameters/npt");
  look_at_device(root / "dev/kvm", facts);
  try_device(root / "dev/kvm", facts);
  return facts;
}

KvmReport judge_kvm(const KvmFacts& facts) {
  switch (facts.open_error) {
    case 0:
      break;
    case ENOENT:
      return no_device(facts, "there is no /dev/kvm");
    case ENXIO:
    case ENODEV:
      return no_device(facts, "nothing is behind /dev/kvm");
    case EACCES:
    case EPERM:
      return no_permission(facts);
    default:
      return broken(std::string("/dev/kvm cannot be opened: ") + std::strerror(facts.open_error),
                    "see the kernel's log: dmesg");
  }
  if (facts.api_version != KVM_API_VERSION) {
    return broken("/dev/kvm does not speak KVM's interface, version 12",
                  "load the kernel's own module: modprobe kvm_intel or kvm_amd");
  }
  if (facts.create_error == EBUSY) {
    return broken("KVM is locked out by another hypervisor", "stop it (VirtualBox, say)");
  }
  if (facts.create_error != 0) {
    return broken(std::string("KVM makes no virtual machine: ") + std::strerror(facts.create_error),
                  "see the kernel's log: dmesg");
  }
  KvmReport report;
  report.works = true;
  name_kind(facts, report);
  return report;
}

}  // namespace hive::cli
