// A server's connections and its queue.
#include <algorithm>

#include "guests/sdk/rpc/server_core.h"

namespace hive::rpc {
namespace {

constexpr std::size_t kMostSpare = 64;                           ///< Tasks that are kept.
constexpr std::size_t kMostSpareBytes = std::size_t{64} * 1024;  ///< Of each.

}  // namespace

bool Session::send(const hive_rpc_frame& header, ByteView payload, Clock::time_point end) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_) return false;
    switch (link_->send(header, payload)) {
      case Sent::kSent:
        full_since_.reset();
        return true;
      case Sent::kEnded:
        return false;
      case Sent::kFull:
        break;
    }
    if (end == kNow || !await_room(lock, end)) return false;
  }
}

/// False where it is not worth another try.
bool Session::await_room(std::unique_lock<std::mutex>& lock, Clock::time_point end) {
  if (!full_since_) full_since_ = Clock::now();
  const Clock::time_point by = std::min(end, *full_since_ + patience_);
  if (room_.wait_until(lock, by) == std::cv_status::no_timeout) return true;
  // Somebody else may have found room meanwhile.
  if (!closed_ && full_since_ && Clock::now() >= *full_since_ + patience_) close_locked();
  return !closed_ && Clock::now() < end;
}

void Session::notify_room() {
  // With the mutex, so that nobody is between a look and its wait.
  const std::lock_guard lock(mutex_);
  room_.notify_all();
}

void Session::close() {
  const std::lock_guard lock(mutex_);
  close_locked();
}

void Session::close_locked() {
  closed_ = true;
  link_->close();
  for (const auto& task : tasks_) task->cancelled = true;
  tasks_.clear();
  room_.notify_all();
}

void Session::add(const std::shared_ptr<Task>& task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(task);
}

void Session::remove(const std::shared_ptr<Task>& task) {
  const std::lock_guard lock(mutex_);
  const auto place = std::find(tasks_.begin(), tasks_.end(), task);
  if (place == tasks_.end()) return;
  *place = std::move(tasks_.back());
  tasks_.pop_back();
}

void Session::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  for (const auto& task : tasks_) {
    if (task->frame.header.id == id) task->cancelled = true;
  }
}

bool TaskQueue::push(const std::shared_ptr<Task>& task) {
  const std::lock_guard lock(mutex_);
  const std::size_t size = task->frame.payload.size();
  if (closed_ || tasks_.size() >= most_ || bytes_ + size > most_bytes_) return false;
  tasks_.push_back(task);
  bytes_ += size;
  filled_.notify_one();
  return true;
}

std::shared_ptr<Task> TaskQueue::pop() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
  if (closed_) return nullptr;
  std::shared_ptr<Task> task = std::move(tasks_.front());
  tasks_.pop_front();
  bytes_ -= task->frame.payload.size();
  return task;
}

void TaskQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  tasks_.clear();
  filled_.notify_all();
}

std::shared_ptr<Task> TaskQueue::make_task() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return std::make_shared<Task>();
  std::shared_ptr<Task> task = std::move(spare_.back());
  spare_.pop_back();
  return task;
}

void TaskQueue::recycle(std::shared_ptr<Task> task) {
  task->session.reset();
  task->cancelled = false;
  const std::lock_guard lock(mutex_);
  if (spare_.size() >= kMostSpare || task->frame.payload.capacity() > kMostSpareBytes) return;
  if (task.use_count() == 1) spare_.push_back(std::move(task));
}

}  // namespace hive::rpc
