#include "cellmon/cli/host_kvm.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "cellmon/cli/host_report.h"
#include "tests/unit/cli/temporary_folder.h"
#include "vmm/base/units.h"

namespace hive::cli {
namespace {

using ::testing::ElementsAre;

KvmFacts working() {
  KvmFacts facts;
  facts.api_version = 12;
  facts.modules = {"kvm"};
  return facts;
}

KvmFacts intel(const char* ept) {
  KvmFacts facts = working();
  facts.cpu_has_vmx = true;
  facts.modules = {"kvm", "kvm_intel"};
  facts.ept = ept;
  return facts;
}

KvmFacts amd(const char* npt) {
  KvmFacts facts = working();
  facts.cpu_has_svm = true;
  facts.modules = {"kvm", "kvm_amd"};
  facts.npt = npt;
  return facts;
}

KvmFacts software(std::vector<std::string> modules) {
  KvmFacts facts = working();
  facts.modules = std::move(modules);
  return facts;
}

/// The last line of `hive host` on a host where KVM is as FACTS say.
std::string line(const KvmFacts& facts) {
  const HostReport report{{{{{0, {0}, kMiB}}}, "sysfs"}, judge_kvm(facts)};
  const std::string text = format_host_report(report);
  return text.substr(text.find("KVM     ") + 8);
}

TEST(Kvm, IsToldApartByItsMeans) {
  EXPECT_EQ(line(intel("Y")), "works: VT-x, with nested paging (EPT)\n");
  EXPECT_EQ(line(intel("N")), "works: VT-x, without nested paging (shadow page tables)\n");
  EXPECT_EQ(line(intel("")), "works: VT-x, it is not known whether with nested paging\n");
  EXPECT_EQ(line(amd("1")), "works: SVM, with nested paging (NPT)\n");
  EXPECT_EQ(line(amd("Y")), "works: SVM, with nested paging (NPT)\n");
  EXPECT_EQ(line(amd("0")), "works: SVM, without nested paging (shadow page tables)\n");
  EXPECT_EQ(line(software({"kvm", "kvm_pvm"})),
            "works: software KVM (kvm_pvm), without nested paging (shadow page tables)\n");
  EXPECT_EQ(line(software({})),
            "works: software KVM, without nested paging (shadow page tables)\n");
}

TEST(Kvm, IsSoftwareWhenItsModuleIsAnotherOnACapableCpu) {
  KvmFacts facts = software({"kvm", "kvm_pvm"});
  facts.cpu_has_vmx = true;
  EXPECT_EQ(judge_kvm(facts).kind, KvmKind::kSoftware);
  facts.modules = {"kvm", "kvm_intel", "kvm_pvm"};
  EXPECT_EQ(judge_kvm(facts).kind, KvmKind::kVtx);
}

TEST(Kvm, IsHardwareWhenBuiltIn) {
  KvmFacts facts = software({});
  facts.cpu_has_svm = true;
  EXPECT_EQ(judge_kvm(facts).kind, KvmKind::kSvm);
  EXPECT_EQ(judge_kvm(facts).nested_paging, std::nullopt);
}

TEST(Kvm, IsMissingForAReasonAndARemedy) {
  KvmFacts facts;
  facts.open_error = ENOENT;
  EXPECT_EQ(line(facts),
            "does not work: there is no /dev/kvm, and the CPU shows neither VT-x nor SVM; switch "
            "virtualisation on in the firmware, or nested virtualisation in the hypervisor around "
            "this machine, or run in the lab: scripts/lab\n");
  facts.cpu_has_vmx = true;
  EXPECT_EQ(line(facts),
            "does not work: there is no /dev/kvm; load its module: modprobe kvm_intel; or run in "
            "the lab: scripts/lab\n");
  facts.cpu_has_vmx = false;
  facts.cpu_has_svm = true;
  facts.open_error = ENODEV;
  EXPECT_EQ(line(facts),
            "does not work: nothing is behind /dev/kvm; load its module: modprobe kvm_amd; or run "
            "in the lab: scripts/lab\n");
  facts.open_error = EIO;
  EXPECT_EQ(line(facts),
            "does not work: /dev/kvm cannot be opened: Input/output error; see the kernel's log: "
            "dmesg\n");
}

TEST(Kvm, MayBeForbiddenByItsModeOrItsGroup) {
  KvmFacts facts;
  facts.open_error = EACCES;
  EXPECT_EQ(line(facts),
            "does not work: this user may not open /dev/kvm; see who may: ls -l /dev/kvm\n");
  facts.device_group = "virt";
  facts.device_mode = 0660;
  EXPECT_EQ(
      line(facts),
      "does not work: this user may not open /dev/kvm (group virt, mode 0660); join its group "
      "(sudo usermod -aG virt $USER) and log in again\n");
  const std::string give =
      "give it to a group that may use it (sudo chgrp kvm /dev/kvm; sudo chmod 660 /dev/kvm), join "
      "that (sudo usermod -aG kvm $USER) and log in again\n";
  facts.device_mode = 0600;
  EXPECT_EQ(line(facts),
            "does not work: this user may not open /dev/kvm (group virt, mode 0600); " + give);
  facts.device_group = "root";
  facts.device_mode = 0660;
  EXPECT_EQ(line(facts),
            "does not work: this user may not open /dev/kvm (group root, mode 0660); " + give);
  facts.device_group = "kvm";
  facts.in_device_group = true;
  facts.open_error = EPERM;
  EXPECT_EQ(line(facts),
            "does not work: this user may not open /dev/kvm (group kvm, mode 0660); its mode would "
            "allow it: look at its ACL (getfacl /dev/kvm), and in a container at the devices that "
            "this may use\n");
}

TEST(Kvm, DoesNotWorkWithoutVirtualMachines) {
  KvmFacts facts = working();
  facts.api_version = 11;
  EXPECT_EQ(line(facts),
            "does not work: /dev/kvm does not speak KVM's interface, version 12; load the kernel's "
            "own module: modprobe kvm_intel or kvm_amd\n");
  facts = working();
  facts.create_error = EBUSY;
  EXPECT_EQ(line(facts),
            "does not work: KVM is locked out by another hypervisor; stop it (VirtualBox, say)\n");
  facts.create_error = ENOMEM;
  EXPECT_EQ(line(facts),
            "does not work: KVM makes no virtual machine: Cannot allocate memory; see the kernel's "
            "log: dmesg\n");
}

TEST(KvmFacts, AreReadFromTheHost) {
  const TemporaryFolder root;
  EXPECT_EQ(gather_kvm_facts(root.path()).open_error, ENOENT);
  EXPECT_TRUE(gather_kvm_facts(root.path()).modules.empty());

  root.write(
      "proc/cpuinfo",
      "processor : 0\nvmx flags\t: x\nflags\t\t: fpu vmx sse\n\nprocessor : 1\nflags : svm\n");
  root.write("sys/module/kvm/x", "");
  root.write("sys/module/kvm_intel/parameters/ept", "Y\n");
  root.write("sys/module/kvm_amd/parameters/npt", "0\n");
  root.write("sys/module/ext4/x", "");
  root.write("dev/kvm", "not a device");
  const KvmFacts facts = gather_kvm_facts(root.path());
  EXPECT_TRUE(facts.cpu_has_vmx);
  EXPECT_FALSE(facts.cpu_has_svm);
  EXPECT_THAT(facts.modules, ElementsAre("kvm", "kvm_amd", "kvm_intel"));
  EXPECT_EQ(facts.ept, "Y");
  EXPECT_EQ(facts.npt, "0");
  EXPECT_EQ(facts.open_error, 0);
  EXPECT_TRUE(facts.in_device_group);
  EXPECT_FALSE(facts.device_group.empty());
  EXPECT_NE(facts.device_mode, 0U);
  EXPECT_EQ(facts.api_version, -1);
  EXPECT_FALSE(judge_kvm(facts).works);
}

TEST(HostReport, IsForPeopleAndPrograms) {
  const HostReport report{{{{{0, {0, 1, 2}, 512 * kMiB}, {12, {4}, 256 * kMiB}}}, "sysfs"},
                          judge_kvm(amd("1"))};
  EXPECT_EQ(format_host_report(report),
            "CPUs    4 (0-2,4)\n"
            "memory  768 MiB\n"
            "node 0  CPUs 0-2, 512 MiB\n"
            "node 12 CPUs 4, 256 MiB\n"
            "source  sysfs\n"
            "KVM     works: SVM, with nested paging (NPT)\n");
  EXPECT_EQ(host_report_json(report),
            R"({"topology":{"source":"sysfs","nodes":[{"id":0,"cpus":[0,1,2],"memory":536870912},)"
            R"({"id":12,"cpus":[4],"memory":268435456}]},"kvm":{"works":true,"kind":"svm",)"
            R"("nested_paging":true,"problem":"","remedy":""}})");
}

TEST(HostReport, TellsProgramsOfABrokenKvm) {
  KvmFacts facts;
  facts.open_error = EACCES;
  const auto json =
      nlohmann::json::parse(host_report_json({{{{{0, {0}, kMiB}}}, "sysfs"}, judge_kvm(facts)}));
  EXPECT_EQ(json["kvm"]["works"], false);
  EXPECT_TRUE(json["kvm"]["kind"].is_null());
  EXPECT_TRUE(json["kvm"]["nested_paging"].is_null());
  EXPECT_EQ(json["kvm"]["problem"], "this user may not open /dev/kvm");
}

TEST(HostReport, OfThisHostIsWhole) {
  const HostReport report = host_report();
  EXPECT_EQ(report.kvm.works, report.kvm.problem.empty());
  EXPECT_EQ(report.kvm.works, report.kvm.kind != KvmKind::kUnknown);
}

}  // namespace
}  // namespace hive::cli
