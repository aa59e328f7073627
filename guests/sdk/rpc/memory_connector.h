// Connections that go on in memory where both ends have some.
#pragma once

#include <memory>

#include "guests/sdk/rpc/memory_hub.h"
#include "guests/sdk/rpc/sockets.h"

namespace hive::rpc {

class MemoryConnector : public Connector {
 public:
  MemoryConnector(Address address, std::shared_ptr<MemoryHub> hub)
      : address_(std::move(address)), hub_(std::move(hub)) {}
  sdk::Result<std::unique_ptr<Link>> connect(Clock::time_point end) override;
  [[nodiscard]] std::uint32_t cid() const override { return address_.cid; }

 private:
  const Address address_;
  const std::shared_ptr<MemoryHub> hub_;
};

class MemoryListener : public Listener {
 public:
  MemoryListener(std::unique_ptr<SocketListener> listener, std::shared_ptr<MemoryHub> hub)
      : listener_(std::move(listener)), hub_(std::move(hub)) {}
  [[nodiscard]] int fd() const override { return listener_->fd(); }
  std::unique_ptr<Link> accept() override;
  Rest rest() override { return hub_->rest(); }

 private:
  const std::unique_ptr<SocketListener> listener_;
  const std::shared_ptr<MemoryHub> hub_;
};

/// To ADDRESS by PATH. HIVE_NO_DEVICE and the like where PATH insists on memory that is not there,
/// by END; where it does not, half of the time until END is spent on that at most.
sdk::Result<std::shared_ptr<Connector>> make_connector(const Address& address, Path path,
                                                       Clock::time_point end);
/// On ADDRESS; with memory where this cell has some within 5 s, unless PATH says otherwise.
sdk::Result<std::unique_ptr<Listener>> make_listener(const Address& address, Path path);

}  // namespace hive::rpc
