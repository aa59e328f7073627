#include "cellmon/control/fault_server.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/watch.h"

namespace hive::control {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

}  // namespace

class FaultServer::Watch : public std::enable_shared_from_this<FaultServer::Watch> {
 public:
  Watch(boost::asio::io_context& loop, firewall::Gatekeeper& gatekeeper, CellId cell,
        UniqueFd faults, UniqueFd answers)
      : gatekeeper_(gatekeeper),
        cell_(cell),
        faults_(watch(loop, std::move(faults))),
        answers_(watch(loop, std::move(answers))) {}

  void start() {
    await_faults();
    await_answers();
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    faults_.close(ignored);
    answers_.close(ignored);
  }

 private:
  /// Waits for faults, once at a time, while the gatekeeper has room for them.
  void await_faults() {
    if (waiting_ || full_) return;
    waiting_ = true;
    faults_.async_wait(stream_descriptor::wait_read,
                       [self = shared_from_this()](const error_code& error) {
                         self->waiting_ = false;
                         if (!error) self->serve();
                       });
  }

  void await_answers() {
    answers_.async_wait(stream_descriptor::wait_read,
                        [self = shared_from_this()](const error_code& error) {
                          if (error || self->stopped_ || self->is_gone()) return;
                          self->serve();
                          if (!self->stopped_) self->await_answers();
                        });
  }

  void serve() {
    if (stopped_) return;  // Then the gatekeeper may be gone.
    full_ = !gatekeeper_.serve(cell_);
    if (!stopped_) await_faults();
  }

  /// Whether the VMM has closed its end: no answer comes any more.
  bool is_gone() {
    char byte = 0;
    return ::recv(answers_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  firewall::Gatekeeper& gatekeeper_;
  CellId cell_;
  stream_descriptor faults_;
  stream_descriptor answers_;
  bool full_ = false;     ///< Faults have to wait for answers.
  bool waiting_ = false;  ///< For faults.
  bool stopped_ = false;
};

FaultServer::~FaultServer() {
  for (const auto& [cell, watch] : watches_) watch->stop();
}

// The loop has copies of its own: the gatekeeper keeps the descriptors.
void FaultServer::admit(CellId cell, memory::WriteGuard guard, UniqueFd denials) {
  dismiss(cell);
  const auto watch = std::make_shared<Watch>(loop_, gatekeeper_, cell, copy_fd(guard.fd()),
                                             copy_fd(denials.get()));
  gatekeeper_.admit(cell, std::move(guard), std::move(denials));
  watches_[cell] = watch;
  watch->start();
}

void FaultServer::dismiss(CellId cell) {
  const auto found = watches_.find(cell);
  if (found != watches_.end()) {
    found->second->stop();
    watches_.erase(found);
  }
  gatekeeper_.dismiss(cell);
}

}  // namespace hive::control
