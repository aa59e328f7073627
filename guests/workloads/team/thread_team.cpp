#include "guests/workloads/team/thread_team.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::workloads {
namespace {

struct FreeArea {
  void operator()(unsigned char* area) const {
    ::operator delete[](area, std::align_val_t{kPageSize});
  }
};
using Area = std::unique_ptr<unsigned char[], FreeArea>;

Area make_area(std::size_t size) {
  const std::size_t bytes = align_up(std::max<std::size_t>(size, 1), kPageSize);
  Area area(static_cast<unsigned char*>(::operator new[](bytes, std::align_val_t{kPageSize})));
  std::memset(area.get(), 0, bytes);
  return area;
}

/// What the threads have in common.
struct Common {
  explicit Common(unsigned count, std::size_t area) : workers(count), size(area) {
    for (unsigned rank = 0; rank < count; ++rank) areas.push_back(make_area(area));
  }

  /// Waits for all; the largest that anybody told.
  double meet(double told) {
    std::unique_lock lock(mutex);
    largest[round % 2] = std::max(largest[round % 2], told);
    const std::uint64_t mine = round;
    if (++here == workers) {
      here = 0;
      ++round;
      largest[round % 2] = 0;
      all_here.notify_all();
    } else {
      all_here.wait(lock, [&] { return round != mine || failed; });
    }
    if (round == mine) throw Error("another worker has failed");
    return largest[mine % 2];
  }

  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (!failed) first = std::move(error);
    failed = true;
    all_here.notify_all();
  }

  unsigned workers;
  std::size_t size;
  std::vector<Area> areas;
  std::atomic<std::uint32_t> counter{0};
  std::mutex mutex;
  std::condition_variable all_here;
  std::array<double, 2> largest{};
  unsigned here = 0;
  std::uint64_t round = 0;
  bool failed = false;
  std::exception_ptr first;
};

class ThreadTeam : public Team {
 public:
  ThreadTeam(Common& common, unsigned rank) : common_(common), rank_(rank) {}

  [[nodiscard]] unsigned workers() const override { return common_.workers; }
  [[nodiscard]] unsigned rank() const override { return rank_; }
  [[nodiscard]] bool takes_part(unsigned rank) const override { return rank < common_.workers; }
  [[nodiscard]] unsigned char* own() override { return common_.areas[rank_].get(); }
  [[nodiscard]] const unsigned char* area(unsigned rank) const override {
    return takes_part(rank) ? common_.areas[rank].get() : nullptr;
  }
  void copy(unsigned rank, std::size_t offset, void* destination, std::size_t size) override {
    std::memcpy(destination, common_.areas.at(rank).get() + offset, size);
  }
  double meet(double told) override { return common_.meet(told); }

  void publish(std::size_t offset, std::uint32_t tag, const void* content,
               std::size_t size) override {
    std::memcpy(own() + offset + kObjectOverhead, content, size);
    __atomic_store_n(tag_at(rank_, offset), tag, __ATOMIC_RELEASE);
  }
  bool take(unsigned rank, std::size_t offset, std::uint32_t tag, void* content,
            std::size_t size) override {
    if (__atomic_load_n(tag_at(rank, offset), __ATOMIC_ACQUIRE) != tag) return false;
    std::memcpy(content, common_.areas.at(rank).get() + offset + kObjectOverhead, size);
    return true;
  }

  std::optional<std::uint32_t> count() override { return common_.counter.fetch_add(1); }
  void leave() noexcept override {}

 private:
  [[nodiscard]] std::uint32_t* tag_at(unsigned rank, std::size_t offset) const {
    return reinterpret_cast<std::uint32_t*>(common_.areas.at(rank).get() + offset);
  }

  Common& common_;
  unsigned rank_;
};

}  // namespace

void run_in_threads(unsigned workers, std::size_t size, const std::function<void(Team&)>& work) {
  Common common(workers, size);
  const auto run = [&](unsigned rank) {
    try {
      ThreadTeam team(common, rank);
      work(team);
    } catch (...) {
      common.fail(std::current_exception());
    }
  };
  std::vector<std::thread> threads;
  try {
    for (unsigned rank = 1; rank < workers; ++rank) threads.emplace_back(run, rank);
    run(0);
  } catch (const std::system_error& error) {
    common.fail(std::make_exception_ptr(
        Error(std::string("the system has no thread for each worker: ") + error.what())));
  }
  for (std::thread& thread : threads) thread.join();
  if (common.first) std::rethrow_exception(common.first);
}

}  // namespace hive::workloads
