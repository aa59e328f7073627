#include "vmm/cell/kvm_statistics.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace hive::cell {
namespace {

void write_name(KvmStatistic& statistic, const std::string& name) {
  std::array<std::uint64_t, KvmStatistic::kMaxName / 8> words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), KvmStatistic::kMaxName - 1));
  for (std::size_t word = 0; word < words.size(); ++word) {
    statistic.name.at(word).store(words.at(word), std::memory_order_relaxed);
  }
}

}  // namespace

KvmStatistics::KvmStatistics(Progress& progress, int vm)
    : progress_(progress), vm_(kvm::Stats::open(vm)) {
  if (!vm_) return;
  name(vm_->list(), 0);
  vm_count_ = std::min(vm_->list().size(), Progress::kMaxStatistics);
}

void KvmStatistics::add_vcpu(int vcpu) {
  auto stats = kvm::Stats::open(vcpu);
  if (!stats) return;
  if (vcpus_.empty()) {
    name(stats->list(), KvmStatistic::kOfVcpus);
    vcpu_count_ = std::min(stats->list().size(), Progress::kMaxStatistics - vm_count_);
  }
  vcpus_.push_back(std::move(*stats));
}

void KvmStatistics::name(const std::vector<kvm::Stat>& list, std::uint32_t flags) {
  const std::size_t room = Progress::kMaxStatistics - vm_count_;
  for (std::size_t index = 0; index < std::min(list.size(), room); ++index) {
    KvmStatistic& statistic = progress_.statistics.at(vm_count_ + index);
    write_name(statistic, list[index].name);
    const std::uint32_t grows = list[index].grows ? KvmStatistic::kGrows : 0;
    statistic.flags.store(KvmStatistic::kIsThere | flags | grows, std::memory_order_release);
  }
}

void KvmStatistics::refresh() {
  if (vm_) {
    const auto values = vm_->read();
    for (std::size_t index = 0; index < std::min(vm_count_, values.size()); ++index) {
      progress_.statistics.at(index).value.store(values[index], std::memory_order_relaxed);
    }
  }
  std::array<std::uint64_t, Progress::kMaxStatistics> sums{};
  for (kvm::Stats& vcpu : vcpus_) {
    const auto values = vcpu.read();
    for (std::size_t index = 0; index < std::min(vcpu_count_, values.size()); ++index) {
      sums.at(index) += values[index];
    }
  }
  for (std::size_t index = 0; index < vcpu_count_; ++index) {
    progress_.statistics.at(vm_count_ + index)
        .value.store(sums.at(index), std::memory_order_relaxed);
  }
}

}  // namespace hive::cell
