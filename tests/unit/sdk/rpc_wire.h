// The two ways that calls go: over a socket, or through memory of two made-up cells.
#pragma once

#include <optional>

#include "guests/sdk/rpc/memory_connector.h"
#include "guests/sdk/rpc/memory_link.h"
#include "tests/unit/sdk/cells.h"
#include "tests/unit/sdk/rpc_fixture.h"

namespace hive::testing {

/// A service of cell 1 and how cell 0 comes to it.
class Wire {
 public:
  explicit Wire(bool memory) {
    if (!memory) return;
    cells_.emplace();
    cells_->fake.set_trusting(true);
  }

  [[nodiscard]] const rpc::Address& address() const { return address_; }
  [[nodiscard]] bool has_memory() const { return cells_.has_value(); }
  Cells& cells() { return *cells_; }

  /// As programs of CELL have it.
  std::shared_ptr<rpc::MemoryHub> hub(std::uint32_t cell) {
    EXPECT_EQ(sdk::install_guard(), 0);
    auto hub = rpc::MemoryHub::over(cells_->machine(cell), soon());
    EXPECT_TRUE(hub.ok()) << (hub.ok() ? "" : hub.failure().message);
    // So that it does not depend on this machine's load what calls go through.
    EXPECT_TRUE(eventually([&] { return hub.value()->has_section(); }));
    return std::move(hub).value();
  }
  std::unique_ptr<rpc::Listener> listen() { return listen(cells_ ? hub(1) : nullptr); }
  /// With the memory of HUB, or without any.
  std::unique_ptr<rpc::Listener> listen(std::shared_ptr<rpc::MemoryHub> hub) {
    auto listener = rpc::SocketListener::open(address_);
    EXPECT_TRUE(listener.ok());
    if (!hub) return std::move(listener).value();
    return std::make_unique<rpc::MemoryListener>(std::move(listener).value(), std::move(hub));
  }
  std::shared_ptr<rpc::Connector> connector() {
    if (!cells_) return std::make_shared<rpc::SocketConnector>(address_);
    return std::make_shared<rpc::MemoryConnector>(address_, hub(0));
  }

 private:
  SocketPath path_;
  rpc::Address address_ = path_.address();
  std::optional<Cells> cells_;
};

}  // namespace hive::testing
