// What a client does with the frames that come back.
#include "guests/sdk/rpc/client_core.h"

namespace hive::rpc {

Outcome outcome_of(const ErrorContent& content) {
  switch (content.error) {
    case HIVE_RPC_FAILED:
      return {HIVE_REMOTE_ERROR, content.code, content.message};
    case HIVE_RPC_NO_METHOD:
      return {HIVE_NO_METHOD, 0, content.message};
    case HIVE_RPC_BUSY:
      return {HIVE_BUSY, 0, content.message};
    case HIVE_RPC_EXPIRED:
      return {HIVE_DEADLINE, 0, content.message};
    case HIVE_RPC_NO_SERVICE:
      return {HIVE_REFUSED, 0, content.message};
    case HIVE_RPC_STALE:
      return {HIVE_PEER_FAILED, 0, content.message};
    case HIVE_RPC_PROTOCOL:
      break;
  }
  return {HIVE_BAD_REPLY, 0, "the server found the call malformed: " + content.message};
}

/// Hands FRAME's payload to the call that it is for.
void ClientCore::dispatch(const std::shared_ptr<Connection>& connection, Frame& frame) {
  if (connection != connection_) return;
  const hive_rpc_frame& header = frame.header;
  const hive_rpc_fault fault = check_reply(*connection, header);
  if (fault != HIVE_RPC_FAULT_NONE) {
    bad_reply(connection, fault);
    return;
  }
  if (header.id == 0) {  // An error of the connection as a whole.
    end_connection(connection, outcome_of(read_error(frame.payload)));
    return;
  }
  PendingCall* call = slots_[header.id & (slots_.size() - 1)];
  if (call == nullptr || call->id != header.id) {
    ++counters_.late_replies;
    return;
  }
  if (header.method != call->method) {
    bad_reply(connection, HIVE_RPC_FAULT_FIELD);
    return;
  }
  if (header.kind == HIVE_RPC_ERROR) {
    finish(*call, outcome_of(read_error(frame.payload)));
    return;
  }
  std::swap(call->reply, frame.payload);
  finish(*call, {});
}

hive_rpc_fault ClientCore::check_reply(const Connection& connection,
                                       const hive_rpc_frame& header) const {
  if (header.kind != HIVE_RPC_REPLY && header.kind != HIVE_RPC_ERROR) return HIVE_RPC_FAULT_KIND;
  if (header.caller_cell != options_.own.cell ||
      header.caller_incarnation != options_.own.incarnation ||
      header.callee_incarnation != connection.peer.incarnation) {
    return HIVE_RPC_FAULT_INCARNATION;
  }
  if (header.id == 0) return HIVE_RPC_FAULT_NONE;
  const bool was_sent = header.id >= connection.first_id && header.id < next_id_;
  return was_sent ? HIVE_RPC_FAULT_NONE : HIVE_RPC_FAULT_UNKNOWN_ID;
}

}  // namespace hive::rpc
