// The thread of a server that accepts connections and receives from all of them.
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "guests/sdk/rpc/server_core.h"

namespace hive::rpc {
namespace {

constexpr std::chrono::seconds kHelloPatience{5};
constexpr int kTurn = 64;  ///< Frames of one connection before the others have their turn.
constexpr std::size_t kFirstSession = 2;  ///< Among the polled descriptors.
constexpr std::chrono::microseconds kLongestUnpolled{200};
constexpr int kShortOfMemoryMs = 10;

}  // namespace

ServerCore::ServerCore(ServerOptions options, Handler handler, std::unique_ptr<Listener> listener)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      listener_(std::move(listener)),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      queue_(options_.queue, options_.queue_bytes) {
  if (!wakeup_) throw std::system_error(errno, std::generic_category(), "eventfd");
  try {
    workers_.reserve(options_.workers);
    for (unsigned i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
    receiver_ = std::thread([this] { receive_all(); });
  } catch (...) {
    stop();
    throw;
  }
}

ServerCore::~ServerCore() { stop(); }

void ServerCore::stop() {
  stopping_ = true;
  wake();
  if (receiver_.joinable()) receiver_.join();
  queue_.close();
  for (std::thread& worker : workers_) worker.join();
}

void ServerCore::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void ServerCore::receive_all() {
  std::vector<pollfd> polled;
  while (!stopping_) {
    try {
      receive_once(polled);
    } catch (const std::bad_alloc&) {
      ::poll(nullptr, 0, kShortOfMemoryMs);  // Others may need it less soon.
    }
  }
  while (!sessions_.empty()) drop(sessions_.size() - 1);
}

void ServerCore::receive_once(std::vector<pollfd>& polled) {
  sdk::SpinningWait wait(spin_bound_);
  if (!spin(wait, polled)) {
    sleep(polled);
    if (has_quick_work()) wait.woke();
  }
  if (polled[0].revents != 0) {
    std::uint64_t count = 0;
    (void)!::read(wakeup_.get(), &count, sizeof count);
  }
  serve_ready(polled);
  if (polled[1].revents != 0) accept_all();
}

/// Looks at quick links for as long as that is worth it, since it costs more to sleep and to be
/// woken. True where one has something; POLLED then says nothing of anybody. The others have their
/// turn now and then: then it is true where POLLED shows something.
bool ServerCore::spin(sdk::SpinningWait& wait, std::vector<pollfd>& polled) {
  bool has_quick = false;
  bool one_was_awake = false;
  for (const auto& session : sessions_) {
    has_quick |= session->link().is_quick();
    one_was_awake |= session->link().peer_was_awake();
  }
  if (!has_quick) return false;
  if (wait.start() - last_poll_ > kLongestUnpolled && look(polled)) return true;
  const auto has_news = [this] { return has_quick_work(); };
  if (!wait.spin(has_news, Clock::time_point::max(), one_was_awake)) return false;
  polled.assign(kFirstSession + sessions_.size(), pollfd{-1, 0, 0});
  return true;
}

/// Those of POLLED before the sessions' own.
void ServerCore::begin_list(std::vector<pollfd>& polled) const {
  polled.clear();
  polled.push_back({wakeup_.get(), POLLIN, 0});
  polled.push_back({listener_->fd(), POLLIN, 0});
}

/// What there is right now.
bool ServerCore::look(std::vector<pollfd>& polled) {
  begin_list(polled);
  for (const auto& session : sessions_) {
    Link& link = session->link();
    polled.push_back({link.fd(), link.poll_events(link.has_room()), 0});
  }
  last_poll_ = Clock::now();
  return ::poll(polled.data(), polled.size(), 0) > 0;
}

/// The earlier one, where -1 is never.
int ServerCore::earlier(int timeout, int other) {
  return timeout < 0 ? other : std::min(timeout, other);
}

/// Until something happens. POLLED: the wakeup, the listener, then the sessions in their order.
void ServerCore::sleep(std::vector<pollfd>& polled) {
  begin_list(polled);
  int timeout = has_work() ? 0 : patience();
  std::optional<Rest> rest;
  for (const auto& session : sessions_) {
    Link& link = session->link();
    // A caller that does not take its replies has no more requests read.
    const bool reads = link.has_room();
    polled.push_back({link.fd(), link.poll_events(reads), 0});
    if (timeout == 0) continue;
    if (link.is_quick() && !rest) {
      rest = listener_->rest();
      timeout = earlier(timeout, static_cast<int>(rest->longest.count()));
    }
    if (link.is_settling_soon()) timeout = earlier(timeout, 1);
    if (!link.arm(reads)) timeout = 0;
  }
  // Last, so that the places of the others do not depend on it.
  polled.push_back({rest ? rest->fd : -1, POLLIN, 0});
  const bool polls = ::poll(polled.data(), polled.size(), timeout) >= 0;
  for (const auto& session : sessions_) session->link().disarm();
  last_poll_ = Clock::now();
  if (polls) return;
  for (pollfd& one : polled) one.revents = 0;
}

bool ServerCore::has_work(Link& link) {
  return (link.has_room() && link.pending()) || link.can_flush();
}

/// Whether a link has something that its descriptor does not show.
bool ServerCore::has_work() const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [](const auto& session) { return has_work(session->link()); });
}

bool ServerCore::has_quick_work() const {
  return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& session) {
    return session->link().is_quick() && has_work(session->link());
  });
}

/// Milliseconds until somebody should have said hello; -1: nobody is late.
int ServerCore::patience() const {
  std::int64_t least = -1;
  for (const auto& session : sessions_) {
    if (session->is_greeted()) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(session->opened() +
                                                                   kHelloPatience - Clock::now());
    const std::int64_t ms = std::max<std::int64_t>(left.count(), 0);
    least = least < 0 ? ms : std::min(least, ms);
  }
  return static_cast<int>(least);
}

void ServerCore::accept_all() {
  for (int i = 0; i < kTurn; ++i) {
    std::unique_ptr<Link> link = listener_->accept();
    if (!link) {
      // Out of descriptors, perhaps: the listener stays readable.
      if (errno == EMFILE || errno == ENFILE) ::poll(nullptr, 0, 10);
      return;
    }
    auto patience = patience_with(link->peer_cid());
    if (has_room_for(link->peer_cid())) {
      sessions_.push_back(std::make_shared<Session>(std::move(link), std::move(patience)));
      session_count_ = sessions_.size();
      continue;
    }
    ++counts_.busy;
    Session refused(std::move(link), std::move(patience));
    send_error(refused, {}, {HIVE_RPC_BUSY, 0, "too many connections"}, kNow);
    refused.close();
  }
}

/// A cell keeps it from one connection to the next.
std::shared_ptr<ReplyPatience> ServerCore::patience_with(std::uint32_t cid) {
  if (cid == 0) return std::make_shared<ReplyPatience>(options_.reply_patience);
  std::shared_ptr<ReplyPatience>& kept = patience_[cid];
  if (!kept) kept = std::make_shared<ReplyPatience>(options_.reply_patience);
  return kept;
}

bool ServerCore::has_room_for(std::uint32_t cid) const {
  if (sessions_.size() >= options_.connections) return false;
  if (cid == 0) return true;
  const auto of_cell =
      std::count_if(sessions_.begin(), sessions_.end(),
                    [cid](const auto& session) { return session->link().peer_cid() == cid; });
  return static_cast<std::size_t>(of_cell) < std::max<std::size_t>(options_.connections / 2, 1);
}

void ServerCore::serve_ready(const std::vector<pollfd>& polled) {
  const Clock::time_point late = Clock::now() - kHelloPatience;
  // From the last, since drop() puts the last in the place of who goes.
  for (std::size_t i = sessions_.size(); i-- > 0 && !stopping_;) {
    const std::shared_ptr<Session> session = sessions_[i];
    Link& link = session->link();
    const bool is_ready = polled[kFirstSession + i].revents != 0 || has_work(link);
    if (is_ready && !serve(session)) {
      drop(i);
    } else if (!session->is_greeted() && session->opened() < late) {
      drop(i);
    }
  }
}

/// False where the connection has ended.
bool ServerCore::serve(const std::shared_ptr<Session>& session) {
  Link& link = session->link();
  for (int i = 0; i < kTurn; ++i) {
    switch (link.receive(frame_, kNow)) {
      case Received::kFrame:
        if (!take(session, frame_)) return false;
        if (!link.pending() || !link.has_room()) return true;
        break;
      case Received::kRoom:
        session->notify_room();
        if (!link.has_room()) return true;
        break;
      case Received::kTimeout:
      case Received::kWoken:
        return true;
      case Received::kBroken:
        ++counts_.malformed;
        return false;
      case Received::kEnded:
        return false;
    }
  }
  return true;
}

void ServerCore::drop(std::size_t place) {
  sessions_[place]->close();
  sessions_[place] = std::move(sessions_.back());
  sessions_.pop_back();
  session_count_ = sessions_.size();
}

ServerCounters ServerCore::counters() const {
  return {session_count_,  counts_.requests,  counts_.executed,   counts_.busy,
          counts_.expired, counts_.cancelled, counts_.duplicates, counts_.malformed};
}

}  // namespace hive::rpc
