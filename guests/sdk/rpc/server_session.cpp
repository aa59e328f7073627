// A server's connections and its queue.
#include <algorithm>
#include <new>

#include "guests/sdk/rpc/server_core.h"

namespace hive::rpc {
namespace {

constexpr std::size_t kMostSpareBytes = std::size_t{64} * 1024;  ///< Of each task that is kept.

}  // namespace

Clock::time_point ReplyPatience::begin_wait() {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (now < none_until_) return now;
  // Where nobody has waited for so long, that was another time.
  if (!full_since_ || now - last_wait_ > patience_) full_since_ = now;
  last_wait_ = now;
  return *full_since_ + patience_;
}

void ReplyPatience::end_wait() {
  const std::lock_guard lock(mutex_);
  last_wait_ = Clock::now();
}

void ReplyPatience::found_room() {
  const std::lock_guard lock(mutex_);
  full_since_.reset();
}

void ReplyPatience::ran_out() {
  const std::lock_guard lock(mutex_);
  full_since_.reset();
  // Whoever finds no room meanwhile has not waited: that makes it no longer.
  const Clock::time_point now = Clock::now();
  if (now >= none_until_) none_until_ = now + kPenalty * patience_;
}

bool Session::send(const hive_rpc_frame& header, ByteView payload, Clock::time_point end) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (closed_) return false;
    switch (link_->send(header, payload)) {
      case Sent::kSent:
        if (std::exchange(was_full_, false)) patience_->found_room();
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
  was_full_ = true;
  const Clock::time_point last = patience_->begin_wait();
  const bool is_told = room_.wait_until(lock, std::min(end, last)) == std::cv_status::no_timeout;
  patience_->end_wait();
  if (is_told) return true;
  // Somebody else may have found room meanwhile.
  if (!closed_ && was_full_ && Clock::now() >= last) {
    patience_->ran_out();
    close_locked();
  }
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
  const std::size_t size = sizeof *task + task->frame.payload.capacity();
  const std::lock_guard lock(mutex_);
  if (closed_ || count_ >= most_ || bytes_ + size > most_bytes_) return false;
  const Party party = task->session->party();
  const auto [place, is_new] = waiting_.try_emplace(party);
  Waiting& waiting = place->second;
  if (!is_new && (waiting.tasks.size() >= most_ / 2 || waiting.bytes + size > most_bytes_ / 2)) {
    return false;
  }
  try {
    waiting.tasks.push_back(task);
    if (is_new) turns_.push_back(party);
  } catch (const std::bad_alloc&) {
    if (is_new) {
      waiting_.erase(place);
    } else if (!waiting.tasks.empty() && waiting.tasks.back() == task) {
      waiting.tasks.pop_back();
    }
    return false;
  }
  task->bytes = size;
  waiting.bytes += size;
  bytes_ += size;
  ++count_;
  filled_.notify_one();
  return true;
}

std::shared_ptr<Task> TaskQueue::pop() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [this] { return closed_ || count_ > 0; });
  if (closed_) return nullptr;
  const auto place = waiting_.find(turns_.front());
  Waiting& waiting = place->second;
  std::shared_ptr<Task> task = std::move(waiting.tasks.front());
  waiting.tasks.pop_front();
  waiting.bytes -= task->bytes;
  bytes_ -= task->bytes;
  --count_;
  if (waiting.tasks.empty()) {
    waiting_.erase(place);
    turns_.pop_front();
  } else {
    turns_.splice(turns_.end(), turns_, turns_.begin());
  }
  return task;
}

void TaskQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  waiting_.clear();
  turns_.clear();
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
