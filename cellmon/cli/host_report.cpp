#include "cellmon/cli/host_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vmm/base/units.h"
#include "vmm/plan/cpu_list.h"

namespace hive::cli {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string describe_paging(const KvmReport& kvm) {
  if (!kvm.nested_paging) return "it is not known whether with nested paging";
  if (!*kvm.nested_paging) return "without nested paging (shadow page tables)";
  return kvm.kind == KvmKind::kVtx ? "with nested paging (EPT)" : "with nested paging (NPT)";
}

std::string describe(const KvmReport& kvm) {
  switch (kvm.kind) {
    case KvmKind::kUnknown:
      return fmt::format("does not work: {}; {}", kvm.problem, kvm.remedy);
    case KvmKind::kVtx:
      return "works: VT-x, " + describe_paging(kvm);
    case KvmKind::kSvm:
      return "works: SVM, " + describe_paging(kvm);
    case KvmKind::kSoftware:
      return fmt::format("works: software KVM{}, {}",
                         kvm.module.empty() ? "" : " (" + kvm.module + ")", describe_paging(kvm));
  }
  return "";
}

OrderedJson kind_json(KvmKind kind) {
  switch (kind) {
    case KvmKind::kUnknown:
      break;
    case KvmKind::kVtx:
      return "vt-x";
    case KvmKind::kSvm:
      return "svm";
    case KvmKind::kSoftware:
      return "software";
  }
  return nullptr;
}

}  // namespace

HostReport host_report() { return {host_topology(), judge_kvm(gather_kvm_facts())}; }

std::string format_host_report(const HostReport& report) {
  const plan::HostTopology& host = report.known.topology;
  const auto cpus = host.cpus();
  std::string text = fmt::format("CPUs    {} ({})\n", cpus.size(), plan::format_cpu_list(cpus));
  text += fmt::format("memory  {} MiB\n", host.memory() / kMiB);
  for (const plan::NumaNode& node : host.nodes) {
    text += fmt::format("node {:<2} CPUs {}, {} MiB\n", node.id, plan::format_cpu_list(node.cpus),
                        node.memory / kMiB);
  }
  text += fmt::format("source  {}\n", report.known.source);
  return text + fmt::format("KVM     {}\n", describe(report.kvm));
}

std::string host_report_json(const HostReport& report) {
  OrderedJson nodes = OrderedJson::array();
  for (const plan::NumaNode& node : report.known.topology.nodes) {
    nodes.push_back({{"id", node.id}, {"cpus", node.cpus}, {"memory", node.memory}});
  }
  const KvmReport& kvm = report.kvm;
  const OrderedJson paging =
      kvm.nested_paging ? OrderedJson(*kvm.nested_paging) : OrderedJson(nullptr);
  const OrderedJson json = {
      {"topology", {{"source", report.known.source}, {"nodes", std::move(nodes)}}},
      {"kvm",
       {{"works", kvm.works},
        {"kind", kind_json(kvm.kind)},
        {"nested_paging", paging},
        {"problem", kvm.problem},
        {"remedy", kvm.remedy}}}};
  return json.dump();
}

}  // namespace hive::cli
