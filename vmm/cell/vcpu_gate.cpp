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

bool VcpuGate::wait(const std::atomic<bool>* held) {
  std::unique_lock lock(mutex_);
  ++parked_;
  changed_.notify_all();
  changed_.wait(lock, [&] {
    return ended_ || (open_.load(std::memory_order_relaxed) && (held == nullptr || !held->load()));
  });
  --parked_;
  return !ended_;
}

void VcpuGate::tell_held() {
  const std::scoped_lock lock(mutex_);
  changed_.notify_all();
}

void VcpuGate::update() {
  open_.store(!closed_ && !ended_ && !alone_);
  changed_.notify_all();
}

bool VcpuGate::close(std::chrono::milliseconds limit) {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    update();
  }
  kick_all_();
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return parked_ == members_; });
}

void VcpuGate::open() {
  const std::scoped_lock lock(mutex_);
  closed_ = false;
  update();
}

void VcpuGate::end() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    update();
  }
  kick_all_();
}

bool VcpuGate::await_empty(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return members_ == 0; });
}

bool VcpuGate::begin_alone() {
  {
    const std::scoped_lock lock(mutex_);
    if (!open_.load(std::memory_order_relaxed)) return false;
    alone_ = true;
    update();
  }
  kick_all_();
  return true;
}

bool VcpuGate::await_others(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const auto outside = [this] { return parked_ + 1 == members_; };
  changed_.wait_for(lock, limit, [&] { return closed_ || ended_ || outside(); });
  return outside();
}

bool VcpuGate::wanted() {
  const std::scoped_lock lock(mutex_);
  return closed_ || ended_;
}

void VcpuGate::end_alone() {
  const std::scoped_lock lock(mutex_);
  alone_ = false;
  update();
}

}  // namespace hive::cell
