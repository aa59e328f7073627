#include "cellmon/cli/campaign/guest_command.h"

#include <fmt/format.h>

#include <utility>

#include "cellmon/wire/base64.h"
#include "cellmon/wire/text.h"

namespace hive::cli {
namespace {

constexpr std::size_t kMaxTold = 200;

}  // namespace

void GuestCommand::start(Monitors& machine, std::size_t cell, const std::string& line) {
  forget();
  line_ = line;
  runs_ = true;
  // Nobody gives it input.
  request_ = machine.send(cell, "exec", {{"argv", {"/bin/sh", "-c", "exec </dev/null\n" + line}}});
  if (!request_) end("the cell has no monitor");
}

void GuestCommand::end(std::string problem) {
  runs_ = false;
  has_ended_ = true;
  problem_ = std::move(problem);
}

void GuestCommand::lose(const std::string& why) {
  if (runs_) end(why);
}

void GuestCommand::take(const Message& message) {
  if (!runs_) return;
  if (const auto* result = std::get_if<wire::RpcResult>(&message)) {
    if (result->id != request_) return;
    session_ = wire::number_member(result->result, "session");
    if (!session_) end("its monitor gave it no number");
  } else if (const auto* error = std::get_if<wire::RpcError>(&message)) {
    if (error->id == request_) end(wire::printable(error->message, kMaxTold));
  } else {
    take(std::get<wire::RpcNotification>(message));
  }
}

void GuestCommand::take(const wire::RpcNotification& notification) {
  const Json& params = notification.params;
  if (!session_ || wire::number_member(params, "session") != session_) return;
  if (notification.method == "exec.output") {
    const auto bytes = wire::decode_base64(wire::text_member(params, "data"));
    const bool is_error = wire::text_member(params, "stream") == "stderr";
    (is_error ? errors_ : output_) += bytes.value_or("");
    if (output_.size() + errors_.size() > kMaxOutput) {
      end(fmt::format("it printed more than {} MiB", kMaxOutput / 1024 / 1024));
    }
  } else if (notification.method == "exec.exit") {
    const auto status = wire::number_member(params, "status").value_or(-1);
    end(status == 0 ? std::string()
                    : fmt::format("it ended with status {}: {}", status,
                                  wire::printable(errors_, kMaxTold)));
  } else if (notification.method == "exec.lost") {
    end("it was lost: " + wire::printable(wire::text_member(params, "reason"), kMaxTold));
  }
}

}  // namespace hive::cli
