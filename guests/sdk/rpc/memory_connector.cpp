#include "guests/sdk/rpc/memory_connector.h"

#include <cerrno>

#include "guests/sdk/rpc/memory_link.h"

namespace hive::rpc {
namespace {

constexpr std::chrono::seconds kMemoryPatience{5};  ///< Of a server.

/// This cell's memory as PATH wants it; null where it is done without.
sdk::Result<std::shared_ptr<MemoryHub>> find_hub(Path path, Clock::time_point end) {
  if (path == Path::kSocket) return std::shared_ptr<MemoryHub>();
  auto hub = MemoryHub::open(end);
  if (!hub.ok() && path == Path::kAuto) return std::shared_ptr<MemoryHub>();
  return hub;
}

}  // namespace

sdk::Result<std::unique_ptr<Link>> MemoryConnector::connect(Clock::time_point end) {
  auto socket = connect_to(address_, end);
  if (!socket.ok()) return socket.failure();
  auto stream = std::make_unique<SocketLink>(std::move(socket).value(), address_.cid);
  if (!stream->valid()) return sdk::system_failure("eventfd", errno);
  auto link = std::make_unique<MemoryLink>(std::move(stream), hub_, MemoryLink::Role::kCaller);
  if (!link->valid()) return sdk::system_failure("eventfd", errno);
  return std::unique_ptr<Link>(std::move(link));
}

std::unique_ptr<Link> MemoryListener::accept() {
  auto stream = listener_->accept_socket();
  if (!stream) return nullptr;
  auto link = std::make_unique<MemoryLink>(std::move(stream), hub_, MemoryLink::Role::kCallee);
  if (!link->valid()) return nullptr;
  return link;
}

sdk::Result<std::shared_ptr<Connector>> make_connector(const Address& address, Path path,
                                                       Clock::time_point end) {
  const Clock::time_point now = Clock::now();
  auto hub = find_hub(path, path == Path::kMemory ? end : now + (end - now) / 2);
  if (!hub.ok()) return hub.failure();
  if (!hub.value()) return std::shared_ptr<Connector>(std::make_shared<SocketConnector>(address));
  return std::shared_ptr<Connector>(
      std::make_shared<MemoryConnector>(address, std::move(hub).value()));
}

sdk::Result<std::unique_ptr<Listener>> make_listener(const Address& address, Path path) {
  auto listener = SocketListener::open(address);
  if (!listener.ok()) return listener.failure();
  auto hub = find_hub(path, Clock::now() + kMemoryPatience);
  if (!hub.ok()) return hub.failure();
  if (!hub.value()) return std::unique_ptr<Listener>(std::move(listener).value());
  return std::unique_ptr<Listener>(
      std::make_unique<MemoryListener>(std::move(listener).value(), std::move(hub).value()));
}

}  // namespace hive::rpc
