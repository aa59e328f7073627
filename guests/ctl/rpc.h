// hivectl rpc: what its commands share.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "guests/ctl/session.h"
#include "guests/sdk/rpc/client.h"

namespace hive::ctl {

/// A service of a cell, as the command line names it.
struct RpcTarget {
  std::string text;    ///< "CELL:SERVICE"; with a socket the cell does not matter.
  std::string socket;  ///< A Unix socket in place of vsock, where it is not empty.
  double timeout_seconds = 5;
  std::string path = "auto";  ///< What calls go through.

  [[nodiscard]] std::chrono::nanoseconds timeout() const;
};

/// Adds the options that say whom to call, and by which path.
void add_target(CLI::App& command, RpcTarget& target);

std::unique_ptr<rpc::Client> open_client(const RpcTarget& target);

/// Throws hive::Error where OUTCOME is a failure.
void need_reply(const rpc::Outcome& outcome);

void add_rpc_serve(CLI::App& rpc, Session& session);
void add_rpc_bench(CLI::App& rpc, Session& session);

}  // namespace hive::ctl
