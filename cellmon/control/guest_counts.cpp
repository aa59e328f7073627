#include "cellmon/control/guest_counts.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

namespace hive::control {
namespace {

using cell::KvmStatistic;

constexpr auto kRelaxed = std::memory_order_relaxed;

bool is_name(std::string_view text) {
  const auto fits = [](char each) {
    return (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') || each == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

std::string name_of(const KvmStatistic& statistic) {
  std::array<std::uint64_t, KvmStatistic::kMaxName / 8> words{};
  for (std::size_t word = 0; word < words.size(); ++word) {
    words.at(word) = statistic.name.at(word).load(kRelaxed);
  }
  std::array<char, KvmStatistic::kMaxName> text{};
  std::memcpy(text.data(), words.data(), text.size());
  return {text.data(), ::strnlen(text.data(), text.size())};
}

std::vector<GuestCounts::Kvm> read_statistics(const cell::Progress& progress) {
  std::vector<GuestCounts::Kvm> list;
  std::set<std::pair<bool, std::string>> seen;
  for (const KvmStatistic& statistic : progress.statistics) {
    const std::uint32_t flags = statistic.flags.load(std::memory_order_acquire);
    if ((flags & KvmStatistic::kIsThere) == 0) break;
    GuestCounts::Kvm one;
    one.name = name_of(statistic);
    one.of_vcpus = (flags & KvmStatistic::kOfVcpus) != 0;
    one.grows = (flags & KvmStatistic::kGrows) != 0;
    one.value = statistic.value.load(kRelaxed);
    if (is_name(one.name) && seen.emplace(one.of_vcpus, one.name).second) {
      list.push_back(std::move(one));
    }
  }
  return list;
}

}  // namespace

GuestCounts read_counts(const cell::Progress& progress, unsigned vcpus) {
  GuestCounts counts;
  for (unsigned vcpu = 0; vcpu < std::min<std::size_t>(vcpus, progress.vcpus.size()); ++vcpu) {
    for (std::size_t kind = 0; kind < cell::kExitKinds; ++kind) {
      const cell::ExitCount& exits = progress.vcpus.at(vcpu).kinds.at(kind);
      counts.exits.at(kind).count += exits.count.load(kRelaxed);
      counts.exits.at(kind).ticks += exits.ticks.load(kRelaxed);
    }
  }
  counts.interrupts = progress.devices.interrupts.load(kRelaxed);
  for (std::size_t index = 0; index < device::kBlockOperations; ++index) {
    const auto& operation = progress.devices.block.operations.at(index);
    counts.block.at(index) = {operation.requests.load(kRelaxed), operation.bytes.load(kRelaxed),
                              operation.errors.load(kRelaxed)};
  }
  counts.kvm = read_statistics(progress);
  return counts;
}

}  // namespace hive::control
