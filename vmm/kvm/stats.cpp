#include "vmm/kvm/stats.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "vmm/kvm/uapi.h"

namespace hive::kvm {
namespace {

constexpr std::size_t kMaxStats = 1024;
constexpr std::size_t kMaxName = 256;

template <typename T>
std::optional<T> take(std::span<const std::byte> bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::vector<std::byte> read_head(int file) {
  std::vector<std::byte> head(Stats::kMaxBytes);
  const ssize_t size = ::pread(file, head.data(), head.size(), 0);
  head.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return head;
}

}  // namespace

std::vector<Stat> parse_stats(std::span<const std::byte> head) {
  const auto header = take<kvm_stats_header>(head, 0);
  if (!header || header->name_size == 0 || header->name_size > kMaxName ||
      header->num_desc > kMaxStats) {
    return {};
  }
  std::vector<Stat> list;
  const std::size_t step = sizeof(kvm_stats_desc) + header->name_size;
  for (std::size_t index = 0; index < header->num_desc; ++index) {
    const std::size_t at = header->desc_offset + index * step;
    const auto description = take<kvm_stats_desc>(head, at);
    if (!description || head.size() - at < step) break;
    const std::uint32_t type = description->flags & KVM_STATS_TYPE_MASK;
    const std::size_t offset = std::size_t{header->data_offset} + description->offset;
    if (type > KVM_STATS_TYPE_PEAK || description->size != 1 ||
        offset + sizeof(std::uint64_t) > Stats::kMaxBytes) {
      continue;
    }
    const auto* name = reinterpret_cast<const char*>(head.data() + at + sizeof(kvm_stats_desc));
    list.push_back({std::string(name, ::strnlen(name, header->name_size)),
                    type == KVM_STATS_TYPE_CUMULATIVE, offset});
  }
  return list;
}

std::optional<Stats> Stats::open(int fd) {
  UniqueFd file(::ioctl(fd, KVM_GET_STATS_FD, nullptr));
  if (!file) return std::nullopt;
  std::vector<Stat> list = parse_stats(read_head(file.get()));
  if (list.empty()) return std::nullopt;
  return Stats(std::move(file), std::move(list));
}

Stats::Stats(UniqueFd file, std::vector<Stat> list)
    : file_(std::move(file)), list_(std::move(list)), values_(list_.size()) {
  const auto before = [](const Stat& a, const Stat& b) { return a.offset < b.offset; };
  const auto [low, high] = std::minmax_element(list_.begin(), list_.end(), before);
  first_ = low->offset;
  buffer_.resize(high->offset - first_ + sizeof(std::uint64_t));
}

std::span<const std::uint64_t> Stats::read() {
  const ssize_t size =
      ::pread(file_.get(), buffer_.data(), buffer_.size(), static_cast<off_t>(first_));
  if (size != static_cast<ssize_t>(buffer_.size())) return values_;
  for (std::size_t index = 0; index < list_.size(); ++index) {
    std::memcpy(&values_[index], buffer_.data() + (list_[index].offset - first_),
                sizeof(std::uint64_t));
  }
  return values_;
}

}  // namespace hive::kvm
