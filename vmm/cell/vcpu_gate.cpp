#include "vmm/cell/vcpu_gate.h"

namespace hive::cell {

void VcpuGate::join() {
  const std::scoped_lock lock(mutex_);
  ++members_;
}

void VcpuGate::leave() {
  const std::scoped_lock lock(mutex_);
  --members_;
  changed_.notify_all();
}

bool VcpuGate::wait() {
  std::unique_lock lock(mutex_);
  ++parked_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return ended_ || open_.load(std::memory_order_relaxed); });
  --parked_;
  return !ended_;
}

bool VcpuGate::close(std::chrono::milliseconds limit) {
  {
    const std::scoped_lock lock(mutex_);
    open_.store(false);
  }
  kick_all_();
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return parked_ == members_; });
}

void VcpuGate::open() {
  const std::scoped_lock lock(mutex_);
  open_.store(true);
  changed_.notify_all();
}

void VcpuGate::end() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    open_.store(false);
    changed_.notify_all();
  }
  kick_all_();
}

bool VcpuGate::await_empty(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return members_ == 0; });
}

}  // namespace hive::cell
