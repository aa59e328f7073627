// Whether KVM works on this host, and by what means.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hive::cli {

/// What the host's files and KVM's device say, as found.
struct KvmFacts {
  int open_error = 0;  ///< errno of opening the device; 0: it was opened.
  /// Of the device's file; empty: it could not be looked at.
  std::string device_group;
  unsigned device_mode = 0;      ///< Permission bits.
  bool in_device_group = false;  ///< Whether this process has the group.
  int api_version = -1;          ///< Answer to KVM_GET_API_VERSION.
  int create_error = 0;          ///< errno of KVM_CREATE_VM; 0: it made a VM.
  bool cpu_has_vmx = false;      ///< Flags of /proc/cpuinfo.
  bool cpu_has_svm = false;
  std::vector<std::string> modules;  ///< Names in /sys/module that begin with "kvm".
  std::string ept;  ///< Parameter of module kvm_intel: "Y", "N", or empty when there is none.
  std::string npt;  ///< Of kvm_amd: "1", "Y", "0", "N" or empty.
};

enum class KvmKind {
  kUnknown,   ///< KVM does not work, so that nothing can be told.
  kVtx,       ///< Intel VT-x.
  kSvm,       ///< AMD SVM.
  kSoftware,  ///< A KVM that needs neither: it runs guest code by other means.
};

struct KvmReport {
  bool works = false;
  KvmKind kind = KvmKind::kUnknown;
  std::string module;                 ///< Of a software KVM, when it is known.
  std::optional<bool> nested_paging;  ///< EPT or NPT; nothing when it cannot be told.
  std::string problem;                ///< Why it does not work.
  std::string remedy;
};

/// Reads /proc/cpuinfo and /sys/module and tries /dev/kvm, all below ROOT.
KvmFacts gather_kvm_facts(const std::filesystem::path& root = "/");

/// What FACTS mean.
KvmReport judge_kvm(const KvmFacts& facts);

}  // namespace hive::cli
