// A command that answers a call.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "guests/sdk/rpc/server.h"

namespace hive::ctl {

/// Runs ARGV, found along PATH, with REQUEST's payload as standard input; its output is the REPLY.
/// Its exit status, where it is not 0, is the error's code; one that could not be run has 127. It
/// is killed, with its process group, when nobody waits for the reply any longer or the reply grows
/// over 1 MiB. Its environment has HIVE_RPC_METHOD, HIVE_RPC_CALLER_CID and HIVE_RPC_CALLER.
std::optional<rpc::HandlerError> run_command(const std::vector<std::string>& argv,
                                             const rpc::Request& request, rpc::Bytes& reply);

}  // namespace hive::ctl
